// Ids of calls that callers perform. They name the run that made them: protocols hand ids back as they are,
// and nothing else of an answer.

const ID = /^([a-z]+_[0-9a-z]{26})_\d{1,3}$/;

/** Of the n-th call of a run, from 0; within the 40 characters that providers take. */
export function clientCallId(run: string, at: number): string {
  return `${run}_${at}`;
}

/** The run that made a call, or null for an id of somebody else. */
export function runOfClientCall(id: string): string | null {
  return ID.exec(id)?.[1] ?? null;
}
