// What the parts of one kernel share, and what each of them is asked for by the others. The parts
// reach each other only through this record, so that each can be read alone; kernel.ts puts them in.

import type { ActorDefinition, Data, Outcome, RunDefinition } from "../actor.ts";
import type { Address } from "../address.ts";
import type { ErrorData, RuntimeError } from "../errors.ts";
import type { Frame } from "../frame.ts";
import type { DoorItem, InboxRow, RunControl } from "../message.ts";
import type { StoredRun } from "../runs/run-row.ts";
import type { StartRequest } from "../runs/start-request.ts";
import type { FairPass } from "../shared/fair-pass.ts";
import type { Metrics } from "../shared/metrics.ts";
import type { Row } from "../store/store.ts";
import type { Quarantined } from "../system.ts";
import type { Attribution } from "./attribution.ts";
import type { Blame } from "./blame.ts";
import type { Cell, Due, MailItem } from "./cell.ts";
import type { Participant } from "./commit-batch.ts";
import type { Committer } from "./committer.ts";
import type { KernelLimits, KernelOptions } from "./kernel-port.ts";
import type { Pace } from "./pace.ts";
import type { Post } from "./post.ts";
import type { Shards } from "./shards.ts";
import type { Suspended } from "./suspended.ts";
import type { TurnDraft } from "./turn.ts";

type DoorOfItem = NonNullable<MailItem["door"]>;

/** The actors (actor-host.ts). */
export interface ActorsPort {
  /** Those in memory. */
  readonly cells: ReadonlyMap<Address, Cell>;
  /** Who has the next turn. */
  readonly order: {
    enqueue(cell: Cell): void;
    /** As `enqueue`, of a cell that has something to do and is not in the queue. */
    enter(cell: Cell): void;
    /** Whether a message waits until the batch that brings it is judged. */
    holds(cell: Cell, item: MailItem): boolean;
  };
  /** Messages in memory. */
  readonly tells: {
    tell(to: Address, from: Address | null, message: Data): void;
    /** Sends the tells of a turn. */
    ofTurn(from: Address, draft: TurnDraft): void;
  };
  /** Puts a durable message into its receiver's inbox, in the open batch. */
  post(owner: Participant, post: Post): void;
  /** A stored message has come. */
  stored(to: Address, row: InboxRow, at: { key: string; batch: object }): void;
  /** A row of the inbox was found by a scan. */
  found(to: Address, row: Row): void;
  /** A run has read a row of its inbox itself. */
  foundByRun(key: string): void;
  /** A reminder's message has come due. */
  due(to: Address, message: unknown, due: Due): void;
  push(cell: Cell, item: MailItem): void;
  /** The cell of an address, woken if need be; null when its kind is unknown. */
  cellFor(address: Address): Cell | null;
  /** A cell for an address that has none. */
  wake(address: Address, shard: number): Cell | null;
  /** Forgets every actor of a tenant: what is stored stays, whoever waits at the door is told. */
  forgetTenant(tenant: string, error: ErrorData): void;
  /** Takes an actor out of memory. */
  drop(cell: Cell): void;
  /** Reads the state of a cell that is cold. */
  load(cell: Cell): void;
}

/** Who may come in (admission.ts). */
export interface AdmissionPort {
  request(item: DoorItem & { type: "request" }, shard?: number): void;
  /** Sends back what is for another owner by now. */
  moved(item: Exclude<DoorItem, { type: "drop" }>): void;
  /** Answers whatever came from the door with an error. */
  turnAway(item: Exclude<DoorItem, { type: "drop" }>, error: ErrorData): void;
  /** Answers a request of the door with an error. */
  refuse(door: DoorOfItem, error: ErrorData): void;
  /** A message of so many bytes comes to wait; what it counts as. */
  entered(cell: Cell, dataBytes: number): number;
  /** A message has left its mailbox for good. */
  left(cell: Cell, item: MailItem): void;
}

/** Writes for an owner; `refused`: why what it had written was refused. */
export type Also = (owner: Participant, refused?: RuntimeError) => void;

/** Messages that failed for good (dead-letters.ts). */
export interface LettersPort {
  /** `also` writes what must commit with the letter. */
  setAside(to: Address, item: MailItem, cause: unknown, also?: Also): void;
}

/** Actors that are stopped (quarantine.ts). */
export interface QuarantinePort {
  readonly size: number;
  has(address: Address): boolean;
  /** What whoever speaks to this actor is told. */
  errorOf(address: Address): ErrorData;
  /** Reads which actors of these shards were stopped before. */
  read(shards: ReadonlySet<number>): Promise<void>;
  /** Stops an actor. */
  put(cell: Cell, why: Quarantined["why"], cause: unknown): void;
  /** Tells whoever waits that this actor is stopped. */
  turnAway(cell: Cell, item: MailItem): void;
}

/** A run tree in memory, as the kernel's own parts see it. */
export interface TreeSeen {
  readonly shard: number;
  readonly tenant: string;
  readonly row: StoredRun;
  /** Steps and reads under way. */
  readonly working: number;
}

/** The runs (run-host.ts). */
export interface RunsPort {
  /** Those in memory, by the id of the root run. */
  readonly trees: { readonly size: number; has(id: string): boolean; values(): Iterable<TreeSeen> };
  readonly controls: {
    /** A control message of a turn. */
    fromTurn(owner: Participant, parent: Address, run: string, control: RunControl): void;
    /** A reply or a control has come. */
    deliver(to: Address, item: MailItem): void;
  };
  readonly viewers: {
    /** Shows a run from its start to who asked for it, after `first`. */
    open(item: DoorItem & { type: "follow" }, first: Frame): void;
  };
  /** Starts (or holds) a run as part of a turn. */
  start(owner: Participant, request: StartRequest): void;
  /** Starts a held run. */
  release(owner: Participant, tenant: string, id: string, input: Data): void;
  /** A root run's row. */
  row(tenant: string, id: string): Promise<StoredRun | null>;
  /** Takes up the run behind an open mark. */
  resume(shard: number, tenant: string, id: string, mark: { input?: Data }): Promise<void>;
  /** Removes the open mark of a run that is not open. */
  unmark(shard: number, tenant: string, id: string): void;
  /** The tree of a run, taken up if it hibernates; null when it is held, has ended or never was. */
  up(tenant: string, root: string, run: string): Promise<TreeSeen | null>;
  /** A stored moment of a run that hibernates has come. */
  due(address: Address, atMs: number, key: string): void;
  /** The parent has taken the end of its run, as another outcome than the run's own if one is named. */
  settle(owner: Participant, id: string, draft: TurnDraft, endsAs?: Outcome): void;
  /** Saves what a tenant's runs have gathered, and cuts the steps that are still performed. */
  cutTenant(tenant: string): void;
  /** Forgets every run of a tenant, and tells who watches one. */
  forgetTenant(tenant: string, error: ErrorData): void;
  /** The parent could not take the end of its run. */
  settleFailed(owner: Participant, id: string): void;
}

/** Durable timers (reminders.ts). */
export interface RemindersPort {
  /** A reminder was written by this kernel. */
  add(atMs: number, key: string): void;
  /** A shard was taken that has no reminders. */
  begin(shard: number): void;
  /** Reads what is due soon in a shard. */
  look(shard: number): Promise<void>;
  /** Fires a row again after a while. */
  putOff(ms: number, key: string): void;
}

/** Which runs rest at their step boundaries (rest.ts). */
export interface RestPort {
  isFrozen(of: { readonly shard: number; readonly tenant: string }): boolean;
  /** Resolves when the shard, or the tenant if that is what is frozen, is thawed. */
  thawed(of: { readonly shard: number; readonly tenant: string }): Promise<void>;
  freezeTenant(tenant: string): void;
  thawTenant(tenant: string): void;
  /** Resolves when no step of the frozen tenant is performed any more, or after `graceMs`. */
  tenantRested(tenant: string, graceMs: number): Promise<void>;
  /** A step has ended, or a run has come to a boundary. */
  ended(): void;
}

/** The shared parts of one kernel. */
export interface Engine {
  readonly options: KernelOptions;
  readonly limits: KernelLimits;
  readonly committer: Committer;
  readonly metrics: Metrics;
  readonly pace: Pace;
  readonly actorKinds: ReadonlyMap<string, ActorDefinition<Data, Data>>;
  readonly runKinds: ReadonlyMap<string, RunDefinition<Data, Data, Data>>;
  actors: ActorsPort;
  admission: AdmissionPort;
  letters: LettersPort;
  quarantine: QuarantinePort;
  runs: RunsPort;
  reminders: RemindersPort;
  rest: RestPort;
  readonly shards: Shards;
  readonly suspended: Suspended;
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
