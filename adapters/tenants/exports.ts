// Exports of tenants of a running server: a few at once, each on a thread of its own, which holds one
// snapshot for as long as it is read.

import { Worker } from "node:worker_threads";
import { fromErrorData, RuntimeError } from "../../runtime/errors.ts";
import type { ExportRequest, ExportTold } from "./export-thread.ts";

/** Limits of exports. */
export const exportLimits = {
  /** At once: each holds a snapshot, and what is freed meanwhile stays in the files. */
  atOnce: 2,
  /** One is cut after this, however slowly it is read, ms. */
  longestMs: 3_600_000,
  /** The same of those that owners of tenants ask for, one of each tenant. */
  ofOwners: { atOnce: 2, longestMs: 600_000 },
} as const;

/** An export under way. */
export interface TenantExport {
  /** Its text, in pieces of about 64 KiB. @throws what reading them throws. */
  pieces(): AsyncIterable<string>;
  /** Resolves when its snapshot is given back; to be called whether it was read to its end or not. */
  close(): Promise<void>;
}

/** The exports of a server. */
export class TenantExports {
  readonly #longestMs: number;
  #underWay = 0;
  /** Tenants whose owners have one under way. */
  readonly #owners = new Set<string>();

  /** @param longestMs how long one takes at most; those of owners: that, and no longer than their limit. */
  constructor(longestMs: number = exportLimits.longestMs) {
    this.#longestMs = longestMs;
  }

  /** Exports under way. */
  get size(): number {
    return this.#underWay + this.#owners.size;
  }

  /**
   * Begins one; what it shows is what is stored before its first piece is there.
   * @throws CONFLICT when as many as may be are under way, NOT_FOUND.
   */
  async begin(request: ExportRequest): Promise<TenantExport> {
    const leave = this.#enter(request);
    const { longestMs } = exportLimits.ofOwners;
    const mostMs = request.isForOwner ? Math.min(this.#longestMs, longestMs) : this.#longestMs;
    const thread = new Thread(request, mostMs);
    void thread.ended.then(leave);
    try {
      const first = await thread.next();
      return { pieces: () => thread.from(first), close: () => thread.close() };
    } catch (error) {
      await thread.close();
      throw error;
    }
  }

  /** Owners keep out neither the operator nor, with more than one, each other. */
  #enter({ tenant, isForOwner = false }: ExportRequest): () => void {
    if (isForOwner && this.#owners.has(tenant)) {
      const text = "An export of this tenant is under way; wait for it.";
      throw new RuntimeError("CONFLICT", text, { limit: "exports", value: 1 });
    }
    const { atOnce: value } = isForOwner ? exportLimits.ofOwners : exportLimits;
    if ((isForOwner ? this.#owners.size : this.#underWay) >= value) {
      const text = `${value} exports of tenants are under way, which is the most; wait for one of them.`;
      throw new RuntimeError("CONFLICT", text, { limit: "exports", value });
    }
    if (isForOwner) {
      this.#owners.add(tenant);
      return () => void this.#owners.delete(tenant);
    }
    this.#underWay += 1;
    return () => {
      this.#underWay -= 1;
    };
  }
}

interface Waiting {
  resolve(told: ExportTold): void;
  reject(error: unknown): void;
}

class Thread {
  readonly ended: Promise<void>;
  readonly #worker: Worker;
  readonly #timer: NodeJS.Timeout;
  #waiting: Waiting | null = null;
  #isOver = false;

  constructor(request: ExportRequest, longestMs: number) {
    this.#worker = new Worker(new URL("./export-thread.js", import.meta.url), {
      workerData: request,
    });
    this.#timer = setTimeout(() => this.#end(), longestMs);
    this.#timer.unref();
    this.#worker.on("message", (told: ExportTold) => this.#waiting?.resolve(told));
    this.#worker.on("error", (error) => this.#waiting?.reject(error));
    this.ended = new Promise((resolve) => {
      this.#worker.once("exit", () => {
        this.#isOver = true;
        this.#waiting?.reject(wasCut());
        resolve();
      });
    });
  }

  /** The next piece; null at the end. */
  async next(): Promise<string | null> {
    if (this.#isOver) throw wasCut();
    const told = new Promise<ExportTold>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
    this.#worker.postMessage("more");
    const answer = await told;
    if (answer.type === "piece") return answer.text;
    this.#isOver = true;
    if (answer.type === "failed") throw fromErrorData(answer.error);
    return null;
  }

  async *from(first: string | null): AsyncIterable<string> {
    for (let piece = first; piece !== null; piece = await this.next()) yield piece;
  }

  async close(): Promise<void> {
    this.#end();
    await this.ended;
  }

  #end(): void {
    clearTimeout(this.#timer);
    if (this.#isOver) return;
    this.#isOver = true;
    this.#worker.postMessage("stop");
  }
}

const wasCut = (): RuntimeError => new RuntimeError("WORKER_LOST", "The export was cut.");
