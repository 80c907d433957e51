// A whole system in one thread on virtual time: several kernels over one disk in memory, a seeded
// order of everything, and whatever can go wrong: the process or the power fails at any storage
// write, a worker dies, shards move, the disk is full, the clock jumps. What a test says through it
// is what the door says; a request that is lost is rejected with WORKER_LOST.

import type { Definition } from "../actor.ts";
import { type Address, addressParts, SHARDS, shardOfAddress } from "../address.ts";
import type { Frame } from "../frame.ts";
import { createKernel } from "../kernel/kernel.ts";
import type { Kernel, KernelLimits } from "../kernel/kernel-port.ts";
import type {
  DoorItem,
  MessageKey,
  Operation,
  PeerItem,
  RunControl,
  Want,
  WorkerItem,
} from "../message.ts";
import { decodeRun } from "../runs/run-row.ts";
import { type Crash, MemoryDisk, type MemoryStore, type WriteStage } from "../store/memory.ts";
import { Schedule } from "./schedule.ts";
import { TestDoor } from "./test-door.ts";
import { TestWires } from "./test-wires.ts";
import type { Workplace } from "./workplace.ts";

/** How a simulated system is made. */
export interface TestSystemOptions {
  readonly seed: number;
  readonly definitions: readonly Definition[];
  /** Handed to runs as `context.ports`. */
  readonly ports?: unknown;
  /** Instead of `ports`: made anew for each worker, so that nothing outside answers a dead one. */
  readonly portsFor?: (place: Workplace) => unknown;
  /** Kernels, default 2. */
  readonly workers?: number;
  readonly limits?: Partial<KernelLimits>;
  /** Goes on with the disk and the time of a system that has crashed: another version of its program. */
  readonly after?: TestSystem;
  /** Virtual time at the start, ms since the epoch. */
  readonly startMs?: number;
  /** Longest time that a commit, a flush, or anything on its way takes, in ms. Default 0. */
  readonly delayMs?: number;
  /** What each flush takes besides, in ms: a slow disk. Default 0. */
  readonly flushMs?: number;
  /**
   * Reads of the store answer at once (as LMDB's do), before anything else goes on ("soon"), or later.
   * Default "later".
   */
  readonly reads?: "at once" | "soon" | "later";
  /** Told of each storage write at each stage, before anybody else: the place to make faults. */
  readonly onWrite?: (write: number, stage: WriteStage) => void;
}

interface Seat extends Workplace {
  readonly kernel: Kernel;
  readonly store: MemoryStore;
  readonly life: { isOver: boolean };
  /** What is on its way to it, by sender. */
  readonly fromDoor: DoorItem[];
  readonly fromPeers: Map<number, PeerItem[]>;
}

/** Waits for its shard to have an owner. */
interface Held {
  readonly from: number;
  readonly shard: number;
  readonly item: PeerItem;
}

/** Longest time a start may take, in ms. */
const START_MS_MAX = 60_000;
const REQUEST_MS = 60_000;

/** A simulated system. */
export class TestSystem {
  readonly schedule: Schedule;
  readonly disk: MemoryDisk;
  readonly #options: TestSystemOptions;
  readonly #door: TestDoor;
  readonly #wires: TestWires;
  #seats: (Seat | undefined)[] = [];
  #owners: (Seat | undefined)[] = [];
  #epochs = new Map<number, number>();
  #held: Held[] = [];
  #life = 0;
  #isUp = false;
  /** Crashes of the whole process so far. */
  crashes = 0;

  constructor(options: TestSystemOptions) {
    this.#options = options;
    const { seed, startMs, delayMs = 0 } = options;
    this.schedule = options.after?.schedule ?? new Schedule(seed, startMs);
    this.#wires = new TestWires(this.schedule, delayMs);
    this.disk = options.after?.disk ?? this.#newDisk(options);
    this.#door = new TestDoor({
      send: (shard, item) => this.#toWorker(shard, item),
      placeOf: (run) => this.#placeOf(run),
      after: (ms, call) => void this.schedule.after("callers", ms, call),
    });
  }

  /** Starts (or starts again) on what the disk holds. Returns early when the start itself crashes. */
  async start(): Promise<void> {
    const life = this.#life;
    const isOver = (): boolean => life !== this.#life;
    const { workers = 2 } = this.#options;
    this.#epochs = new Map(this.disk.epochs);
    this.#owners = [];
    this.#held = [];
    this.#seats = Array.from({ length: workers }, (_, worker) => this.#seat(worker));
    let failure: unknown;
    this.#takeUp(isOver).then(
      () => {
        this.#isUp = !isOver();
      },
      (error: unknown) => {
        failure = error;
      },
    );
    const isDone = (): boolean => this.#isUp || failure !== undefined || isOver();
    await this.schedule.until(isDone, START_MS_MAX);
    if (failure !== undefined) throw failure;
    if (!this.#isUp && !isOver()) throw new Error(`The start took more than ${START_MS_MAX} ms.`);
  }

  /** Everything in memory is gone; `start` goes on from the disk. */
  crash(kind: Crash): void {
    this.#life += 1;
    this.#isUp = false;
    this.crashes += 1;
    this.schedule.note(`crash ${kind}`);
    for (const seat of this.#seats) if (seat !== undefined) this.#empty(seat);
    this.#owners = [];
    this.#held = [];
    this.schedule.kill("disk");
    this.disk.crash(kind);
    this.#door.crashed();
  }

  /**
   * One worker dies; the others live. Its shards' epochs are raised and the worker `heir` (default:
   * a new one in its place) takes them. Resolves when they have an owner again. During a start there
   * is nobody to do so: the process crashes. One change of owners at a time: await the one before.
   */
  async killWorker(worker: number, heir = worker): Promise<void> {
    const life = this.#life;
    const dead = this.#seats[worker];
    if (dead === undefined) return;
    if (!this.#isUp) {
      this.crash("process");
      return;
    }
    this.schedule.note(`kill ${worker}`);
    this.#empty(dead);
    this.#seats[worker] = undefined;
    this.#door.lost(worker);
    const shards = [...this.#owners.keys()].filter((shard) => this.#owners[shard] === dead);
    for (const shard of shards) this.#owners[shard] = undefined;
    const epochs = await this.#raise(shards);
    if (life !== this.#life) return;
    // Wake-ups the dead worker had not sent are found before its actors go on sending.
    for (const seat of this.#seats) await seat?.kernel.rescan();
    if (life !== this.#life) return;
    const fresh = this.#seat(worker);
    this.#seats[worker] = fresh;
    await this.#give((heir === worker ? undefined : this.#seats[heir]) ?? fresh, epochs);
  }

  /**
   * Moves shards to another worker while the system runs: whoever has them gives them up at the next
   * step boundaries, or after `graceMs`. Resolves when they have an owner again.
   */
  async move(shards: readonly number[], to: number, graceMs = 1_000): Promise<void> {
    const life = this.#life;
    if (!this.#isUp) return;
    this.schedule.note(`move ${shards.length} to ${to}`);
    for (const seat of [...this.#seats]) {
      const going = shards.filter((shard) => this.#owners[shard] === seat);
      const receiver = this.#seats[to];
      if (seat === undefined || receiver === undefined || going.length === 0) continue;
      if (seat.worker === to) continue;
      for (const shard of going) this.#owners[shard] = undefined;
      const after = await seat.kernel.release(going, graceMs);
      if (life !== this.#life) return;
      const epochs = await this.#raise(going);
      if (life !== this.#life) return;
      await this.#give(receiver, epochs, after);
    }
  }

  /** Asks an actor. Drive it with `schedule.settle()`, `advance()` or `until()`. */
  ask(to: Address, message: unknown, key?: MessageKey, trace?: string): Promise<unknown> {
    return this.#request({ to, message, want: "reply", key, trace });
  }

  /** Sends a message and gathers the frames of the run that follows, to its end; `onFrame` sees each. */
  stream(
    to: Address,
    message: unknown,
    key?: MessageKey,
    onFrame?: (frame: Frame) => void,
  ): Promise<Frame[]> {
    return this.#request({ to, message, want: "frames", key, onFrame }) as Promise<Frame[]>;
  }

  /** Durable message; resolves when it is on disk. */
  send(to: Address, message: unknown, key?: MessageKey): Promise<unknown> {
    return this.#request({ to, message, want: "stored", key });
  }

  /** Message in memory, at most once. */
  tell(to: Address, message: unknown): void {
    this.#request({ to, message, want: "nothing" }).catch(() => undefined);
  }

  /** Frames of a run after a frame id. */
  follow(
    at: { tenant: string; root: string; run: string; after?: string },
    onFrame?: (frame: Frame) => void,
  ): Promise<Frame[]> {
    const make = (id: number): DoorItem => ({ type: "follow", id, ...at, endOnly: false });
    return this.#door.say({ make, want: "follow", onFrame }) as Promise<Frame[]>;
  }

  control(
    at: { tenant: string; root: string; run: string },
    control: RunControl,
  ): Promise<unknown> {
    const make = (id: number): DoorItem => ({ type: "control", id, ...at, control });
    return this.#door.say({ make, want: "control", forMs: REQUEST_MS });
  }

  /** What an operator does to an actor or its letters. */
  operate(to: Address, operation: Operation): Promise<unknown> {
    const make = (id: number): DoorItem => ({ type: "operate", id, to, operation });
    return this.#door.say({ make, want: "control", forMs: REQUEST_MS });
  }

  /** The kernel that owns an address. */
  kernelOf(address: Address): Kernel | undefined {
    return this.#owners[shardOfAddress(address)]?.kernel;
  }

  /** Number of the worker that owns a shard, or null. */
  workerOf(shard: number): number | null {
    return this.#owners[shard]?.worker ?? null;
  }

  #request(of: {
    readonly to: Address;
    readonly message: unknown;
    readonly want: Want;
    readonly key?: MessageKey | undefined;
    readonly trace?: string | undefined;
    readonly onFrame?: ((frame: Frame) => void) | undefined;
  }): Promise<unknown> {
    const { to, message, want, key, trace, onFrame } = of;
    const make = (id: number): DoorItem => ({
      ...{ type: "request", id, to, message, want, level: "flushed" },
      deadlineMs: this.schedule.nowMs + REQUEST_MS,
      ...(key === undefined ? {} : { key }),
      ...(trace === undefined ? {} : { trace }),
    });
    return this.#door.say({ make, want, onFrame, forMs: REQUEST_MS });
  }

  #toWorker(shard: number, item: DoorItem): number | null {
    const seat = this.#owners[shard];
    if (seat === undefined) return null;
    this.#wires.batch(seat.fromDoor, item, `door>${seat.worker}`, (items) => {
      if (seat.isAlive()) seat.kernel.fromDoor(items);
    });
    return seat.worker;
  }

  #toPeer(from: number, shard: number, item: PeerItem): void {
    const seat = this.#owners[shard];
    if (seat === undefined) {
      this.#held.push({ from, shard, item });
      return;
    }
    const waiting = seat.fromPeers.get(from) ?? [];
    seat.fromPeers.set(from, waiting);
    this.#wires.batch(waiting, item, `${from}>${seat.worker}`, (items) => {
      if (seat.isAlive()) seat.kernel.fromPeer(items);
    });
  }

  #newDisk({ onWrite, flushMs = 0 }: TestSystemOptions): MemoryDisk {
    return new MemoryDisk({
      defer: (call, what) => {
        const ms = this.#wires.delay() + (what === "flush" ? flushMs : 0);
        if (ms === 0) this.schedule.defer("disk", call);
        else this.schedule.after("disk", ms, call);
      },
      onCrash: () => this.crash("process"),
      onWrite: (write, stage) => {
        this.schedule.note(`${stage} ${write}`);
        onWrite?.(write, stage);
      },
    });
  }

  async #takeUp(isOver: () => boolean): Promise<void> {
    const epochs = await this.#raise(Array.from({ length: SHARDS }, (_, shard) => shard));
    for (const seat of this.#seats) {
      if (seat === undefined || isOver()) return;
      const own = [...epochs].filter(([shard]) => shard % this.#seats.length === seat.worker);
      await this.#give(seat, new Map(own));
    }
  }

  async #raise(shards: readonly number[]): Promise<ReadonlyMap<number, number>> {
    const raised = new Map<number, number>();
    for (const shard of shards) raised.set(shard, (this.#epochs.get(shard) ?? 0) + 1);
    for (const [shard, epoch] of raised) this.#epochs.set(shard, epoch);
    await this.disk.setEpochs(raised);
    return raised;
  }

  async #give(seat: Seat, epochs: ReadonlyMap<number, number>, after = 0): Promise<void> {
    const life = this.#life;
    await seat.kernel.own(epochs, [], after);
    if (life !== this.#life || !seat.isAlive()) return;
    for (const shard of epochs.keys()) this.#owners[shard] = seat;
    const held = this.#held;
    this.#held = [];
    for (const { from, shard, item } of held) this.#toPeer(from, shard, item);
    this.#door.assigned();
  }

  #empty(seat: Seat): void {
    const { worker } = seat;
    seat.life.isOver = true;
    seat.store.disconnect();
    this.schedule.kill(`worker ${worker}`);
    this.schedule.kill(`door>${worker}`);
    this.schedule.kill(`${worker}>door`);
    this.schedule.kill(`disk>${worker}`);
    for (const other of this.#seats) {
      this.schedule.kill(`${worker}>${other?.worker}`);
      this.schedule.kill(`${other?.worker}>${worker}`);
      // Of what the dead one had sent nothing more arrives: its rows are found by a rescan.
      other?.fromPeers.delete(worker);
    }
  }

  #seat(worker: number): Seat {
    const { schedule } = this;
    const { definitions, ports, portsFor, limits, reads = "later" } = this.#options;
    const lane = `worker ${worker}`;
    const life = { isOver: false };
    const toDoor: WorkerItem[] = [];
    const isAlive = (): boolean => !life.isOver;
    const place: Workplace = { worker, isAlive, clock: schedule.clock(lane, isAlive) };
    const read =
      reads === "soon"
        ? (call: () => void): void => call()
        : (call: () => void): void => schedule.defer(lane, call);
    const store = this.disk.connect({
      send: (call) => this.#wires.carry(`${worker}>disk`, call),
      receive: (call) => schedule.defer(`disk>${worker}`, () => (isAlive() ? call() : undefined)),
      ...(reads === "at once" ? {} : { read }),
    });
    const kernel = createKernel({
      worker,
      definitions,
      ports: portsFor?.(place) ?? ports ?? {},
      store,
      clock: place.clock,
      random: schedule.bytes,
      durability: "flushed",
      defer: (call) => schedule.defer(lane, () => (isAlive() ? call() : undefined)),
      toDoor: (item) => {
        if (!isAlive()) return;
        this.#wires.batch(toDoor, item, `${worker}>door`, (items) => {
          for (const one of items) this.#door.answer(one, worker);
        });
      },
      toPeer: (shard, item) => {
        if (isAlive()) this.#toPeer(worker, shard, item);
      },
      ...(limits === undefined ? {} : { limits }),
    });
    return { ...place, kernel, store, life, fromDoor: [], fromPeers: new Map() };
  }

  #placeOf(run: string): { tenant: string; root: string } | null {
    const row = this.disk.rows.find(({ key }) => key.startsWith("n/") && key.endsWith(`/${run}`));
    if (row === undefined) return null;
    return addressParts(decodeRun(row.key, row.value).address);
  }
}
