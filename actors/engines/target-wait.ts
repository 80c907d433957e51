// Kind `target-wait`: the runs under one root that wait until a target is back. It lies on their shard, so that what it
// decides a run has in the same transaction. Main looks at the targets and tells it.

import { defineActor, type Turn } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import { targetTables, targetWaitKey } from "./wait-key.ts";

/** How long a call waits for its target, ms: a day. */
export const TARGET_WAIT_MS = 24 * 3_600_000;

/** What became of a wait. */
export type TargetAwaited = "back" | "expired" | "refused";

/** One wait. */
export interface TargetWait {
  readonly id: string;
  readonly target: string;
  readonly run: string;
  readonly rootRun: string;
  readonly untilMs: number;
}

/** What it is told. */
export type TargetWaitMessage =
  | { readonly type: "request"; readonly wait: TargetWait }
  | { readonly type: "back"; readonly target: string }
  | { readonly type: "expire"; readonly id: string }
  /** The run has ended. */
  | { readonly type: "over"; readonly id: string };

/** State. Version 1. */
export type TargetWaitState = Readonly<Record<string, TargetWait>>;

const KIND = "target-wait";
/** Calls of one root that wait; one more is told at once that nobody waits for it. */
const WAITS_MAX = 100;
/** Address of the waits of the runs under a root. */
export function targetWaitAddress(tenant: string, root: string): Address {
  return address({ kind: KIND, tenant, root });
}

/** Kind `target-wait`. */
export const targetWaitActor = defineActor<TargetWaitState, TargetWaitMessage>({
  kind: KIND,
  version: 1,
  initial: () => ({}),
  receive(state, message, turn) {
    switch (message.type) {
      case "request":
        return request(state, message.wait, turn);
      case "back": {
        const back = Object.values(state).filter(({ target }) => target === message.target);
        return back.reduce((now, wait) => settled(now, wait, "back", turn), state);
      }
      case "expire": {
        const wait = state[message.id];
        return wait === undefined ? state : settled(state, wait, "expired", turn);
      }
      case "over": {
        const wait = state[message.id];
        return wait === undefined ? state : without(state, wait, turn);
      }
    }
  },
});

function request(state: TargetWaitState, wait: TargetWait, turn: Turn): TargetWaitState {
  const { id, target, run, rootRun, untilMs } = wait;
  if (Object.keys(state).length >= WAITS_MAX) {
    turn.decideRun(run, targetWaitKey(id), "refused" satisfies TargetAwaited);
    return state;
  }
  turn.putRow(targetTables.waits, `${target}.${rootOf(turn)}`, { root: rootOf(turn) });
  turn.putRow(targetTables.waitsOfRun, `${rootRun}.${id}`, wait);
  turn.putRow(targetTables.waiting, rootRun, { target });
  turn.remind(id, untilMs, { type: "expire", id } satisfies TargetWaitMessage);
  return { ...state, [id]: wait };
}

function settled(
  state: TargetWaitState,
  wait: TargetWait,
  outcome: TargetAwaited,
  turn: Turn,
): TargetWaitState {
  turn.decideRun(wait.run, targetWaitKey(wait.id), outcome);
  return without(state, wait, turn);
}

function without(
  state: TargetWaitState,
  { id, rootRun, target }: TargetWait,
  turn: Turn,
): TargetWaitState {
  const left = Object.fromEntries(Object.entries(state).filter(([name]) => name !== id));
  turn.putRow(targetTables.waitsOfRun, `${rootRun}.${id}`, undefined);
  if (!Object.values(left).some((one) => one.rootRun === rootRun)) {
    turn.putRow(targetTables.waiting, rootRun, undefined);
  }
  if (!Object.values(left).some((one) => one.target === target)) {
    turn.putRow(targetTables.waits, `${target}.${rootOf(turn)}`, undefined);
  }
  turn.forget(id);
  return left;
}

const rootOf = ({ self }: Turn): string => self.slice(self.indexOf("/") + 1);
