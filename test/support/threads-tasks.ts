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
