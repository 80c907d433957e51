// What triggers need from outside: work that is begun as nobody's, and stopped. Types only.

/** Work to be begun. */
export interface Work {
  readonly tenant: string;
  /** Id of the agent, team or workflow. */
  readonly target: string;
  readonly text: string;
  /** The conversation it belongs to; opened by its first message. */
  readonly conversation: string;
  /** It was there before: who speaks there is who spoke. */
  readonly joins?: true;
  /** How many triggers, one after the other, have brought it about by their work. */
  readonly depth: number;
  /** Absent: as long as its target may. */
  readonly timeoutMs?: number;
  /** The same for every attempt: it is begun once. */
  readonly key: string;
}

/** Work of a trigger. */
export interface Launch extends Work {
  /** Who is told of its end, and for which of its occurrences. */
  readonly trigger: string;
  readonly occurrence: string;
}

/** What was begun. */
export interface Launched {
  readonly run: string;
  /** It waits in a line, and begins when those before it have ended. */
  readonly isQueued?: boolean;
}

/** The port. */
export interface Launches {
  /** @returns the run, once it is on disk. @throws RuntimeError what it was refused with. */
  launch(launch: Launch, signal: AbortSignal): Promise<Launched>;
  /** Cancels a run; one that has ended is left as it is. */
  cancel(of: {
    readonly tenant: string;
    readonly run: string;
    readonly reason: string;
  }): Promise<void>;
}

/** Something that an agent has set for itself. */
export interface Planned {
  /** `tr_...` */
  readonly id: string;
  readonly text: string;
  /** One of them; ISO 8601, seconds, a cron expression. */
  readonly at?: string;
  readonly every?: number;
  readonly cron?: string;
  readonly time_zone?: string;
}

/** The conversation that it is set in. */
export interface PlanPlace {
  readonly tenant: string;
  readonly conversation: string;
}

/** Schedules that agents set in their conversations: triggers of the tenant, seen under /v2/triggers. */
export interface Schedules {
  /**
   * Sets one; asked again under its key it is the same. `most`: so many of the conversation may be to come; `leastS`:
   * seconds between two times of one. @throws INVALID, CONFLICT when there are too many, NOT_FOUND.
   */
  plan(
    of: PlanPlace & {
      readonly plan: Omit<Planned, "id">;
      readonly most: number;
      readonly leastS: number;
      readonly key: string;
    },
  ): Promise<Planned>;
  /** Those of the conversation that are to come. */
  planned(of: PlanPlace): Promise<readonly Planned[]>;
  /** Removes one of the conversation's own; one that is gone is no error. @returns whether it was there. */
  unplan(of: PlanPlace & { readonly id: string }): Promise<boolean>;
}
