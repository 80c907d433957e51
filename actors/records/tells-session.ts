// Who is told of an answer beside its caller.

/** A session of a channel, and which of its questions was answered. */
export interface TellsSession {
  readonly session: string;
  readonly ask: string;
}
