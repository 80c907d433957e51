// What the door waits for: a request with one answer, or a subscription with its place. Each knows
// how it ends, by an answer, a signal, a deadline, or the death of the worker that had it.

import type { Data } from "../actor.ts";
import { shardOf } from "../address.ts";
import type { RuntimeConfig } from "../config.ts";
import { fromErrorData, RuntimeError } from "../errors.ts";
import type { Frame } from "../frame.ts";
import { type DoorItem, tenantOf } from "../message.ts";
import type { Link } from "../threads/wire.ts";
import { Subscription, type SubscriptionHost } from "./subscription.ts";
import type { Successor } from "./successor.ts";

/** After this long a refused caller may try again. */
export const RETRY_AFTER_MS = 1_000;

/** Where the door sends. */
export type Out = Link<DoorItem>;

/** One thing the door waits for. */
export interface Entry {
  readonly tenant: string;
  readonly shard: number;
  item: DoorItem;
  /** Where it was sent; null while its shard has no owner. */
  link: Out | null;
  /** Absolute; 0 for none. */
  deadlineMs: number;
  /** The same moment by a clock that nobody sets; from `Desk.enter` on. */
  lateAtMs: number;
  /** Workers that died after it was sent to them: what it asks for may have been done. */
  deaths: number;
  /** Not sent before then, by the clock of `lateAtMs`; 0 for at once. */
  heldUntilMs: number;
  /** Its worker is gone: what is sent again continues where that one stopped. */
  resume(): void;
  reply(value: Data): void;
  /** The message had been taken before: its answer then, and the run that followed. */
  elsewhere(reply: Data, run: string | null): void;
  frames(frames: readonly Frame[]): void;
  fail(error: RuntimeError): void;
  /** This process stops. @returns whether it goes on in that one; else it has to fail. */
  goOnIn(successor: Successor): boolean;
}

/** The door as its entries see it. */
export interface Desk {
  readonly config: RuntimeConfig;
  /** A number for something new. */
  newId(): number;
  /** Root of the actor whose run this is. @throws NOT_FOUND. */
  rootOf(tenant: string, run: string): Promise<string>;
  /**
   * Sends an entry and waits for what comes back, so many ms at most; null: as long as before, or for
   * ever. @throws SHUTTING_DOWN, INBOX_FULL.
   */
  enter(entry: Entry, timeoutMs: number | null): void;
  /** Forgets an entry, and tells its worker to. */
  forget(entry: Entry, tellWorker: boolean): void;
}

/** One question with one answer. */
export class Request implements Entry {
  item: DoorItem;
  readonly tenant: string;
  readonly shard: number;
  link: Out | null = null;
  deadlineMs: number;
  lateAtMs = 0;
  deaths = 0;
  heldUntilMs = 0;
  readonly #door: Desk;
  readonly #resolve: (value: Data) => void;
  readonly #reject: (error: RuntimeError) => void;
  #signal: AbortSignal | undefined;

  constructor(
    door: Desk,
    item: DoorItem,
    shard: number,
    resolve: (value: Data) => void,
    reject: (error: RuntimeError) => void,
  ) {
    this.#door = door;
    this.item = item;
    this.tenant = tenantOf(item);
    this.shard = shard;
    this.deadlineMs = item.type === "request" ? item.deadlineMs : 0;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(signal: AbortSignal | undefined, timeoutMs: number): void {
    if (signal?.aborted) throw cancelled();
    this.#door.enter(this, timeoutMs);
    if (signal === undefined) return;
    this.#signal = signal;
    signal.addEventListener("abort", this);
  }

  handleEvent(): void {
    this.#door.forget(this, true);
    this.fail(cancelled());
  }

  reply(value: Data): void {
    this.#signal?.removeEventListener("abort", this);
    this.#resolve(value);
  }

  fail(error: RuntimeError): void {
    this.#signal?.removeEventListener("abort", this);
    this.#reject(error);
  }

  resume(): void {
    // The same question again.
  }

  elsewhere(reply: Data): void {
    this.reply(reply);
  }

  frames(): void {
    // A request asks for no frames; an engine that sends some is told to stop by the next drop.
  }

  goOnIn(): boolean {
    // Whether it was done is not known here: only who has sent it can say it again.
    return false;
  }
}

/** A subscription's place at the door. */
export class Watch implements Entry, SubscriptionHost {
  readonly iterable: AsyncIterable<readonly Frame[]>;
  item: DoorItem = { type: "drop", id: 0 };
  shard = 0;
  link: Out | null = null;
  deadlineMs = 0;
  lateAtMs = 0;
  deaths = 0;
  heldUntilMs = 0;
  readonly tenant: string;
  readonly #door: Desk;
  readonly #signal: AbortSignal | undefined;
  readonly #start: () => void | Promise<void>;
  readonly #subscription: Subscription;
  #root = "";
  /** Ends the frames of another process. */
  #elsewhere: AbortController | null = null;

  constructor(
    door: Desk,
    options: {
      readonly tenant: string;
      readonly endOnly: boolean;
      readonly signal: AbortSignal | undefined;
      readonly run?: string;
      readonly after?: string;
    },
    start: () => void | Promise<void>,
  ) {
    const { tenant, signal, ...rest } = options;
    this.#door = door;
    this.tenant = tenant;
    this.#signal = signal;
    this.#start = start;
    const subscription = new Subscription(this, {
      bytesMax: door.config.viewerBytesMax,
      ...rest,
    });
    this.#subscription = subscription;
    this.iterable = { [Symbol.asyncIterator]: () => subscription };
  }

  open(): void {
    this.#open().catch((error: unknown) => this.fail(asRuntimeError(error)));
  }

  async #open(): Promise<void> {
    if (this.#signal?.aborted) throw cancelled();
    this.#signal?.addEventListener("abort", this.#subscription);
    await this.#start();
  }

  /** Enters with the message that is to be followed. */
  begin(
    shard: number,
    root: string,
    item: DoorItem & { type: "request" },
    timeoutMs: number,
  ): void {
    this.shard = shard;
    this.#root = root;
    this.item = item;
    this.deadlineMs = item.deadlineMs;
    this.#door.enter(this, timeoutMs);
  }

  /** Enters to follow a run whose place is known. */
  refollow(shard: number, root: string): void {
    if (this.#subscription.isClosed) return;
    this.shard = shard;
    this.#root = root;
    this.item = this.#followItem(this.#door.newId());
    this.#door.enter(this, null);
  }

  follow(): void {
    try {
      this.refollow(this.shard, this.#root);
    } catch (error) {
      this.fail(asRuntimeError(error));
    }
  }

  close(_subscription: Subscription, hasEnded: boolean): void {
    this.#door.forget(this, !hasEnded);
    this.#elsewhere?.abort();
    this.#elsewhere = null;
    if (this.#subscription.isClosed) {
      this.#signal?.removeEventListener("abort", this.#subscription);
    }
  }

  resume(): void {
    if (this.item.type === "follow") this.item = this.#followItem(this.item.id);
  }

  reply(): void {
    // A subscription is answered by frames.
  }

  elsewhere(reply: Data, run: string | null): void {
    this.deadlineMs = 0;
    this.#subscription.push([{ type: "accepted", reply, run }]);
    if (run === null) return;
    this.#door
      .rootOf(this.tenant, run)
      .then((root) => this.refollow(shardOf(this.tenant, root), root))
      .catch((error: unknown) => this.fail(asRuntimeError(error)));
  }

  frames(frames: readonly Frame[]): void {
    const [first] = frames;
    if (this.item.type === "follow" && first?.type === "refused") {
      this.#door.forget(this, false);
      this.fail(fromErrorData(first.error));
      return;
    }
    if (this.deadlineMs !== 0) {
      this.deadlineMs = 0;
      this.#accepted(first);
    }
    this.#subscription.push(frames);
  }

  fail(error: RuntimeError): void {
    this.#signal?.removeEventListener("abort", this.#subscription);
    this.#subscription.fail(error);
  }

  /** A run that was accepted is followed there; of a message that was not, nobody knows yet. */
  goOnIn(successor: Successor): boolean {
    if (this.item.type !== "follow") return false;
    this.#pump(successor).catch((error: unknown) => this.fail(asRuntimeError(error)));
    return true;
  }

  async #pump(successor: Successor): Promise<void> {
    const over = new AbortController();
    this.#elsewhere = over;
    const { run = "", endOnly } = this.#subscription;
    const after = this.#subscription.cursor();
    const watched = {
      tenant: this.tenant,
      run,
      endOnly,
      ...(after === undefined ? {} : { after }),
    };
    try {
      for await (const frames of successor.follow(watched, over.signal)) {
        if (over.signal.aborted) return;
        this.#subscription.push(frames);
      }
    } catch (error) {
      if (!over.signal.aborted) throw error;
    }
    if (!over.signal.aborted) throw shuttingDown();
  }

  /** From here on a lost worker means following the run, not sending the message again. */
  #accepted(first: Frame | undefined): void {
    if (first?.type !== "accepted" || first.run === null) return;
    this.#subscription.run = first.run;
    this.item = this.#followItem(this.item.id);
  }

  #followItem(id: number): DoorItem {
    const { run = "", endOnly } = this.#subscription;
    const after = this.#subscription.cursor();
    const place = { tenant: this.tenant, root: this.#root, run };
    return { type: "follow", id, ...place, endOnly, ...(after === undefined ? {} : { after }) };
  }
}

/** The caller's signal aborted. */
export function cancelled(): RuntimeError {
  return new RuntimeError("CANCELLED", "The caller went away.");
}

/** Refusal of a system that stops. */
export function shuttingDown(): RuntimeError {
  return new RuntimeError("SHUTTING_DOWN", "The system is stopping.", {
    retryAfterMs: RETRY_AFTER_MS,
  });
}

function asRuntimeError(error: unknown): RuntimeError {
  if (error instanceof RuntimeError) return error;
  return new RuntimeError("INTERNAL", "A subscription failed.", undefined, { cause: error });
}
