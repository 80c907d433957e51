// Tasks of the compute pool in tests.

import { readlinkSync } from "node:fs";
import { getPriority } from "node:os";
import { RuntimeError } from "../../runtime/errors.ts";
import type { BatchResults } from "../../runtime/threads/batch-lane.ts";
import type { ComputeResult } from "../../runtime/threads/compute-task.ts";

export function double(n: unknown): number {
  return Number(n) * 2;
}

export function refuse(): never {
  throw new RuntimeError("OUTPUT_INVALID", "The task refuses.", { pointer: "/a" });
}

/** A batched task: says which inputs it was given together. */
export function together(inputs: unknown): BatchResults {
  const all = inputs as readonly unknown[];
  return all.map((input): ComputeResult => {
    if (input !== "bad") return { ok: true, value: { input, beside: all.length, all } };
    return { ok: false, error: { code: "INVALID", message: "Bad." } };
  });
}

/** A batched task that takes 30 ms of its thread, or dies. */
export function slowly(inputs: unknown): BatchResults {
  const all = inputs as readonly unknown[];
  if (all.includes("die")) process.exit(3);
  const endsAt = Date.now() + (all.includes("long") ? 2_500 : 30);
  while (Date.now() < endsAt);
  return all.map((value) => ({ ok: true, value }));
}

/** Niceness of the thread that runs it. */
export function niceness(): number {
  return getPriority(Number(readlinkSync("/proc/thread-self").split("/").at(-1)));
}

/** Busy for ever. */
export function spin(): never {
  for (;;);
}

/** More memory in small steps, for ever. */
export function hoard(): never {
  for (const kept: unknown[] = []; ; ) kept.push({ some: "thing", more: [kept.length] });
}

/** More memory in steps that are larger and larger. */
export function leap(): never {
  for (const kept: number[] = []; ; ) kept.push(0.5);
}

/** More memory outside the heap. */
export function fill(): never {
  for (const kept: Buffer[] = []; ; ) kept.push(Buffer.alloc(4 * 1024 * 1024, 1));
}

/** Takes memory, and has it until so many have begun and some time has passed. */
export function hold(input: unknown): number {
  const { begun, mib, atLeast } = input as { begun: Int32Array; mib: number; atLeast: number };
  Atomics.add(begun, 0, 1);
  Atomics.notify(begun, 0);
  const kept = Buffer.alloc(mib * 1024 * 1024, 1);
  for (let seen = Atomics.load(begun, 0); seen < atLeast; seen = Atomics.load(begun, 0)) {
    Atomics.wait(begun, 0, seen);
  }
  // Many times as long as the process is left unmeasured.
  Atomics.wait(begun, 1, 0, 500);
  return kept.length;
}
