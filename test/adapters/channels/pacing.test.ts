// How fast an account sends (cases 46 and 47 have the platform's side): in order within a conversation,
// in turns among them.

import { expect, test } from "vitest";
import { Pacing, type PacingClock } from "../../../adapters/channels/pacing.ts";

interface Timer {
  readonly atMs: number;
  readonly then: () => void;
}

/** A clock that is moved by hand. */
function handClock(): PacingClock & { move(ms: number): Promise<void> } {
  let nowMs = 0;
  const timers = new Set<Timer>();
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return {
    nowMs: () => nowMs,
    after: (ms, then) => {
      const timer = { atMs: nowMs + ms, then };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    move: async (ms) => {
      const untilMs = nowMs + ms;
      for (;;) {
        const [next] = [...timers].sort((a, b) => a.atMs - b.atMs);
        if (next === undefined || next.atMs > untilMs) break;
        timers.delete(next);
        nowMs = next.atMs;
        next.then();
        await settle();
      }
      nowMs = untilMs;
      await settle();
    },
  };
}

const never = new AbortController().signal;

function account(accountRate: number, conversationRate: number) {
  const clock = handClock();
  const rate = (calls: number) => ({ calls, perMs: 1_000, burst: calls });
  const pacing = new Pacing(
    { accountRate: rate(accountRate), conversationRate: rate(conversationRate) },
    clock,
  );
  const gone: string[] = [];
  const send = (conversation: string, name: string, signal = never) =>
    pacing.turn(conversation, signal).then(() => void gone.push(name));
  return { clock, pacing, gone, send };
}

test("so many go at once, and then as the rate refills", async () => {
  const { clock, gone, send } = account(100, 2);
  for (const name of ["1", "2", "3", "4"]) void send("a", name);
  await clock.move(0);
  expect(gone).toEqual(["1", "2"]);

  await clock.move(500);
  expect(gone).toEqual(["1", "2", "3"]);
  await clock.move(500);
  expect(gone).toEqual(["1", "2", "3", "4"]);
});

test("a conversation with much to say does not hold up another", async () => {
  const { clock, gone, send } = account(100, 1);
  for (let at = 0; at < 50; at += 1) void send("busy", `busy ${at}`);
  void send("quiet", "quiet");
  await clock.move(0);

  expect(gone).toEqual(["busy 0", "quiet"]);
});

test("conversations take turns where the account is slow, and each keeps its order", async () => {
  const { clock, gone, send } = account(2, 100);
  for (let at = 0; at < 4; at += 1) void send("a", `a${at}`);
  for (let at = 0; at < 4; at += 1) void send("b", `b${at}`);
  await clock.move(4_000);

  expect(gone).toHaveLength(8);
  expect(gone.filter((name) => name.startsWith("a"))).toEqual(["a0", "a1", "a2", "a3"]);
  expect(gone.slice(2, 6).filter((name) => name.startsWith("b"))).toHaveLength(2);
});

test("who gives up leaves its place to the next", async () => {
  const { clock, pacing, gone, send } = account(100, 1);
  const leave = new AbortController();
  void send("a", "first");
  const second = send("a", "second", leave.signal);
  void send("a", "third");
  leave.abort(new Error("too late"));

  await expect(second).rejects.toThrow("too late");
  await clock.move(1_000);
  expect(gone).toEqual(["first", "third"]);
  expect(pacing.waiting).toBe(0);
});

test("conversations that are over cost nothing for long", async () => {
  const { clock, send, gone } = account(1_000_000, 10);
  for (let at = 0; at < 25_000; at += 1) void send(`c${at}`, "x");
  await clock.move(0);

  expect(gone).toHaveLength(25_000);
});
