// Whether all that a turn wished for can be stored, before the first of it is written: a batch holds
// what other turns have written too and cannot be gone back in, so a turn must not fail half-way.

import type { Data } from "../actor.ts";
import { RuntimeError } from "../errors.ts";
import { encode } from "../store/codec.ts";
import { checkPlain } from "../store/plain.ts";
import type { Cell, MailItem } from "./cell.ts";
import type { Engine } from "./engine.ts";
import { makeRow } from "./post.ts";
import type { TurnDraft, Wish } from "./turn.ts";

/** A turn whose handler has returned. */
interface Returned {
  readonly cell: Cell;
  readonly item: MailItem;
  readonly draft: TurnDraft;
  readonly next: Data;
}

/** What is larger, roughly, is made into bytes to be measured: many characters are not one byte. */
const ROUGH_BYTES_MAX = 512;
/** What a message takes beside its data, and a run with its rows. */
const SEND_BYTES = 128;
const START_BYTES = 1_024;

/**
 * The next state as it is stored, null when it is the same as before. Rows of messages are made here,
 * once, and kept for the commit.
 * @throws INVALID for what is no plain data; UNKNOWN_KIND for a run that nobody has defined;
 *   TURN_TOO_LARGE for a state, or a turn in all, that is over its limit.
 */
export function storable(engine: Engine, { cell, item, draft, next }: Returned): Uint8Array | null {
  const { turnTotalBytes } = engine.limits;
  let bytes = draft.bytes;
  for (const wish of draft.wishes) {
    bytes += bytesOf(engine, item, wish);
    // Looked at each time: what is too much need not be made to the last message.
    if (bytes > turnTotalBytes) throw tooMuch(cell, turnTotalBytes);
  }
  const state = next === cell.state ? null : stateOf(cell, next, engine.limits.stateBytes);
  bytes += bytesOfAnswer(item, draft) + (state?.byteLength ?? 0);
  if (bytes > turnTotalBytes) throw tooMuch(cell, turnTotalBytes);
  return state;
}

function stateOf({ definition, address }: Cell, next: Data, stateBytes: number): Uint8Array {
  if (next instanceof Promise) {
    // Nobody else waits for it: rejected, it would end the thread.
    next.catch(() => undefined);
    const message = `${definition.kind} gave a promise: a turn cannot wait, only a run can.`;
    throw new RuntimeError("INVALID", message);
  }
  const state = encode({ version: definition.version, state: next });
  if (state.byteLength <= stateBytes) return state;
  const message = `The state of ${address} would have ${state.byteLength} bytes; the limit is ${stateBytes}.`;
  throw new RuntimeError("TURN_TOO_LARGE", message, { stateBytes });
}

function tooMuch({ address }: Cell, turnTotalBytes: number): RuntimeError {
  const message = `A turn of ${address} would store more than ${turnTotalBytes} bytes with all that it sends.`;
  return new RuntimeError("TURN_TOO_LARGE", message, { turnTotalBytes });
}

/** Bytes that a wish stores, having looked whether it can. */
function bytesOf(engine: Engine, item: MailItem, wish: Wish): number {
  switch (wish.type) {
    case "send":
      wish.post.trace = item.trace;
      wish.post.made = makeRow(wish.post);
      return wish.post.made.value.byteLength + SEND_BYTES;
    case "start":
      if (!engine.runKinds.has(wish.spec.kind)) {
        throw new RuntimeError("UNKNOWN_KIND", `There is no run of kind "${wish.spec.kind}".`);
      }
      return measured(wish.spec.input) + START_BYTES;
    case "release":
      return wish.input === undefined ? START_BYTES : measured(wish.input) + START_BYTES;
    case "cancel":
      return measured(wish.reason) + SEND_BYTES;
    case "steer":
    case "decide":
      return measured(wish.value) + SEND_BYTES;
    case "tell":
    case "note":
    case "remind": // Its rows are made already, and counted.
      return 0;
  }
}

/** An answer that is stored: with a key, for a run that asks, or with the end of a run. */
function bytesOfAnswer({ ask, door, endedRun }: MailItem, { answer }: TurnDraft): number {
  if (answer === null || (!ask && !door?.key && !endedRun)) return 0;
  return measured(answer.type === "reply" ? answer.value : answer.error);
}

function measured(value: unknown): number {
  const bytes = checkPlain(value);
  return bytes > ROUGH_BYTES_MAX ? encode(value).byteLength : bytes;
}
