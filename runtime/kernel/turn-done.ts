// What a batch remembers of a turn that wrote into it.

import type { Cell, MailItem } from "./cell.ts";
import type { Participant } from "./commit-batch.ts";
import type { Committer } from "./committer.ts";
import type { TurnDraft } from "./turn.ts";

/** A turn that took part in a batch: enough to undo it and do it again. */
export class TurnDone implements Participant {
  readonly cell: Cell;
  readonly item: MailItem;
  /** Null for a message that was recognised and not handled again. */
  readonly draft: TurnDraft | null;
  /** The asker has its answer: nothing of this turn is to be done again. */
  isAnswered = false;

  constructor(cell: Cell, item: MailItem, draft: TurnDraft | null) {
    this.cell = cell;
    this.item = item;
    this.draft = draft;
  }

  /** Whether messages told in memory have left with it. */
  get hasTold(): boolean {
    const { draft } = this;
    return draft !== null && (draft.told > 0 || draft.wishes.some(({ type }) => type === "tell"));
  }

  get shard(): number {
    return this.cell.shard;
  }
}

/** Answers when everything so far has reached the asked level; a refused batch brings the turn back. */
export function whenSafe(
  committer: Committer,
  done: TurnDone,
  { level }: NonNullable<MailItem["door"]>,
  call: () => void,
): void {
  if (level === "memory") {
    call();
    return;
  }
  if (committer.hasReached(level)) {
    done.isAnswered = true;
    call();
    return;
  }
  committer.join(done);
  committer.after(level, () => {
    done.isAnswered = true;
    call();
  });
}
