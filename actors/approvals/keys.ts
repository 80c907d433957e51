// Names that the run that waits and the actor that decides share.

/** Key of the decision about a call, by the key of the call within its run. */
export function decisionKey(key: string): string {
  return `approval:${key}`;
}
