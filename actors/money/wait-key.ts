// Names of the steps by which runs keep within budgets.

const WAIT = "budget-turn:";

/** Key of the wait of a call, by the number of its try. */
export function waitKey(call: string, number: number): string {
  return `${WAIT}${call}:${number}`;
}

/** Whether a run waits under this key for a budget. */
export function isWaitKey(key: string): boolean {
  return key.startsWith(WAIT);
}

/**
 * Whether a step is of the books of a call that a run makes: of one whose result is known already, by a
 * replay or a resumed run, they are not made again.
 */
export function isBudgetStep(key: string): boolean {
  return key.startsWith("budget:") || key.startsWith("budget-");
}
