// The door of a simulated system: who waits for an answer, and what becomes of them when the answer
// can no longer come. What never left waits for an owner; the rest is rejected with WORKER_LOST, and
// the caller asks again.

import { shardOf, shardOfAddress } from "../address.ts";
import { type ErrorData, fromErrorData, RuntimeError } from "../errors.ts";
import type { Frame } from "../frame.ts";
import type { DoorItem, Want, WorkerItem } from "../message.ts";

/** What somebody at the door waits for. */
interface Waiter {
  readonly shard: number;
  readonly item: DoorItem;
  readonly isWatch: boolean;
  readonly frames: Frame[];
  readonly onFrame: ((frame: Frame) => void) | undefined;
  /** Worker it was sent to, or null while its shard has no owner. */
  worker: number | null;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** How the door reaches the workers. */
export interface TestDoorOptions {
  /** Sends to the owner of a shard. @returns its number, or null when it has none. */
  readonly send: (shard: number, item: DoorItem) => number | null;
  /** Address of a root run, from its row. */
  readonly placeOf: (run: string) => { readonly tenant: string; readonly root: string } | null;
  /** Calls when a request is late: its deadline has passed without an answer. */
  readonly after: (ms: number, call: () => void) => void;
}

/** A late answer may still be on its way. */
const DEADLINE_GRACE_MS = 1_000;

/** Everybody who waits at the door. */
export class TestDoor {
  readonly #options: TestDoorOptions;
  #waiters = new Map<number, Waiter>();
  #lastId = 0;

  constructor(options: TestDoorOptions) {
    this.#options = options;
  }

  /** Sends an item made for its id; `forMs` is how long its answer may take. */
  say(of: {
    readonly make: (id: number) => DoorItem;
    readonly want: Want | "follow" | "control";
    readonly onFrame?: ((frame: Frame) => void) | undefined;
    readonly forMs?: number;
  }): Promise<unknown> {
    this.#lastId += 1;
    const id = this.#lastId;
    const item = of.make(id);
    const promise = new Promise((resolve, reject) => {
      const isWatch = of.want === "frames" || of.want === "end" || of.want === "follow";
      const base = { shard: shardOfItem(item), item, isWatch, frames: [], onFrame: of.onFrame };
      this.#waiters.set(id, { ...base, worker: null, resolve, reject });
    });
    promise.catch(() => undefined);
    this.assigned();
    if (of.forMs !== undefined) {
      this.#options.after(of.forMs + DEADLINE_GRACE_MS, () => {
        const waiter = this.#waiters.get(id);
        if (waiter === undefined || waiter.frames.length > 0) return;
        const message = "No answer came before the deadline.";
        this.#fail(id, waiter, { code: "DEADLINE", message });
      });
    }
    return promise;
  }

  /** Shards have owners now: what waited for one is sent. */
  assigned(): void {
    for (const waiter of this.#waiters.values()) {
      if (waiter.worker === null) waiter.worker = this.#options.send(waiter.shard, waiter.item);
    }
  }

  /** A worker is gone: who waits for it hears WORKER_LOST. */
  lost(worker: number): void {
    for (const [id, waiter] of [...this.#waiters]) {
      if (waiter.worker === worker) this.#lose(id, waiter);
    }
  }

  /** The process is gone. */
  crashed(): void {
    for (const [id, waiter] of [...this.#waiters]) this.#lose(id, waiter);
  }

  /** What came from a worker. */
  answer(item: WorkerItem, worker: number): void {
    const waiter = this.#waiters.get(item.id);
    if (waiter === undefined) return;
    switch (item.type) {
      case "moved":
        this.#moved(item.id, waiter, worker);
        return;
      case "reply":
        this.#resolve(item.id, waiter, item.value);
        return;
      case "error":
        this.#fail(item.id, waiter, item.error);
        return;
      case "elsewhere":
        this.#elsewhere(item, waiter);
        return;
      case "frames":
        for (const frame of item.frames) this.#frame(item.id, waiter, frame);
    }
  }

  /** Nothing of a request was done there: it goes to the next owner. Who watched asks again. */
  #moved(id: number, waiter: Waiter, worker: number): void {
    if (waiter.worker !== worker) return;
    if (waiter.isWatch) {
      this.#lose(id, waiter);
      return;
    }
    waiter.worker = null;
    this.assigned();
  }

  /** A keyed message was taken before: its answer then, and its run followed at its own root. */
  #elsewhere(item: WorkerItem & { type: "elsewhere" }, waiter: Waiter): void {
    const { id, run, reply } = item;
    if (!waiter.isWatch) {
      this.#resolve(id, waiter, reply);
      return;
    }
    this.#show(waiter, { type: "accepted", reply, run });
    const place = run === null ? null : this.#options.placeOf(run);
    if (run === null || place === null) {
      this.#resolve(id, waiter, waiter.frames);
      return;
    }
    this.#waiters.delete(id);
    const { onFrame } = waiter;
    this.say({
      make: (next) => ({ type: "follow", id: next, ...place, run, endOnly: false }),
      want: "follow",
      onFrame,
    }).then(
      (frames) => waiter.resolve([...waiter.frames, ...(frames as Frame[])]),
      (error: Error) => waiter.reject(error),
    );
  }

  #frame(id: number, waiter: Waiter, frame: Frame): void {
    if (!this.#waiters.has(id)) return;
    if (frame.type === "refused") {
      this.#fail(id, waiter, frame.error);
      return;
    }
    this.#show(waiter, frame);
    const isOver = frame.type === "end" || (frame.type === "accepted" && frame.run === null);
    if (isOver) this.#resolve(id, waiter, waiter.frames);
  }

  #show(waiter: Waiter, frame: Frame): void {
    waiter.frames.push(frame);
    waiter.onFrame?.(frame);
  }

  #resolve(id: number, waiter: Waiter, value: unknown): void {
    this.#waiters.delete(id);
    waiter.resolve(value);
  }

  #fail(id: number, waiter: Waiter, error: ErrorData): void {
    this.#waiters.delete(id);
    waiter.reject(fromErrorData(error));
  }

  #lose(id: number, waiter: Waiter): void {
    this.#waiters.delete(id);
    waiter.reject(new RuntimeError("WORKER_LOST", "The worker that had this request is gone."));
  }
}

function shardOfItem(item: DoorItem): number {
  if (item.type === "request" || item.type === "operate") return shardOfAddress(item.to);
  return item.type === "drop" ? 0 : shardOf(item.tenant, item.root);
}
