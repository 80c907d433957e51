// What the parts of one kernel share. The parts reach each other only through this record, so that
// each can be read alone.

import type { ActorDefinition, Data, RunDefinition } from "../actor.ts";
import type { RunHost } from "../runs/run-host.ts";
import type { FairPass } from "../shared/fair-pass.ts";
import type { Metrics } from "../shared/metrics.ts";
import type { ActorHost } from "./actor-host.ts";
import type { Admission } from "./admission.ts";
import type { Attribution } from "./attribution.ts";
import type { Blame } from "./blame.ts";
import type { Committer } from "./committer.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { KernelLimits, KernelOptions } from "./kernel-port.ts";
import type { Pace } from "./pace.ts";
import type { Quarantine } from "./quarantine.ts";
import type { Reminders } from "./reminders.ts";
import type { Rest } from "./rest.ts";
import type { Shards } from "./shards.ts";

/** The shared parts of one kernel. */
export interface Engine {
  readonly options: KernelOptions;
  readonly limits: KernelLimits;
  readonly committer: Committer;
  readonly metrics: Metrics;
  readonly pace: Pace;
  readonly actorKinds: ReadonlyMap<string, ActorDefinition<Data, Data>>;
  readonly runKinds: ReadonlyMap<string, RunDefinition<Data, Data, Data>>;
  actors: ActorHost;
  admission: Admission;
  letters: DeadLetters;
  quarantine: Quarantine;
  runs: RunHost;
  reminders: Reminders;
  rest: Rest;
  readonly shards: Shards;
  readonly blame: Blame;
  readonly attribution: Attribution;
  readonly goingOn: FairPass;
  /** Epoch of a shard whose messages are taken here, or undefined: another kernel's, or leaving. */
  epochOf(shard: number): number | undefined;
  /** Shards whose messages are taken here. */
  ownedShards(): readonly number[];
  /** Order of inbox rows: after all that this kernel gave before, and given by no other kernel. */
  sequence(shard: number): string;
  /** Whether new work is refused because the kernel is stopping. */
  isDraining: boolean;
}

/** Applies `then` to a value that may come later, without a promise when it is here. */
export function whenRead<T, R>(value: T | Promise<T>, then: (value: T) => R): R | Promise<R> {
  return value instanceof Promise ? value.then(then) : then(value);
}
