// Loaded before anything else by every thread of a server under test: the test sets the clock of the
// whole process, at one moment for all threads, as an administrator or a time server does. What
// measures durations (performance.now, timers) goes on as on a machine. Nothing of this is in the product.

import { getEnvironmentData, isMainThread, setEnvironmentData } from "node:worker_threads";

/** What the test sends: by how much the clock is set, in ms. Answered when it is. */
export interface ClockSet {
  readonly setClockByMs: number;
}

const NAME = "clock of the test";
const MS_A_STEP = 1_000;

if (isMainThread) setEnvironmentData(NAME, new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
const shared = getEnvironmentData(NAME) as unknown as SharedArrayBuffer;
const skewS = new Int32Array(shared);

const Original = Date;
const now = (): number => Original.now() + Atomics.load(skewS, 0) * MS_A_STEP;

globalThis.Date = new Proxy(Original, {
  construct: (date, given, target) =>
    Reflect.construct(date, given.length === 0 ? [now()] : given, target),
  get: (date, name) => (name === "now" ? now : Reflect.get(date, name)),
});

if (isMainThread) {
  // Of a process that is to be ahead from its start: in the address that it is loaded by.
  const aheadMs = Number(new URL(import.meta.url).searchParams.get("aheadMs") ?? 0);
  Atomics.store(skewS, 0, Math.round(aheadMs / MS_A_STEP));
  process.on("message", ({ setClockByMs }: ClockSet) => {
    Atomics.add(skewS, 0, Math.round(setClockByMs / MS_A_STEP));
    process.send?.("set");
  });
  process.channel?.unref();
}
