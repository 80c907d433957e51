// What a message says of the pictures that it brings. Types only.

import type { Picture } from "../../../actors/records/picture.ts";

/** A picture as it was sent. */
export interface SentPicture {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A message that may bring some. */
export interface Pictured {
  /** At most `limits.pictures`. */
  readonly pictures?: readonly SentPicture[];
  /** Keeps them for a conversation. */
  readonly keep?: (conversation: string) => Promise<readonly Picture[]>;
}
