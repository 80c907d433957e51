// What a viewer is given when frames come faster than it reads, twice, or not at all.

import { expect, test } from "vitest";
import { Subscription } from "../../../runtime/door/subscription.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { type Frame, frameId } from "../../../runtime/frame.ts";

const run = "rn_1";

function text(offset: number, written: string, attempt = 1): Frame {
  const id = frameId({ run, step: "m", attempt, offset: offset + written.length });
  return { type: "text", id, run, step: "m", attempt, offset, text: written };
}

function start(bytesMax = 1_000_000, after?: string) {
  const calls: string[] = [];
  const subscription = new Subscription(
    {
      open: () => calls.push("open"),
      follow: (one) => calls.push(`follow ${one.cursor()}`),
      close: (_, hasEnded) => calls.push(hasEnded ? "ended" : "drop"),
    },
    { bytesMax, endOnly: false, run, ...(after === undefined ? {} : { after }) },
  );
  return { subscription, calls };
}

const read = async (subscription: Subscription): Promise<readonly Frame[]> =>
  (await subscription.next()).value ?? [];

test("contiguous text of one step that waits for its reader is one frame", async () => {
  const { subscription } = start();
  const first = subscription.next();
  subscription.push([text(0, "a")]);
  await first;
  subscription.push([text(1, "b")]);
  subscription.push([text(2, "c"), text(3, "d")]);

  expect(await read(subscription)).toEqual([{ ...text(1, "bcd") }]);
});

test("past its bytes a viewer keeps what it has, gets a gap, and follows on from there", async () => {
  const { subscription, calls } = start(1_024);
  const first = subscription.next();
  subscription.push([text(0, "a")]);
  await first;
  subscription.push([text(1, "b".repeat(1_000))]);
  subscription.push([text(1_001, "c")]);
  subscription.push([text(1_002, "d")]);
  expect(calls).toEqual(["open", "drop"]);

  const frames = await read(subscription);
  const cursor = text(1, "b".repeat(1_000));

  expect(frames.map((frame) => frame.type)).toEqual(["text", "gap"]);
  expect(frames[1]).toMatchObject({ frames: 2 });
  expect(calls.at(-1)).toBe(`follow ${"id" in cursor ? cursor.id : ""}`);
});

test("text a viewer was given already is not given again when it is followed again", async () => {
  const { subscription } = start();
  const first = subscription.next();
  subscription.push([text(0, "abc")]);
  await first;
  subscription.push([text(0, "abcdef")]);
  subscription.push([text(0, "ab")]);

  expect(await read(subscription)).toEqual([text(3, "def")]);
});

test("text of another attempt is preceded by a reset", async () => {
  const { subscription } = start();
  const first = subscription.next();
  subscription.push([text(0, "abc")]);
  await first;
  subscription.push([text(0, "ABC", 2)]);

  const frames = await read(subscription);

  expect(frames.map((frame) => frame.type)).toEqual(["reset", "text"]);
  // Whoever is cut between the two has nothing of the text.
  expect(frames[0]).toMatchObject({ id: "rn_1:m:2:0" });
});

test("a reset is passed on only for a text of which the viewer may have another attempt", async () => {
  const reset = (step: string, attempt: number): Frame => ({
    ...{ type: "reset", id: `rn_1:${step}:${attempt}:0`, run: "rn_1", step, attempt },
  });
  const { subscription } = start();
  const first = subscription.next();
  subscription.push([text(0, "abc")]);
  await first;
  subscription.push([reset("other", 1), reset("m", 1), text(3, "d")]);
  expect(await read(subscription)).toEqual([text(3, "d")]);

  subscription.push([reset("m", 2), text(0, "ABC", 2)]);
  expect(await read(subscription)).toEqual([reset("m", 2), text(0, "ABC", 2)]);
});

test("a viewer that comes back is told of a reset only of what its id says or leaves open", async () => {
  const reset = (step: string, attempt: number): Frame => ({
    ...{ type: "reset", id: `rn_1:${step}@5:${attempt}:0`, run: "rn_1", step, attempt },
  });
  const resets = [reset("m", 1), reset("m", 2), reset("other", 1)];
  const given = async (after: string): Promise<readonly Frame[]> => {
    const { subscription } = start(1_000_000, after);
    const first = read(subscription);
    subscription.push([...resets, text(0, "ABC", 2)]);
    return await first;
  };

  expect(await given("rn_1:@4:0:0")).toEqual([text(0, "ABC", 2)]);
  expect(await given("rn_1:m@4:1:3")).toEqual([reset("m", 2), text(0, "ABC", 2)]);
  expect(await given("rn_1:m@4:2:1")).toEqual([reset("m", 1), reset("m", 2), text(0, "ABC", 2)]);
  expect(await given("rn_1:n@4@*:1:3")).toEqual([...resets, text(0, "ABC", 2)]);
});

test("an error comes after what is buffered, and then the end", async () => {
  const { subscription } = start();
  subscription.push([text(0, "abc")]);
  subscription.fail(new RuntimeError("SHUTTING_DOWN", "stop"));

  expect(await read(subscription)).toEqual([text(0, "abc")]);
  await expect(subscription.next()).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
  expect(await subscription.next()).toEqual({ done: true, value: undefined });
});
