// Names that the run that waits and the actor that decides share.

const DECISION = "approval:";

/** Key of the decision about a call, by the key of the call within its run. */
export function decisionKey(key: string): string {
  return `${DECISION}${key}`;
}

/** Whether a run waits under this key for a decision. */
export function isDecisionKey(key: string): boolean {
  return key.startsWith(DECISION);
}
