// Requests and subscriptions of the main thread: numbers them, sends them to the owner of their
// shard, matches what comes back, ends them at their deadline or signal, and carries them over the
// death of a worker. Per item: one array look-up on the way down, one Map look-up on the way up.

import type { Data } from "../actor.ts";
import { type Address, addressParts, SHARDS, shardOf, shardOfAddress } from "../address.ts";
import type { RuntimeConfig } from "../config.ts";
import { fromErrorData, RuntimeError, toErrorData } from "../errors.ts";
import { type Frame, rootRunOf } from "../frame.ts";
import type { DoorItem, Operation, RunControl, Want, WorkerItem } from "../message.ts";
import { settleable } from "../shared/settleable.ts";
import type { RunRow, SendOptions, System, SystemFigures, WatchOptions } from "../system.ts";
import type { Handled } from "../threads/slot.ts";
import { DoorEntries } from "./door-entries.ts";
import {
  type Desk,
  type Entry,
  type Out,
  RETRY_AFTER_MS,
  Request,
  shuttingDown,
  Watch,
} from "./door-entry.ts";
import { requestItem } from "./request-item.ts";
import { heldUntil } from "./resending.ts";
import type { Successor } from "./successor.ts";

/** The engine answers a late message itself; this is how much longer the door waits for that. */
const DEADLINE_GRACE_MS = 250;
const SWEEP_MS = 100;
/** Messages in memory that wait for the owner of a shard that moves. */
const HELD_TELLS_MAX = 1_024;
/** What the door needs. */
export interface DoorOptions {
  readonly config: RuntimeConfig;
  /** The row of a root run, for what names a run and not its shard. */
  readonly runRow: (tenant: string, run: string) => Promise<RunRow | undefined>;
}

/** The part of a System that sends. */
export class Door
  implements Desk, Pick<System, "ask" | "stream" | "tell" | "send" | "follow" | "cancel" | "decide">
{
  readonly #options: DoorOptions;
  readonly #routes = new Array<Out | null>(SHARDS).fill(null);
  readonly #entries = new DoorEntries();
  readonly #totals = { requests: 0, refused: 0, resent: 0, moved: 0, lost: 0, late: 0 };
  #heldTells: (DoorItem & { type: "request" })[] = [];
  #lastId = 0;
  #isStopping = false;
  /** Goes on with what is watched here. */
  #successor: Successor | undefined;
  #sweep: NodeJS.Timeout | undefined;

  constructor(options: DoorOptions) {
    this.#options = options;
  }

  ask(to: Address, message: Data, options: SendOptions = {}): Promise<Data> {
    return this.#request(to, message, "reply", options);
  }

  async send(to: Address, message: Data, options: SendOptions = {}): Promise<void> {
    await this.#request(to, message, "stored", options);
  }

  tell(to: Address, message: Data): void {
    if (this.#isStopping) return;
    const { requestTimeoutMs } = this.#options.config;
    const sent = { id: 0, to, message, want: "nothing", timeoutMs: requestTimeoutMs } as const;
    this.#tell(requestItem(sent, {}, this.config));
  }

  stream(to: Address, message: Data, options: WatchOptions = {}): AsyncIterable<readonly Frame[]> {
    const shard = shardOfAddress(to);
    const { tenant, root } = addressParts(to);
    const endOnly = options.endOnly === true;
    const watch = new Watch(this, { tenant, endOnly, signal: options.signal }, () => {
      const want = endOnly ? "end" : "frames";
      const timeoutMs = this.#timeoutMs(options);
      const item = requestItem(
        { id: this.newId(), to, message, want, timeoutMs },
        options,
        this.config,
      );
      watch.begin(shard, root, item, timeoutMs);
    });
    return watch.iterable;
  }

  follow(
    tenant: string,
    run: string,
    options: { after?: string; signal?: AbortSignal; endOnly?: boolean } = {},
  ): AsyncIterable<readonly Frame[]> {
    const { after, signal, endOnly = false } = options;
    const start = { tenant, endOnly, signal, run: rootRunOf(run), ...(after ? { after } : {}) };
    const watch = new Watch(this, start, async () => {
      const root = await this.rootOf(tenant, run);
      watch.refollow(shardOf(tenant, root), root);
    });
    return watch.iterable;
  }

  cancel(tenant: string, run: string, reason: string): Promise<void> {
    if (this.#successor !== undefined) return this.#successor.cancel(tenant, run, reason);
    return this.#control(tenant, run, { type: "cancel", reason });
  }

  decide(tenant: string, run: string, key: string, value: Data): Promise<void> {
    return this.#control(tenant, run, { type: "decide", key, value });
  }

  /** Lets the worker that owns an actor do what an operator asks for. */
  async operate(to: Address, operation: Operation): Promise<void> {
    const item: DoorItem = { type: "operate", id: this.newId(), to, operation };
    const { entry, answer } = this.#command(item, shardOfAddress(to));
    try {
      await answer;
    } catch (error) {
      // Said again after its worker had died: a letter that is gone now was dealt with the first time.
      const isGone = error instanceof RuntimeError && error.code === "NOT_FOUND";
      if (!isGone || entry.deaths === 0) throw error;
    }
  }

  /** A message that cannot cross threads: who sent it is told, a tell is dropped. */
  unsendable({ id }: DoorItem, error: unknown): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.remove(id);
    this.#totals.refused += 1;
    const message = `A message must be plain data: ${toErrorData(error).message}`;
    entry.fail(new RuntimeError("INVALID", message));
  }

  /** What came from a worker. */
  deliver(items: readonly WorkerItem[], link: Out): void {
    for (const item of items) {
      const entry = this.#entries.get(item.id);
      if (item.type === "frames") {
        if (entry !== undefined) entry.frames(item.frames);
        // Nobody watches any more: the drop and the frames have crossed.
        else if (item.frames.at(-1)?.type !== "end") link.pushUrgent({ type: "drop", id: item.id });
        continue;
      }
      if (entry === undefined) continue;
      if (item.type === "moved") {
        if (entry.link === link) this.#moved(entry);
        continue;
      }
      this.#entries.remove(item.id);
      if (item.type === "reply") entry.reply(item.value);
      else if (item.type === "elsewhere") entry.elsewhere(item.reply, item.run);
      else entry.fail(fromErrorData(item.error));
    }
  }

  /**
   * These shards are about to leave the worker behind `link`: what comes for them waits for the next
   * owner, and so does what has not left this thread. What has left is answered or sent back.
   */
  hold(shards: ReadonlySet<number>, link: Out): void {
    for (const shard of shards) this.#routes[shard] = null;
    for (const item of link.takeUnsent()) {
      const entry = this.#entries.get(item.id);
      if (entry !== undefined && shards.has(entry.shard)) entry.link = null;
      else if (item.type === "request" && shards.has(shardOfAddress(item.to))) this.#hold(item);
      else if (item.type === "request" || item.type === "follow") link.push(item);
      else link.pushUrgent(item);
    }
  }

  /** These shards are served by `link` from now on; what waited for an owner is sent, in order. */
  assigned(shards: Iterable<number>, link: Out): void {
    for (const shard of shards) this.#routes[shard] = link;
    const tells = this.#heldTells;
    this.#heldTells = [];
    for (const item of tells) this.#tell(item);
    for (const entry of this.#entries.inOrder()) {
      if (entry.link === null) this.#route(entry);
    }
  }

  /**
   * The worker behind `link` is gone. What never left is sent again later, and so is what the next
   * owner recognises: keyed messages, controls, subscriptions; as often as threads die under them,
   * until their deadline. The rest fails with WORKER_LOST. `guilty`: what is to blame. Should it be a
   * request, its deaths go with it, and the engine makes a dead letter of it when there are too many.
   */
  lost(link: Out, guilty: Handled | null = null): void {
    this.#routes.forEach((route, shard) => {
      if (route === link) this.#routes[shard] = null;
    });
    const unsent = new Set(link.takeUnsent().map((item) => item.id));
    for (const entry of this.#entries.inOrder()) {
      if (entry.link !== link) continue;
      const { item } = entry;
      entry.link = null;
      if (unsent.has(item.id)) continue;
      if (item.type !== "request" || item.key !== undefined) {
        if (item.id === guilty?.door && item.type === "request") {
          entry.item = { ...item, deaths: (item.deaths ?? 0) + 1 };
        }
        entry.deaths += 1;
        if (item.type !== "follow") entry.heldUntilMs = heldUntil(entry.deaths);
        entry.resume();
        this.#totals.resent += 1;
        continue;
      }
      this.#entries.remove(item.id);
      this.#totals.lost += 1;
      entry.fail(
        new RuntimeError("WORKER_LOST", "The worker died while it handled this request.", {
          retryAfterMs: RETRY_AFTER_MS,
        }),
      );
    }
  }

  /** Refuses everything new, but what can go on in a successor. */
  close(successor?: Successor): void {
    this.#isStopping = true;
    this.#successor = successor;
  }

  /** Ends everything that still waits here; accepted runs are watched on in a successor. */
  end(): void {
    this.#isStopping = true;
    clearInterval(this.#sweep);
    const ended = this.#entries.inOrder();
    this.#entries.clear();
    for (const entry of ended) this.#leave(entry);
  }

  #leave(entry: Entry): void {
    const isElsewhere = this.#successor !== undefined && entry.goOnIn(this.#successor);
    if (!isElsewhere) entry.fail(shuttingDown());
  }

  /** Whether a message was sent whose taking is not told yet. */
  get isAwaitingAccepts(): boolean {
    return this.#entries.inOrder().some(({ item }) => item.type !== "follow");
  }

  figures(): SystemFigures["door"] {
    return { ...this.#totals, waiting: this.#entries.size };
  }

  newId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  get config(): RuntimeConfig {
    return this.#options.config;
  }

  enter(entry: Entry, timeoutMs: number | null): void {
    if (this.#isStopping) {
      if (this.#successor !== undefined && entry.goOnIn(this.#successor)) return;
      throw shuttingDown();
    }
    const full = this.#full(entry);
    if (full !== null) {
      this.#totals.refused += 1;
      throw new RuntimeError("INBOX_FULL", full, { retryAfterMs: RETRY_AFTER_MS });
    }
    this.#totals.requests += 1;
    this.#entries.add(entry);
    if (timeoutMs !== null) {
      entry.lateAtMs = performance.now() + timeoutMs;
      this.#startSweep();
    }
    this.#route(entry);
  }

  /** Why there is no room for an entry, or null. One tenant has half of each limit, so that others find room. */
  #full({ tenant, shard }: Entry): string | null {
    const { requestsMax, backlogMax } = this.#options.config;
    const entries = this.#entries;
    if (entries.size >= requestsMax || entries.sizeOf(tenant) >= Math.ceil(requestsMax / 2)) {
      return `The door has ${entries.size} requests and subscriptions; the limit is ${requestsMax}, half of it for one tenant.`;
    }
    const link = this.#routes[shard];
    if (!link || link.backlog < backlogMax / 2) return null;
    if (link.backlog < backlogMax && link.backlogOf(tenant) < backlogMax / 2) return null;
    return `${link.backlog} messages wait for this worker; the limit is ${backlogMax}, half of it for one tenant.`;
  }

  forget(entry: Entry, tellWorker: boolean): void {
    const id = entry.item.id;
    if (this.#entries.remove(id) && tellWorker) entry.link?.pushUrgent({ type: "drop", id });
  }

  #route(entry: Entry): void {
    const isHeld = entry.heldUntilMs > 0 && entry.heldUntilMs > performance.now();
    const link = isHeld ? null : (this.#routes[entry.shard] ?? null);
    entry.link = link;
    if (link === null) return;
    if (entry.item.type === "control" || entry.item.type === "operate") {
      link.pushUrgent(entry.item);
    } else link.push(entry.item);
  }

  #tell(item: DoorItem & { type: "request" }): void {
    const link = this.#routes[shardOfAddress(item.to)];
    if (!link) this.#hold(item);
    else if (link.backlog <= this.#options.config.backlogMax) link.push(item);
  }

  /** Keeps a tell until its shard has an owner. At most once: past the limit it is dropped. */
  #hold(tell: DoorItem & { type: "request" }): void {
    if (this.#heldTells.length < HELD_TELLS_MAX) this.#heldTells.push(tell);
  }

  /** The worker it was sent to gives its shard away: it goes to the next owner, from where it was. */
  #moved(entry: Entry): void {
    this.#totals.moved += 1;
    if (this.#isStopping) {
      this.forget(entry, false);
      this.#leave(entry);
      return;
    }
    entry.resume();
    if (entry.item.type === "follow") {
      // Under another number: frames of the old owner may still be on their way.
      this.#entries.remove(entry.item.id);
      entry.item = { ...entry.item, id: this.newId() };
      this.#entries.add(entry);
    }
    // Never back to where it came from: a worker that has lost a shard says so before main knows.
    if (this.#routes[entry.shard] === entry.link) entry.link = null;
    else this.#route(entry);
  }

  #timeoutMs({ timeoutMs }: SendOptions): number {
    return timeoutMs ?? this.#options.config.requestTimeoutMs;
  }

  #request(to: Address, message: Data, want: Want, options: SendOptions): Promise<Data> {
    const timeoutMs = this.#timeoutMs(options);
    const sent = { id: this.newId(), to, message, want, timeoutMs };
    const item = requestItem(sent, options, this.config);
    return new Promise((resolve, reject) => {
      const request = new Request(this, item, shardOfAddress(to), resolve, reject);
      request.start(options.signal, timeoutMs);
    });
  }

  async #control(tenant: string, run: string, control: RunControl): Promise<void> {
    const root = await this.rootOf(tenant, run);
    const item: DoorItem = { type: "control", id: this.newId(), tenant, root, run, control };
    await this.#command(item, shardOf(tenant, root)).answer;
  }

  #command(
    item: DoorItem,
    shard: number,
  ): { readonly entry: Pick<Entry, "deaths">; readonly answer: Promise<Data> } {
    const { promise: answer, resolve, reject } = settleable<Data>();
    const entry = new Request(this, item, shard, resolve, reject);
    const { requestTimeoutMs } = this.#options.config;
    entry.deadlineMs = Date.now() + requestTimeoutMs;
    entry.start(undefined, requestTimeoutMs);
    return { entry, answer };
  }

  async rootOf(tenant: string, run: string): Promise<string> {
    const row = await this.#options.runRow(tenant, run);
    if (row === undefined) throw new RuntimeError("NOT_FOUND", `There is no run ${run}.`);
    return addressParts(row.address).root;
  }

  #startSweep(): void {
    if (this.#sweep !== undefined) return;
    this.#sweep = setInterval(() => this.#look(), SWEEP_MS);
    this.#sweep.unref();
  }

  /** Ends what is late, sends what was held long enough. */
  #look(): void {
    const nowMs = performance.now() - DEADLINE_GRACE_MS;
    for (const entry of this.#entries.values()) {
      if (entry.link === null && entry.heldUntilMs > 0) this.#route(entry);
      if (entry.deadlineMs === 0 || entry.lateAtMs > nowMs) continue;
      this.#totals.late += 1;
      this.forget(entry, true);
      entry.fail(new RuntimeError("DEADLINE", "No answer came before the deadline."));
    }
  }
}
