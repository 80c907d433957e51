// What the log of a run keeps of the nodes it walks: when each visit began and ended, and the state then.

/** What stands in the journal under `checkpoint:<key>` when a node of a workflow has ended. */
export interface Checkpoint {
  readonly node: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** The state of its line after it; left out when it is long. */
  readonly state?: Readonly<Record<string, unknown>>;
}

const BEFORE = "node:";
const STARTED = ":started";

/** Prefix of the steps that are checkpoints. */
export const CHECKPOINT = "checkpoint:";

/** Key of the event with which a visit of a node begins. */
export function startedKey(key: string): string {
  return `${BEFORE}${key}${STARTED}`;
}

/** The visit of a node that an event of a run's log begins; null for other events. */
export function visitOf({ key }: { readonly key: string }): string | null {
  const isStart = key.startsWith(BEFORE) && key.endsWith(STARTED);
  return isStart ? key.slice(BEFORE.length, -STARTED.length) : null;
}
