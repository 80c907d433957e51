// The spans of a run in their order, where times say nothing: all of a quick run is in one millisecond, and clocks
// are set back.

import { expect, test } from "vitest";
import { spansOfRun } from "../../../actors/trace/run-spans.ts";
import type { Span } from "../../../actors/trace/span.ts";
import { inOrder } from "../../../actors/trace/span-order.ts";
import type { LogEntry } from "../../../runtime/runs/log-entry.ts";
import type { RunRow } from "../../../runtime/system.ts";

const START_MS = 1_800_000_000_000;
const row = {
  ...{ id: "rn_1", kind: "supervisor", status: "completed", input: { agent: "ag_1" } },
  ...{ startedAt: START_MS, endedAt: START_MS, outcome: { status: "completed" }, reply: null },
} as unknown as RunRow;
const usage = { promptTokens: 1, completionTokens: 1, model: "acme/m" };

const model = (key: string, run: string, afterMs: number, tookMs: number): LogEntry =>
  ({
    ...{ type: "step", run, key },
    attempt: 1,
    print: "",
    result: { usage },
    afterMs,
    tookMs,
  }) as LogEntry;
const tool = (place: string, type: "call" | "result"): LogEntry => ({
  ...{ type: "event", run: "rn_1", key: `tool-${type}:${place}`, afterMs: 0 },
  event: type === "call" ? { id: place, name: `t${place}`, arguments: {} } : { result: {} },
});
const child: LogEntry = {
  ...{ type: "child", run: "rn_1.1", parent: "rn_1", key: "tool:1.1:agent" },
  ...{ kind: "sub-agent", input: { agent: "ag_2" }, deadlineMs: 0, afterMs: 0 },
};
const spansOf = (...log: LogEntry[]): readonly Span[] =>
  spansOfRun(row, log, { tenant: "tn_1", content: false, told: (error) => error });

test("what began in the same millisecond comes behind what it is below of, and in the order of the log", () => {
  const log = [
    model("model:1", "rn_1", 0, 0),
    ...[tool("1.1", "call"), tool("1.2", "call")],
    ...[child, model("model:1", "rn_1.1", 0, 0)],
    ...[tool("1.2", "result"), tool("1.1", "result"), model("model:2", "rn_1", 0, 0)],
  ];

  const spans = spansOf(...log);

  expect(spans.map(({ name }) => name)).toEqual([
    "invoke_agent ag_1",
    ...["chat acme/m", "chat acme/m"],
    ...["execute_tool t1.1", "execute_tool t1.2", "invoke_agent ag_2", "chat acme/m"],
  ]);
  expect(inOrder(spans)).toEqual(spans);
});

test("nothing begins before its run, or ends before it begins, when the clock was set back", () => {
  const [root, chat] = spansOf(model("model:1", "rn_1", 0, 5_000));

  expect(root?.name).toBe("invoke_agent ag_1");
  expect(chat).toMatchObject({ startMs: START_MS, endMs: START_MS, parentId: root?.spanId });
});

test("spans that name each other as their parents are ordered too", () => {
  const [one] = spansOf();
  const of = (spanId: string, parentId: string) => ({ ...one, spanId, parentId }) as Span;

  expect(inOrder([of("a", "b"), of("b", "a"), of("c", "c")])).toHaveLength(3);
});
