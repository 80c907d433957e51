// Who is told of an answer beside its caller.

/** An actor that asked: a session of a channel (`cs_`) or a trigger (`tr_`), and which of its questions it is. */
export interface Asker {
  readonly asker: string;
  readonly ask: string;
  /** Of a trigger: how many others, one after the other, have set it off by their work. */
  readonly depth?: number;
}
