// What a run may store at once: a commit batch has an end, and what no batch can take ends its run
// with an error instead of troubling the others.

import type { Outcome } from "../actor.ts";
import { RuntimeError, toErrorData } from "../errors.ts";
import { roughBytes } from "../kernel/size.ts";
import { encode } from "../store/codec.ts";

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

/** An outcome as it can be stored: one that is too large, or no plain data, is a failure. */
export function storable(run: string, outcome: Outcome): Outcome {
  const bytes = roughBytes(outcome);
  if (bytes > SAVE_BYTES_MAX) return { status: "failed", error: toErrorData(tooLarge(run, bytes)) };
  if (outcome.status !== "completed") return outcome;
  try {
    encode(outcome.result);
  } catch (error) {
    return { status: "failed", error: toErrorData(error) };
  }
  return outcome;
}
