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

/**
 * The next state as it is stored, null when it is the same as before. Rows of messages are made here,
 * once, and kept for the commit.
 * @throws INVALID for what is no plain data; UNKNOWN_KIND for a run that nobody has defined.
 */
export function storable(engine: Engine, { cell, item, draft, next }: Returned): Uint8Array | null {
  for (const wish of draft.wishes) checkWish(engine, item, wish);
  checkAnswer(item, draft);
  if (next === cell.state) return null;
  if (next instanceof Promise) {
    // Nobody else waits for it: rejected, it would end the thread.
    next.catch(() => undefined);
    const message = `${cell.definition.kind} gave a promise: a turn cannot wait, only a run can.`;
    throw new RuntimeError("INVALID", message);
  }
  return encode({ version: cell.definition.version, state: next });
}

function checkWish(engine: Engine, item: MailItem, wish: Wish): void {
  switch (wish.type) {
    case "send":
      wish.post.trace = item.trace;
      wish.post.made = makeRow(wish.post);
      return;
    case "start":
      if (!engine.runKinds.has(wish.spec.kind)) {
        throw new RuntimeError("UNKNOWN_KIND", `There is no run of kind "${wish.spec.kind}".`);
      }
      checkPlain(wish.spec.input);
      return;
    case "release":
      if (wish.input !== undefined) checkPlain(wish.input);
      return;
    case "cancel":
      checkPlain(wish.reason);
      return;
    case "steer":
      checkPlain(wish.value);
      return;
    case "tell":
    case "remind": // Its rows are made already.
      return;
  }
}

/** An answer that is stored: with a key, for a run that asks, or with the end of a run. */
function checkAnswer({ ask, door, endedRun }: MailItem, { answer }: TurnDraft): void {
  if (answer === null || (!ask && !door?.key && !endedRun)) return;
  checkPlain(answer.type === "reply" ? answer.value : answer.error);
}
