// A file as it was sent. Types only.

/** A file with its path as sent, the folder of the skill included where there is one. */
export interface SentFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}
