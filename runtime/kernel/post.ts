// A durable message on its way into its receiver's inbox.

import type { Address } from "../address.ts";
import type { Asker, InboxRow, LetterPast } from "../message.ts";
import { encode } from "../store/codec.ts";

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** A durable message to post. */
export interface Post {
  readonly to: Address;
  readonly from: Address | null;
  readonly message: unknown;
  readonly deadlineMs: number;
  readonly ask?: Asker;
  readonly system?: boolean | undefined;
  trace?: string | undefined;
  readonly past?: LetterPast;
  /** Its row, when it was made before (turn-check.ts). */
  made?: MadeRow;
  /** Hand it over only when its row is on disk, not with the batch that puts it. */
  readonly late?: boolean;
}

/** A row of an inbox, and as it is stored. */
export interface MadeRow {
  readonly row: InboxRow;
  readonly value: Uint8Array;
}

/** The row of a message. @throws INVALID when it holds what is no plain data. */
export function makeRow(post: Post): MadeRow {
  const { from, message, deadlineMs, ask, system, trace, past } = post;
  // No spreads here: this is done for every durable message.
  const row: Mutable<InboxRow> = { message, from, deadlineMs };
  if (ask) row.ask = ask;
  if (system) row.system = system;
  if (trace) row.trace = trace;
  if (past) row.past = past;
  return { row, value: encode(row) };
}
