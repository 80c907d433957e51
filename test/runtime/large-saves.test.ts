// Runs that store much at once: a commit batch takes what it has room for, the rest follows, and what
// no batch can take ends its run alone.

import { afterEach, expect, test } from "vitest";
import { type Data, defineActor, defineRun, type RunEnded } from "../../runtime/actor.ts";
import { address } from "../../runtime/address.ts";
import type { Frame } from "../../runtime/frame.ts";
import { type OneKernel, startOneKernel } from "../support/one-kernel.ts";

const RUNS = 60;
const MIB = 1024 * 1024;
/** All results come in the same pass of the event loop: 60 MiB in what would be one batch. */
const RESULT_BYTES = MIB;
/** The largest batch that the committer makes of these: what it had, and one save more. */
const BATCH_BYTES_MAX = 6 * MIB;

interface Work {
  readonly bytes: number;
  readonly parts?: number;
  /** Whether the actor keeps the result as a record. */
  readonly isKept?: boolean;
}

const desk = defineActor<null, Work | RunEnded>({
  kind: "desk",
  version: 1,
  initial: () => null,
  receive(state, message, turn) {
    if ("type" in message) {
      const { outcome } = message;
      if (outcome.status === "completed" && typeof outcome.result === "string") {
        turn.put("result", outcome.result);
      }
      turn.reply(outcome.status === "completed" ? outcome.result : outcome.error.code);
      return state;
    }
    const run = turn.startRun({ kind: "work", input: { ...message } });
    turn.reply({ run }, { follow: run });
    return state;
  },
});

let calls = 0;
let waiting: (() => void)[] = [];
const work = defineRun<Work, Data, unknown>({
  kind: "work",
  async run({ bytes, parts = 1, isKept = false }, context) {
    const step = async (part: number): Promise<string> => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return await context.step(`large:${part}`, () => "x".repeat(bytes), { local: true });
    };
    const texts = await Promise.all(Array.from({ length: parts }, (_, part) => step(part)));
    await context.step("after", () => {
      calls += 1;
    });
    if (isKept) return texts.join("");
    return texts.reduce((sum, text) => sum + text.length, 0);
  },
});

let one: OneKernel | undefined;
afterEach(async () => {
  await one?.stop();
  one = undefined;
});

async function start(): Promise<{ one: OneKernel; batches: number[] }> {
  const batches: number[] = [];
  calls = 0;
  waiting = [];
  one = await startOneKernel({
    definitions: [desk, work],
    wrapStore: (store) => ({
      committed: store.committed,
      get: (key) => store.get(key),
      range: (range) => store.range(range),
      commit: (batch) => {
        const sizes = batch.ops.map((op) => ("value" in op ? (op.value?.length ?? 0) : 0));
        batches.push(sizes.reduce((sum, size) => sum + size, 0));
        return store.commit(batch);
      },
      reset: () => store.reset(),
      close: () => store.close(),
    }),
  });
  return { one, batches };
}

function replies(streams: readonly Frame[][]): unknown[] {
  return streams.map((frames) => {
    const end = frames.at(-1);
    return end?.type === "end" ? end.reply : null;
  });
}

async function goOn(count: number): Promise<void> {
  await expect.poll(() => waiting.length, { timeout: 10_000 }).toBe(count);
  for (const resolve of waiting.splice(0)) resolve();
}

test("runs that store more at once than a batch holds all end, in batches of bounded size", async () => {
  const { one, batches } = await start();
  const streams = Array.from({ length: RUNS }, (_, n) =>
    one.stream(address({ kind: "desk", tenant: "tn_1", root: `d${n}` }), { bytes: RESULT_BYTES }),
  );
  await goOn(RUNS);

  expect(replies(await Promise.all(streams))).toEqual(Array(RUNS).fill(RESULT_BYTES));
  expect(calls).toBe(RUNS);
  expect(Math.max(...batches)).toBeLessThan(BATCH_BYTES_MAX);
});

test("a result larger than any batch ends its run with an error, and no other", async () => {
  const { one } = await start();
  const at = (root: string) => address({ kind: "desk", tenant: "tn_1", root });
  const streams = [
    one.stream(at("large"), { bytes: 20 * MIB }),
    one.stream(at("small"), { bytes: 10 }),
    one.stream(at("parts"), { bytes: 3 * MIB, parts: 4 }),
  ];
  await goOn(6);

  expect(replies(await Promise.all(streams))).toEqual(["TURN_TOO_LARGE", 10, 12 * MIB]);
  expect(calls).toBe(2);
});

test("an actor that cannot store a result is told that the run failed, and goes on", async () => {
  const { one } = await start();
  const to = address({ kind: "desk", tenant: "tn_1", root: "keeper" });
  const large = one.stream(to, { bytes: 2 * MIB, isKept: true });
  await goOn(1);
  const frames = await large;
  const next = one.stream(to, { bytes: 10 });
  await goOn(1);

  expect(replies([frames, await next])).toEqual(["TURN_TOO_LARGE", 10]);
  const accepted = frames.at(0);
  const run = accepted?.type === "accepted" ? (accepted.run ?? "") : "";
  const failed = { status: "failed", error: { code: "TURN_TOO_LARGE" } };
  expect(frames.at(-1)).toMatchObject({ type: "end", outcome: failed });
  const later = await one.follow({ tenant: "tn_1", root: "keeper", run });
  expect(later.at(-1)).toMatchObject({ type: "end", outcome: failed });
});
