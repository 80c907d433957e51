// How what goes on beside requests begins and ends.

/** Ends all of them. */
export async function ended(...counted: readonly { end(): Promise<void> }[]): Promise<void> {
  await Promise.all(counted.map((one) => one.end()));
}

/** Both, one after the other. */
export const both = (one: () => void, other: () => void) => (): void => {
  one();
  other();
};

/** What can wait begins when a start is over. @returns what stops it. */
export function afterStart(ms: number, begin: () => Promise<() => void>): () => void {
  let stop: (() => void) | null = null;
  let isStopped = false;
  const timer = setTimeout(async () => {
    stop = await begin();
    if (isStopped) stop();
  }, ms);
  timer.unref();
  return () => {
    isStopped = true;
    clearTimeout(timer);
    stop?.();
  };
}
