// Names under which runs wait for a budget.

const WAIT = "budget-turn:";

/** Key of the wait of a call, by the number of its try. */
export function waitKey(call: string, number: number): string {
  return `${WAIT}${call}:${number}`;
}

/** Whether a run waits under this key for a budget. */
export function isWaitKey(key: string): boolean {
  return key.startsWith(WAIT);
}
