// Tasks of the compute pool in tests.

import { RuntimeError } from "../../runtime/errors.ts";

export function double(n: unknown): number {
  return Number(n) * 2;
}

export function refuse(): never {
  throw new RuntimeError("OUTPUT_INVALID", "The task refuses.", { pointer: "/a" });
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
