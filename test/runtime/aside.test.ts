// Child runs that speak aside: who watches sees what they show, by their ids, and it is no part of the answer.

import { afterEach, expect, test } from "vitest";
import { type Data, defineActor, defineRun, type RunEnded } from "../../runtime/actor.ts";
import { address } from "../../runtime/address.ts";
import { type Frame, isAside, parseFrameId } from "../../runtime/frame.ts";
import { type OneKernel, startOneKernel } from "../support/one-kernel.ts";

const at = { tenant: "tn_1", root: "one" };
const host = address({ kind: "host", ...at });
let kernel: OneKernel | undefined;
afterEach(async () => {
  await kernel?.stop();
  kernel = undefined;
});

const hostActor = defineActor<null, { readonly start: string } | RunEnded>({
  kind: "host",
  version: 1,
  initial: () => null,
  receive(state, message, turn) {
    if ("start" in message) {
      turn.reply(null, { follow: turn.startRun({ kind: message.start, input: null }) });
    }
    return state;
  },
});

const speaker = defineRun<string, string, unknown>({
  kind: "speaker",
  async run(text, context) {
    if (text === "below") {
      await context.child("it", { kind: "speaker", input: "of one below" });
      return text;
    }
    await context.step(
      "say",
      async ({ write, signal }) => {
        write(text);
        if (text === "endless") {
          await new Promise((_, reject) => {
            signal.addEventListener("abort", () => reject(signal.reason));
          });
        }
        return { text };
      },
      { repeat: "safe" },
    );
    return text;
  },
});

const meeting = defineRun<null, Data, unknown>({
  kind: "meeting",
  async run(_, context) {
    const onStart = (run: string): void => context.emit(`started:${run}`, { started: run });
    for (const input of ["of a member", "below"]) {
      await context.child(input, { kind: "speaker", input, aside: true, onStart });
    }
    await context.child("answer", { kind: "speaker", input: "the answer", onStart });
    return null;
  },
});

const interrupted = defineRun<null, Data, unknown>({
  kind: "interrupted",
  run: (_, context) => context.child("it", { kind: "speaker", input: "endless", aside: true }),
});

const definitions = [hostActor, speaker, meeting, interrupted];

test("what is said aside carries the ids of those that say it, below them too", async () => {
  kernel = await startOneKernel({ definitions });

  const frames = await kernel.stream(host, { start: "meeting" });

  const ends = frames.flatMap((frame) => (frame.type === "text-end" ? [frame] : []));
  expect(ends.map(({ run, text }) => [isAside(run), text])).toEqual([
    [true, "of a member"],
    [true, "of one below"],
    [false, "the answer"],
  ]);
  expect(ends.map(({ run }) => run.slice(run.indexOf(".")))).toEqual([".1a", ".2a.1", ".3"]);
  expect(ends.every(({ id }) => parseFrameId(id) !== null)).toBe(true);
});

test("a child's id is told before it shows anything", async () => {
  kernel = await startOneKernel({ definitions });

  const frames = await kernel.stream(host, { start: "meeting" });

  const told = frames.flatMap((frame, place) =>
    frame.type === "event" ? [{ ...(frame.event as { started: string }), place }] : [],
  );
  expect(told).toHaveLength(3);
  for (const { started, place } of told) {
    const said = frames.findIndex(
      (frame) => frame.type === "text" && frame.run.startsWith(started),
    );
    expect(said).toBeGreaterThan(place);
  }
});

test("a cut run has not shown what was said aside", async () => {
  kernel = await startOneKernel({ definitions });
  const running = kernel;

  const frames = await running.stream(host, { start: "interrupted" }, (frame) => {
    if (frame.type !== "text") return;
    const run = frame.run.slice(0, frame.run.indexOf("."));
    running.control({ ...at, run }, { type: "cancel", reason: "asked" }).catch(() => undefined);
  });

  const end = frames.at(-1) as Frame & { type: "end" };
  expect(end.outcome).toMatchObject({ status: "cancelled" });
  expect(end.outcome).not.toHaveProperty("shown");
});

test("an id says of every run whether it speaks aside", () => {
  const asides = ["rn_a1.2a", "rn_a1.2a.1", "rn_1.1.12a.3.4"];
  const answers = ["rn_1a", "rn_a1", "rn_1.1", "rn_1a.1.2"];

  expect(asides.map(isAside)).toEqual([true, true, true]);
  expect(answers.map(isAside)).toEqual([false, false, false, false]);
});
