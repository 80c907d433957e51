// What triggers need from outside: work that is begun as nobody's, and stopped. Types only.

/** Work to be begun. */
export interface Launch {
  readonly tenant: string;
  /** Id of the agent, team or workflow. */
  readonly target: string;
  readonly text: string;
  /** The conversation it belongs to; opened by its first message. */
  readonly conversation: string;
  /** Who is told of its end: a trigger, and for which of its occurrences. */
  readonly trigger: string;
  readonly occurrence: string;
  /** How many triggers, one after the other, have brought it about by their work. */
  readonly depth: number;
  readonly timeoutMs: number;
  /** The same for every attempt: it is begun once. */
  readonly key: string;
}

/** The port. */
export interface Launches {
  /** @returns the run, once it is on disk. @throws RuntimeError what it was refused with. */
  launch(launch: Launch, signal: AbortSignal): Promise<{ readonly run: string }>;
  /** Cancels a run; one that has ended is left as it is. */
  cancel(of: {
    readonly tenant: string;
    readonly run: string;
    readonly reason: string;
  }): Promise<void>;
}
