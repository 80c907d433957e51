// What goes out over a channel: what is to be said (Outgoing), in the parts that the platform takes (Part),
// and what became of each (SendResult). Plain data, which is stored and crosses threads.

import type { ChannelData } from "./inbound.ts";

/** A choice shown under a message; where a platform has no buttons it is written out as a reply to give. */
export interface Button {
  /** What a press tells us; at most 64 bytes of A-Z a-z 0-9 _ . : - (the least that platforms carry). */
  readonly action: string;
  readonly label: string;
  readonly style?: "primary" | "danger";
}

/** A file to send along: stored by the server, fetched by the adapter's environment when it is sent. */
export interface OutgoingFile {
  readonly name: string;
  readonly mediaType: string;
  readonly bytes: number;
  /** Where the server keeps it. */
  readonly id: string;
}

/** A file that an agent has made of a text, or sends along. */
export interface MadeFile {
  readonly name: string;
  readonly mediaType: string;
  readonly content: string | Uint8Array;
}

/** Where files lie that are to be sent: `{bytes}` by their id. They go with their delivery. */
export const outgoingFilesTable = "channel-files";

/** What is to be said. */
export interface Outgoing {
  /** Markdown (CommonMark with GitHub's tables and strike-through), as models write it. */
  readonly text: string;
  readonly buttons?: readonly Button[];
  readonly files?: readonly OutgoingFile[];
  /** The message it answers, where the platform shows that (an inbound message's id). */
  readonly answers?: string;
  /** Takes the place of a message that was sent: its receipt. Where a platform cannot edit it is said anew. */
  readonly replaces?: Receipt;
}

/** What the platform takes in one call. Rendering is pure: the same Outgoing gives the same parts, always. */
export interface Part {
  /** What `send` gives the platform; only the adapter reads it. */
  readonly body: ChannelData;
  /** The text of it without marks, for the list of deliveries and where the platform refuses our marks. */
  readonly plain: string;
}

/** That a part has arrived at the platform. */
export interface Receipt {
  /** The platform's id of the message: echoes, statuses and edits name it. */
  readonly id: string;
  /** What an edit of it needs besides. */
  readonly data?: ChannelData;
}

/**
 * Why a part was not sent. retry: not our fault, later may help; rate: the platform wants us to wait;
 * window: this correspondent may be written to by a template only (WhatsApp after 24 h); auth: our token
 * or password is refused; format: the platform refuses what we made of it (it is sent once more without
 * marks); gone: the conversation, the correspondent or our right to write there is gone; unknown: it may
 * have arrived; late: it was too old to be sent (never an adapter's word).
 */
export type SendFailure =
  | "retry"
  | "rate"
  | "window"
  | "auth"
  | "format"
  | "gone"
  | "unknown"
  | "late";

/** What became of a call. */
export type SendResult =
  | { readonly ok: true; readonly receipt: Receipt }
  | {
      readonly ok: false;
      readonly class: SendFailure;
      /** What the platform said, without secrets, at most 300 characters. */
      readonly reason: string;
      /** As the platform says; the lane bounds it. */
      readonly retryAfterMs?: number;
    };

/** What the platform says of a send whose answer was lost. */
export type Reconciled =
  | { readonly state: "sent"; readonly receipt: Receipt }
  | { readonly state: "not_sent" }
  /** It does not know, or can never be asked. */
  | { readonly state: "unknown" }
  /** It cannot be asked just now: it is not reached, wants us to wait, or has trouble of its own. */
  | {
      readonly state: "later";
      /** As of a send that failed. */
      readonly reason: string;
      readonly retryAfterMs?: number;
    };
