// What a run may store at once: a commit batch has an end, and what no batch can take ends its run
// with an error instead of troubling the others.

import type { Outcome } from "../actor.ts";
import { RuntimeError, toErrorData } from "../errors.ts";
import { roughBytes } from "../kernel/size.ts";
import { checkPlain } from "../store/plain.ts";

/** Bytes of one chunk of a log, and of one message or result of a run. */
export const SAVE_BYTES_MAX = 8 * 1024 * 1024;

/** Why a run has ended that wanted to store more. */
export function tooLarge(run: string, bytes: number): RuntimeError {
  const message = `The run "${run}" gave ${bytes} bytes at once; the limit is ${SAVE_BYTES_MAX}.`;
  return new RuntimeError("TURN_TOO_LARGE", message, { bytesMax: SAVE_BYTES_MAX });
}

/** @throws TURN_TOO_LARGE for a message that is, roughly, larger than the limit. */
export function checkMessage(run: string, message: unknown): void {
  const bytes = roughBytes(message);
  if (bytes > SAVE_BYTES_MAX) throw tooLarge(run, bytes);
}

/** What a run or a step gave, by the name that its error has. */
interface Given {
  readonly run: string;
  readonly what: string;
  readonly key: string;
}

/** Why something that a run gave cannot be stored. */
export function notPlain({ run, what, key }: Given, cause: unknown): RuntimeError {
  const why = toErrorData(cause).message;
  return new RuntimeError("INVALID", `The ${what} "${key}" of ${run} is no plain data: ${why}`);
}

/** @throws INVALID for what is no plain data, and says what it is. */
export function checkGiven(of: Given, value: unknown): void {
  try {
    checkPlain(value);
  } catch (error) {
    throw notPlain(of, error);
  }
}

/** An outcome as it can be stored: one that is too large, or no plain data, is a failure. */
export function storable(run: string, outcome: Outcome): Outcome {
  try {
    const bytes = roughBytes(outcome);
    if (bytes > SAVE_BYTES_MAX) throw tooLarge(run, bytes);
    if (outcome.status === "completed") checkPlain(outcome.result);
  } catch (error) {
    return { status: "failed", error: toErrorData(error) };
  }
  return outcome;
}
