// Where a stream ends because of a question, and where the next one begins: nothing is shown twice, and
// nothing is left out.

import { expect, test } from "vitest";
import type { Approval } from "../../../actors/records/approval.ts";
import type { ChatEvent } from "../../../actors/records/conversation.ts";
import { type ShownItem, shownOf } from "../../../adapters/http/ui/shown.ts";
import type { Frame } from "../../../runtime/frame.ts";

const run = "rn_1";
const event = (at: number, of: ChatEvent): Frame => ({
  ...{ type: "event", id: `${run}:e${at}:1:0`, run, event: of as never },
});
const asked = (id: string, of = run): Frame =>
  ({
    ...event(1, {
      ...{ type: "approval_requested", id, run_id: of, agent_key: null, tool: "pay" },
      ...{ arguments: {}, reason: "", expires_at: "2026-01-01T00:00:00.000Z" },
    }),
    run: of,
  }) as Frame;
const decided = (id: string): Frame =>
  event(2, { type: "approval_decided", id, tool: "pay", decision: "approve", by: "rule" });
const notice = (text: string): Frame => event(3, { type: "notice", text });

/** What is shown of frames that come one by one, behind which the run is silent but not over. */
async function shown(
  frames: readonly Frame[],
  pending: readonly string[],
  before: readonly string[],
) {
  let hasLeft = false;
  const batches = (async function* () {
    for (const frame of frames) yield [frame];
    if (pending.length > 0) await new Promise(() => undefined);
  })();
  // A reader that has left is not waited for.
  const iterator = {
    next: () => batches.next(),
    return: async () => ({ done: true, value: undefined }),
  };
  const answering = {
    accepted: { run, conversation_key: "cv_1", message_id: "", agent_version: 1, model: "" },
    frames: { [Symbol.asyncIterator]: () => iterator } as AsyncIterable<readonly Frame[]>,
    letGo: () => {
      hasLeft = true;
    },
  };
  const items = pending.map((id) => ({ id }) as Approval);
  const services = { approvals: { list: async () => ({ items, next: null }) } };
  const told: ShownItem[] = [];
  const reading = { tenant: "tn_1", answering, decided: new Set(before) };
  for await (const batch of shownOf(services as never, reading)) told.push(...batch);
  return { told: told.filter(({ isNew }) => isNew).map(nameOf), hasLeft };
}

function nameOf({ shown: one }: ShownItem): string {
  if (one.type !== "event") return one.type;
  if (one.event.type === "notice") return one.event.text;
  return "id" in one.event ? `${one.event.type} ${one.event.id}` : one.event.type;
}

test("what comes behind a question is left to the connection that brings the decision", async () => {
  const frames = [notice("a"), asked("ap_1"), notice("b"), asked("ap_2"), notice("c")];
  const first = await shown(frames, ["ap_1", "ap_2"], []);
  const more = [decided("ap_1"), decided("ap_2"), notice("d")];
  const second = await shown([...frames, ...more], [], ["ap_1", "ap_2"]);

  expect(first).toEqual({
    told: ["a", "approval_requested ap_1", "approval_requested ap_2", "interrupted"],
    hasLeft: true,
  });
  const rest = ["b", "c", "approval_decided ap_1", "approval_decided ap_2", "d"];
  expect(second).toEqual({ told: rest, hasLeft: false });
});

test("a question that is decided at once ends no stream and changes no order", async () => {
  const { told } = await shown([asked("ap_1"), notice("a"), decided("ap_1"), notice("b")], [], []);

  expect(told).toEqual(["approval_requested ap_1", "a", "approval_decided ap_1", "b"]);
});

test("a question that is still open behind the decided one ends the stream again", async () => {
  const frames = [asked("ap_1"), asked("ap_2"), decided("ap_2"), notice("a")];
  const { told } = await shown(frames, ["ap_1"], ["ap_2"]);

  expect(told).toEqual(["interrupted"]);
});

test("what a member of a team asks is asked, though what it says is not told", async () => {
  const { told } = await shown([asked("ap_1", `${run}.1a`)], ["ap_1"], []);

  expect(told).toEqual(["approval_requested ap_1", "interrupted"]);
});

test("a text that was begun anew ends the stream, and the run goes on", async () => {
  const text = (at: number, attempt: number, words: string): Frame => ({
    ...{ type: "text", id: `${run}:s:${attempt}:${at}`, run, step: "s", attempt, offset: at },
    text: words,
  });
  const reset: Frame = { type: "reset", id: `${run}:s:2:0`, run, step: "s", attempt: 2 };
  const { told, hasLeft } = await shown([text(0, 1, "a"), reset, text(0, 2, "b")], [], []);

  expect([told, hasLeft]).toEqual([["text", "restarted"], true]);
});

test("the end of a run is shown though the decided question is not among what is kept", async () => {
  const reply = { response: "Done." } as never;
  const outcome = { status: "completed" } as never;
  const end: Frame = { type: "end", id: `${run}:z:1:0`, run, outcome, reply, counters: {} };
  const { told } = await shown([notice("a"), end], [], ["ap_1"]);

  expect(told).toEqual(["end"]);
});
