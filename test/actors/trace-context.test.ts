// W3C trace context as it comes in and goes out.

import { expect, test } from "vitest";
import {
  beginTrace,
  isBegunHere,
  outgoingTrace,
  parseTraceparent,
  requestIn,
  spanId,
  traceOfRequest,
  traceOfRun,
} from "../../actors/trace/trace-context.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const parentId = "00f067aa0ba902b7";

test.each([
  [`00-${traceId}-${parentId}-01`, true],
  // A later version may say more.
  [`cc-${traceId}-${parentId}-01-what-comes`, true],
  [`00-${traceId}-${parentId}-01-more`, false],
  [`ff-${traceId}-${parentId}-01`, false],
  [`00-${"0".repeat(32)}-${parentId}-01`, false],
  [`00-${traceId}-${"0".repeat(16)}-01`, false],
  [`00-${traceId.toUpperCase()}-${parentId}-01`, false],
  [`00-${traceId}-${parentId}`, false],
  [`00-${traceId}-${parentId}-01${"-".repeat(10_000)}`, false],
  ["", false],
])("of %s it is known whether it is one", (header, isOne) => {
  expect(parseTraceparent(header)).toEqual(isOne ? { traceId, parentId } : null);
});

test("a run without a trace has one of its own, which its children share", () => {
  const own = traceOfRun("tn_1", "rn_1", undefined);
  expect(own).toEqual({ traceId: expect.stringMatching(/^[0-9a-f]{32}$/), parentId: null });
  expect(traceOfRun("tn_1", "rn_1.2.1a", "no trace")).toEqual(own);
  expect(traceOfRun("tn_2", "rn_1", undefined).traceId).not.toBe(own.traceId);
});

test("what goes out names the span of the step that sends it", () => {
  const trace = `00-${traceId}-${parentId}-00`;
  const sent = outgoingTrace({ id: "rn_1.1", tenant: "tn_1", trace }, "tool:1.1");
  expect(parseTraceparent(sent)).toEqual({ traceId, parentId: spanId("rn_1.1", "tool:1.1") });
});

test("a trace that begins here is known as one, and one from outside is not", () => {
  const begun = parseTraceparent(beginTrace("tn_1/ch_1/event"));
  expect(begun !== null && isBegunHere(begun)).toBe(true);
  expect(isBegunHere({ traceId, parentId })).toBe(false);
});

test("the request is kept beside its traceparent, and one that a client makes up is not", () => {
  const header = `00-${traceId}-${parentId}-01`;
  const kept = traceOfRequest(`${header};req_forged`, "req_1");
  expect([kept, parseTraceparent(kept), requestIn(kept)]).toEqual([
    `${header};req_1`,
    { traceId, parentId },
    "req_1",
  ]);
  expect(traceOfRequest("no trace", "req_1")).toBe(";req_1");
  expect([requestIn(undefined), requestIn(header), parseTraceparent(";req_1")]).toEqual([
    null,
    null,
    null,
  ]);
});
