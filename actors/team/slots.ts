// Room for so many at once, in the order in which they came.

/** Room. */
export interface Slots {
  /** Resolves when there is room. */
  take(): Promise<void>;
  give(): void;
}

/** @param most how many may have a place at once, at least 1. */
export function createSlots(most: number): Slots {
  let taken = 0;
  const waiting: (() => void)[] = [];
  return {
    async take() {
      if (taken < most) {
        taken += 1;
        return;
      }
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
      });
    },
    give() {
      // The place goes on to the next one without being free in between.
      const next = waiting.shift();
      if (next === undefined) taken -= 1;
      else next();
    },
  };
}
