// A model call under way: what is reserved for it, and what counts as spent when it ends without an answer.

import type { PricedCall } from "./call-cost.ts";
import type { LimitState, PurseCallMessage, ReserveMessage } from "./messages.ts";

/** A call under way, in this life of its run. */
export interface OpenCall extends PricedCall {
  readonly key: string;
  readonly ask: Omit<ReserveMessage, "run" | "call" | "place" | "known">;
  /** Reservations that stand, by their calls: one for each request that may be paid. */
  readonly held: string[];
  readonly micros: number;
  /** The limit that leaves fewer tokens than were asked for. */
  readonly shortBy: LimitState | undefined;
  /** The number of the next try. */
  next: number;
  /** Requests that are out or may be paid. */
  requests: number;
  /** Of them those that have failed. */
  lost: number;
  hasBegun: boolean;
  /** Whether they are counted where they are sent. */
  isCounted: boolean;
  isUnpaid: boolean;
}

/** What a reservation is settled at. */
export type Settled = Pick<
  PurseCallMessage & { readonly type: "settle" },
  "micros" | "tokens" | "isFree"
>;

export const NOTHING: Settled = { micros: 0, isFree: true };
export const wholly = (micros: number): Settled => ({ micros });

/** How many of its reservations are for requests that may be paid. */
export function sentOf({ hasBegun, isCounted, requests, held }: OpenCall): number {
  if (!hasBegun) return 0;
  return isCounted ? requests : held.length;
}

/**
 * What a call without an end counts as. What was seen of its answer says little: a model may have thought
 * before, and written what did not come. So all that was reserved, unless nothing can have been paid.
 */
export function cutCost({
  hasBegun,
  isCounted,
  requests,
  isUnpaid: isFree,
  micros,
}: OpenCall): Settled {
  const isNothing = !hasBegun || (isCounted ? requests === 0 : isFree);
  return isNothing ? NOTHING : wholly(micros);
}
