// Main's side of the storage threads: starts one for each environment, hands out connections, raises
// epochs, and tells the host when a thread has died. The host must then end the process.

import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { type ErrorData, fromErrorData, RuntimeError } from "../errors.ts";
import type { SealerSource } from "./sealer.ts";
import { type StorageFigures, StorageMeter } from "./storage-meter.ts";
import type { Environment } from "./store.ts";

/** What a storage thread is started with. */
export interface ThreadOptions {
  readonly path: string;
  readonly environment: Environment;
  /** Largest size of each environment in bytes: address space, not disk. */
  readonly mapBytes: Readonly<Record<Environment, number>>;
  /** Environments it opens for others to read, and never writes. */
  readonly holds: readonly Environment[];
  /** How what is a tenant's is sealed; undefined: it is not. */
  readonly sealer: SealerSource | undefined;
  /** Memory of its `StorageMeter`. */
  readonly meter: SharedArrayBuffer;
}

/** From main to a storage thread. */
export type ThreadCommand =
  | { readonly type: "connect"; readonly port: MessagePort }
  | { readonly type: "epochs"; readonly id: number; readonly epochs: ReadonlyMap<number, number> }
  | { readonly type: "close" };

/** From a storage thread to main. */
export type ThreadAnswer =
  | {
      readonly type: "ready";
      readonly boots: number;
      readonly epochs: ReadonlyMap<number, number>;
    }
  | { readonly type: "failed"; readonly error: ErrorData }
  | { readonly type: "raised"; readonly id: number }
  | { readonly type: "closed" };

/** How the storage threads are started. */
export interface StorageOptions {
  /** The data folder, opened by `openFolder`. */
  readonly path: string;
  /** Default: both. */
  readonly environments?: readonly Environment[];
  /**
   * Environments that can be read at once but are written only from `Storage.start` on: until then
   * they cost no thread. Default: none.
   */
  readonly later?: readonly Environment[];
  /** Largest size of an environment in bytes. Default 256 GiB each, sparse. */
  readonly mapBytes?: Partial<Record<Environment, number>>;
  /** How what is a tenant's is sealed. Default: it is stored in clear. A folder is made either way. */
  readonly sealer?: SealerSource | undefined;
  /** A storage thread has died: end the process, durable state is what it was. */
  readonly onDeath: (environment: Environment, error: Error) => void;
}

/** The running storage threads of one data folder. */
export interface Storage {
  /**
   * Starts the thread of an environment named in `later`, once; what was connected before is served
   * from then on. @throws STORE_FULL; a later call then tries again.
   */
  start(environment: Environment): Promise<void>;
  /** A port for `openStore`, to be used here or transferred to another thread. */
  connect(environment: Environment): MessagePort;
  /** How often this data folder has been started, this start included. */
  readonly boots: number;
  /** Epochs of all shards that were ever raised, as found at start. */
  readonly epochs: ReadonlyMap<number, number>;
  /**
   * Raises shards of `hot` to these epochs (never lowers one). From the moment the thread takes the
   * call, older batches are refused; resolves when it is flushed, or holds in memory while the disk is full.
   */
  setEpochs(epochs: ReadonlyMap<number, number>): Promise<void>;
  /** Figures of the threads that were started. */
  figures(): Readonly<Partial<Record<Environment, StorageFigures>>>;
  /** Commits and flushes what was sent, then ends the threads. Close the stores first. */
  close(): Promise<void>;
}

const MAP_BYTES = 256 * 1024 ** 3;
/** A storage thread handles bytes that lie outside its heap; more than this does not make it faster. */
const YOUNG_MIB = 6;

/** Starts the storage threads. @throws CONFIG_INVALID for a folder that was made sealed and is opened without `sealer`, or the other way round; FOREIGN_DATA, DATA_DAMAGED, DATA_UNUSABLE, STORE_FULL. */
export async function startStorage(options: StorageOptions): Promise<Storage> {
  const threads = new StorageThreads(options);
  const { boots, epochs } = await threads.startFirst(options.environments ?? ["hot", "bulk"]);
  return {
    boots,
    epochs,
    start: (environment) => threads.start(environment),
    connect: (environment) => threads.connect(environment),
    setEpochs: (raised) => threads.of("hot").setEpochs(raised),
    figures: () => threads.figures(),
    close: () => threads.close(),
  };
}

class StorageThreads {
  readonly #options: StorageOptions;
  readonly #threads = new Map<Environment, StorageThread>();
  /** Connections to environments whose thread is not started yet. */
  readonly #waiting = new Map<Environment, MessagePort[]>();

  constructor(options: StorageOptions) {
    this.#options = options;
    for (const environment of options.later ?? []) this.#waiting.set(environment, []);
  }

  async startFirst(environments: readonly Environment[]): Promise<Ready> {
    const threads = environments.map((environment, at) => {
      const holds = at === 0 ? (this.#options.later ?? []) : [];
      const thread = new StorageThread(environment, this.#options, holds);
      this.#threads.set(environment, thread);
      return thread;
    });
    const starts = await Promise.allSettled(threads.map((thread) => thread.ready));
    const failed = starts.find((start) => start.status === "rejected");
    if (failed !== undefined) {
      await this.close();
      throw failed.reason;
    }
    return this.of(environments[0] ?? "hot").ready;
  }

  async start(environment: Environment): Promise<void> {
    const waiting = this.#waiting.get(environment);
    let thread = this.#threads.get(environment);
    if (thread === undefined && waiting !== undefined) {
      thread = new StorageThread(environment, this.#options, []);
      this.#threads.set(environment, thread);
      thread.ready.catch(() => this.#threads.delete(environment));
    }
    await this.of(environment).ready;
    for (const port of waiting?.splice(0) ?? []) thread?.connect(port);
  }

  connect(environment: Environment): MessagePort {
    const { port1, port2 } = new MessageChannel();
    const waiting = this.#waiting.get(environment);
    const thread = this.#threads.get(environment);
    if (thread === undefined && waiting !== undefined) waiting.push(port1);
    else this.of(environment).connect(port1);
    return port2;
  }

  of(environment: Environment): StorageThread {
    const thread = this.#threads.get(environment);
    if (thread === undefined) throw new RuntimeError("INTERNAL", `${environment} is not started.`);
    return thread;
  }

  figures(): Partial<Record<Environment, StorageFigures>> {
    const all = [...this.#threads].map(([name, thread]) => [name, thread.meter.figures()] as const);
    return Object.fromEntries(all);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#threads.values()].map((thread) => thread.close()));
  }
}

type Ready = Extract<ThreadAnswer, { type: "ready" }>;

class StorageThread {
  readonly ready: Promise<Ready>;
  readonly meter = new StorageMeter();
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  readonly #raising = new Map<number, { resolve: () => void; reject: (error: unknown) => void }>();
  #isClosing = false;
  #lastId = 0;

  constructor(environment: Environment, options: StorageOptions, holds: readonly Environment[]) {
    const mapBytes = { hot: MAP_BYTES, bulk: MAP_BYTES, ...options.mapBytes };
    const { memory: meter } = this.meter;
    const { path, sealer } = options;
    const workerData: ThreadOptions = { path, environment, mapBytes, holds, sealer, meter };
    this.#worker = new Worker(new URL("../threads/storage-thread.js", import.meta.url), {
      workerData,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
    });
    let died = new Error(`The storage thread of ${environment} ended.`);
    this.ready = new Promise((resolve, reject) => {
      this.#worker.on("message", (answer: ThreadAnswer) => {
        if (answer.type === "ready") resolve(answer);
        else if (answer.type === "failed") {
          this.#isClosing = true;
          reject(fromErrorData(answer.error));
        } else this.#take(answer);
      });
      this.#worker.once("exit", () => reject(died));
    });
    this.ready.catch(() => {});
    this.#worker.on("error", (error) => {
      died = error;
    });
    this.#ended = new Promise((resolve) => {
      this.#worker.once("exit", () => {
        for (const { reject } of this.#raising.values()) reject(died);
        this.#raising.clear();
        resolve();
        if (!this.#isClosing) options.onDeath(environment, died);
      });
    });
  }

  /** Serves what comes over this port. */
  connect(port: MessagePort): void {
    this.#post({ type: "connect", port }, [port]);
  }

  setEpochs(epochs: ReadonlyMap<number, number>): Promise<void> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#raising.set(id, { resolve, reject });
      this.#post({ type: "epochs", id, epochs });
    });
  }

  async close(): Promise<void> {
    if (!this.#isClosing) {
      this.#isClosing = true;
      this.#post({ type: "close" });
    }
    await this.#ended;
  }

  #post(command: ThreadCommand, transfer: readonly MessagePort[] = []): void {
    this.#worker.postMessage(command, transfer);
  }

  #take(answer: ThreadAnswer): void {
    if (answer.type !== "raised") return;
    this.#raising.get(answer.id)?.resolve();
    this.#raising.delete(answer.id);
  }
}
