// A promise with its ends, for what is settled elsewhere than where it is made.

/** A promise that is settled from outside. */
export interface Settleable<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

/** Makes one. */
export function settleable<T>(): Settleable<T> {
  let [resolve, reject]: [(value: T) => void, (error: Error) => void] = [ignored, ignored];
  const promise = new Promise<T>((yes, no) => {
    [resolve, reject] = [yes, no];
  });
  return { promise, resolve, reject };
}

const ignored = (): void => undefined;
