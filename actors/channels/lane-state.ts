// What a lane remembers.

/** State. Version 1. */
export interface LaneState {
  /** Deliveries that wait, oldest first. */
  readonly waiting: readonly string[];
  readonly current: { readonly id: string; readonly run: string } | null;
  readonly isSwept: boolean;
  /** Its channel, once that was removed: nothing is said any more. */
  readonly removed?: string;
}
