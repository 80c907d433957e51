// What is told of a run on its way: at most so often, and never more than the client can take.

import { expect, test } from "vitest";
import { Flow } from "../../../adapters/mcp/call.ts";
import { showProgress } from "../../../adapters/mcp/progress.ts";
import type { Frame } from "../../../runtime/frame.ts";

const text = (piece: string, run = "rn_1"): Frame => ({
  ...{ type: "text", id: "rn_1:s:1:0", run, step: "s", attempt: 1, offset: 0, text: piece },
});
const event = (type: string, more: object = {}): Frame => ({
  ...{ type: "event", id: "rn_1:e:1:0", run: "rn_1", event: { type, ...more } },
});

async function* batches(...all: readonly (readonly Frame[])[]): AsyncIterable<readonly Frame[]> {
  for (const batch of all) yield batch;
}

test("text is told at most four times a second, as the end of what is written; events always", async () => {
  const said: string[] = [];
  let nowMs = 0;
  async function* frames(): AsyncIterable<readonly Frame[]> {
    for (let at = 0; at < 100; at += 1) {
      yield [text("0123456789")];
      nowMs += 10;
    }
    yield [event("tool_call", { name: "refund" }), event("memories")];
  }

  await showProgress(
    frames(),
    async (line) => void said.push(line),
    () => nowMs,
  );

  expect(said).toHaveLength(5);
  expect(said.every((line) => line.length <= 200)).toBe(true);
  expect(said.at(-2)).toHaveLength(200);
  expect(said.at(-1)).toBe("Calls refund.");
});

test("what members of a team say aside is not told, and what was taken back neither", async () => {
  const said: string[] = [];
  const frames = batches(
    [text("aside", "rn_1.1a")],
    [text("wrong "), { type: "reset", id: "x", run: "rn_1", step: "s", attempt: 2 }, text("right")],
  );

  await showProgress(
    frames,
    async (line) => void said.push(line),
    () => 0,
  );

  expect(said).toEqual(["right"]);
});

test("nothing more is read of a run while the client has not caught up", async () => {
  const flow = new Flow();
  let drain = (): void => undefined;
  flow.hold(
    new Promise((resolve) => {
      drain = resolve;
    }),
  );
  let read = 0;
  async function* frames(): AsyncIterable<readonly Frame[]> {
    for (; read < 3; ) {
      read += 1;
      yield [event("tool_call", { name: "refund" })];
    }
  }
  const said: string[] = [];
  const shown = showProgress(
    frames(),
    async (line) => {
      await flow.ready();
      said.push(line);
    },
    () => 0,
  );

  await new Promise((resolve) => setImmediate(resolve));
  expect([read, said.length]).toEqual([1, 0]);
  flow.free();
  drain();
  await shown;

  expect([read, said.length]).toEqual([3, 3]);
});
