// Starts a system: the data folder and its storage threads, the engines on worker threads (or on
// main), and the door in front of them. The one place that knows all parts; it has no logic of its
// own beside the order of starting and stopping.

import type { Data } from "./actor.ts";
import type { Address } from "./address.ts";
import type { Backups } from "./backup/backups.ts";
import { type RuntimeConfig, runtimeConfig } from "./config.ts";
import { readRecords } from "./door/actor-records.ts";
import { Door } from "./door/door.ts";
import { listLetters, readLetter, unknownLetter } from "./door/letter-list.ts";
import { listQuarantined } from "./door/quarantine-list.ts";
import type { Successor } from "./door/successor.ts";
import { createTables, scanRows } from "./door/tables.ts";
import { TenantWork } from "./door/tenant-work.ts";
import { RuntimeError } from "./errors.ts";
import { rootRunOf } from "./frame.ts";
import type { KernelFigures, KernelLimits } from "./kernel/kernel-port.ts";
import type { Log } from "./log.ts";
import type { Operation } from "./message.ts";
import { readLog } from "./runs/run-log.ts";
import { decodeRun, kindOfRun } from "./runs/run-row.ts";
import { mergeFigures } from "./shared/figures.ts";
import { LOOK_MAX, type Look, mergeSeen, type SystemSeen, type WorkerSeen } from "./shared/look.ts";
import { createBulk } from "./store/bulk.ts";
import { decode } from "./store/codec.ts";
import type { Folder } from "./store/folder.ts";
import { keys, prefixRange } from "./store/keys.ts";
import { openStore } from "./store/lmdb.ts";
import type { Sealing } from "./store/sealer.ts";
import { type Storage, startStorage } from "./store/storage.ts";
import type { Row, Store } from "./store/store.ts";
import type { ListPage, RunRow, ScanRows, System, SystemFigures, TableHooks } from "./system.ts";
import { createComputePool } from "./threads/compute.ts";
import type { ComputePool, ComputeTask } from "./threads/compute-port.ts";
import { EarlyThreads, folderWhenFree } from "./threads/early-threads.ts";
import type { Engines } from "./threads/engines.ts";
import { Epochs } from "./threads/epochs.ts";
import type { ConnectEngine, WorkerHost } from "./threads/host.ts";
import { LoopLag } from "./threads/loop-lag.ts";
import {
  BusyMeter,
  CpuMeter,
  type LoopLoad,
  PassMeter,
  type SystemLoad,
} from "./threads/loop-load.ts";
import { collectAtRest } from "./threads/rest-collector.ts";
import type { Unsealed } from "./threads/sealing.ts";
import { WorkerPool } from "./threads/worker-pool.ts";

/** What a system is started with. */
export interface SystemOptions extends TableHooks {
  /** Data folder; made when missing. */
  readonly folder: string;
  /** Resolves when it may be taken; threads load their program meanwhile. Default: at once. */
  readonly folderFree?: Promise<void>;
  /** The compiled module that calls `runWorker`; used when there are workers. */
  readonly workerUrl: URL;
  /** The same program for an engine on main; called only when `workers` is 0. */
  readonly loadHost: () => Promise<WorkerHost> | WorkerHost;
  /** Plain data for `createPorts` on every thread. */
  readonly hostConfig?: unknown;
  /** Called for each engine that is started, so that the program's parts can speak with each other. */
  readonly connectEngine?: ConnectEngine;
  readonly config?: Partial<RuntimeConfig>;
  readonly limits?: Partial<KernelLimits>;
  /** Tasks of the compute pool by name. */
  readonly tasks?: Readonly<Record<string, ComputeTask>>;
  /** Seals what is a tenant's on the disk; a folder is made with it or without. Default: in clear. */
  readonly sealing?: Sealing | undefined;
  readonly log: Log;
  /** Ends the process when the system cannot go on; default `process.exit`. */
  readonly exit?: (code: number) => void;
}

/** A started system, with what only its owner may do. */
export interface RunningSystem extends System {
  readonly compute: ComputePool;
  /** Backups of the data folder while it is used; loaded with the first call. */
  backups(): Promise<Backups>;
  /** How often this data folder has been started, this start included. */
  readonly boots: number;
  readonly rows: ScanRows;
  /** Whether a caller waits to be told that its message was taken. */
  readonly isAwaitingAccepts: boolean;
  /** Ends one worker thread at once, as a crash of it would: for drills. Resolves when it is gone. */
  endWorker(worker: number): Promise<void>;
  /**
   * Moves shards to a worker, as balancing does: for drills. Resolves with the number of shards that
   * came to a step boundary in time (2 s) and were moved; the others stay and go on.
   */
  moveShards(shards: readonly number[], worker: number): Promise<number>;
}

const SLICE_ROWS = 200;

/**
 * Starts a system; resolves when every shard has an owner.
 * @throws RuntimeError CONFIG_INVALID, DATA_LOCKED, FOREIGN_DATA, STORE_FULL, WORKER_LOST.
 */
export async function startSystem(options: SystemOptions): Promise<RunningSystem> {
  const config = runtimeConfig(options.config);
  const load = () => new EarlyThreads(options.workerUrl, config.workers, config.workerHeapMib);
  const { folder, loaded } = await folderWhenFree(options, load);
  const fatal = (message: string): void => {
    options.log.write("error", message);
    (options.exit ?? process.exit)(1);
  };
  const starting = startStorage({
    path: folder.path,
    environments: ["hot"],
    later: ["bulk"],
    mapBytes: { hot: config.mapBytes, bulk: config.mapBytes },
    sealer: options.sealing?.source,
    onDeath: (environment, error) =>
      fatal(`The storage thread of ${environment} died, so the process ends: ${error.message}`),
  });
  const early = loaded ?? load();
  let storage: Storage | undefined;
  try {
    storage = await starting;
    const unsealed = await unsealedBy(options.sealing, folder, storage);
    const parts = { options, config, folder, storage, unsealed, early, fatal };
    const system = new ThreadedSystem(parts);
    await system.start();
    return system;
  } catch (error) {
    await early.end();
    await storage?.close();
    folder.release();
    throw error;
  }
}

async function unsealedBy(
  sealing: Sealing | undefined,
  { path }: Folder,
  storage: Storage,
): Promise<Unsealed> {
  if (sealing === undefined) return { destroyed: [], lost: [] };
  return await (await import("./threads/sealing.ts")).unseal(sealing, { path, storage });
}

interface Parts {
  readonly options: SystemOptions;
  readonly config: RuntimeConfig;
  readonly folder: Folder;
  readonly storage: Storage;
  readonly unsealed: Unsealed;
  readonly early: EarlyThreads;
  readonly fatal: (message: string) => void;
}

class ThreadedSystem implements RunningSystem {
  readonly tables: System["tables"];
  readonly tenants: TenantWork;
  readonly bulk: System["bulk"];
  readonly compute: ComputePool;
  readonly boots: number;
  readonly #parts: Parts;
  readonly #hot: Store;
  readonly #bulkStore: Store;
  readonly #door: Door;
  readonly #lag = new LoopLag();
  readonly #busy = new BusyMeter(() => performance.eventLoopUtilization());
  readonly #passes = new PassMeter();
  readonly #cpu = new CpuMeter();
  #engines: Engines | undefined;
  #stopped: Promise<void> | undefined;
  #backups: Promise<Backups> | undefined;

  constructor(parts: Parts) {
    const { config, storage, options } = parts;
    this.#parts = parts;
    this.boots = storage.boots;
    this.#hot = this.#connect("hot");
    this.#bulkStore = this.#connect("bulk");
    this.tables = createTables({
      store: this.#hot,
      level: config.durability,
      waitingMax: config.tableWritesMax,
      weightOf: (tenant) => this.tenants.weightOf(tenant),
      isClosed: (tenant) => ["removing", "gone"].includes(this.tenants.stateOf(tenant)),
      beside: options.beside,
      seals: options.seals,
    });
    this.bulk = createBulk(this.#bulkStore, () => storage.start("bulk"));
    this.tenants = new TenantWork({
      ...{ hot: this.#hot, bulk: this.bulk, startBulk: () => storage.start("bulk") },
      connect: () => this.#connect("hot"),
      engines: () => this.#engines,
    });
    this.compute = createComputePool({
      tasks: options.tasks ?? {},
      threads: config.computeThreads,
      queueMax: config.computeQueueMax,
      heapMib: config.computeHeapMib,
      weightOf: this.tenants.weightOf,
    });
    this.#door = new Door({ config, runRow: (tenant, run) => this.run(tenant, run) });
  }

  async start(): Promise<void> {
    collectAtRest();
    try {
      const suspended = await this.tenants.load(this.#parts.unsealed);
      this.#engines = await this.#makeEngines(suspended);
      await this.#engines.start();
    } catch (error) {
      await this.#close();
      throw error;
    }
  }

  ask: System["ask"] = (to, message, options) => this.#door.ask(to, message, options);
  stream: System["stream"] = (to, message, options) => this.#door.stream(to, message, options);
  tell: System["tell"] = (to, message) => this.#door.tell(to, message);
  send: System["send"] = (to, message, options) => this.#door.send(to, message, options);
  follow: System["follow"] = (tenant, run, options) => this.#door.follow(tenant, run, options);
  cancel: System["cancel"] = (tenant, run, reason) => this.#door.cancel(tenant, run, reason);
  decide: System["decide"] = (tenant, run, key, value) =>
    this.#door.decide(tenant, run, key, value);

  async run(tenant: string, run: string): Promise<RunRow | undefined> {
    const key = keys.run(tenant, rootRunOf(run));
    const bytes = await this.#hot.get(key);
    return bytes === undefined ? undefined : decodeRun(key, bytes);
  }

  log: System["log"] = async ({ address }, from, limit) =>
    await readLog(this.#hot, address, { from, limit });

  runs: System["runs"] = async (tenant, { kinds, ...page }) => {
    const rows = await this.#newest(keys.runsOf(tenant), page);
    const last = rows.length < page.limit ? undefined : rows.at(-1);
    return {
      rows: rows.flatMap(({ key, value }) =>
        kinds === undefined || kinds.includes(kindOfRun(value)) ? [decodeRun(key, value)] : [],
      ),
      next: last === undefined ? null : decodeRun(last.key, last.value).id,
    };
  };

  deadLetters: System["deadLetters"] = (tenant, page) => listLetters(this.#hot, tenant, page);
  deadLetter: System["deadLetter"] = (tenant, letter) => readLetter(this.#hot, tenant, letter);
  replayLetter: System["replayLetter"] = (tenant, letter) =>
    this.#operateLetter(tenant, { type: "replay", letter });
  discardLetter: System["discardLetter"] = (tenant, letter) =>
    this.#operateLetter(tenant, { type: "discard", letter });

  release: System["release"] = (address) => this.#door.operate(address, { type: "release" });
  quarantined: System["quarantined"] = (tenant, page) => listQuarantined(this.#hot, tenant, page);

  async #operateLetter(
    tenant: string,
    operation: Operation & { readonly letter: string },
  ): Promise<void> {
    const letter = await readLetter(this.#hot, tenant, operation.letter);
    if (letter === undefined) throw unknownLetter(operation.letter);
    await this.#door.operate(letter.to, operation);
  }

  async #newest(base: string, { after, limit }: ListPage): Promise<readonly Row[]> {
    if (!Number.isInteger(limit) || limit < 1 || limit > SLICE_ROWS) {
      throw new RuntimeError("INVALID", `A page has 1 to ${SLICE_ROWS} rows.`);
    }
    const { from, to } = prefixRange(base, limit);
    const before = after === undefined || base + after > to ? to : base + after;
    return await this.#hot.range({ from, to: before, limit, reverse: true });
  }

  async states(addresses: readonly Address[]): Promise<readonly Data[]> {
    if (addresses.length > SLICE_ROWS) {
      throw new RuntimeError("INVALID", `At most ${SLICE_ROWS} states are read at once.`);
    }
    const rows = await Promise.all(addresses.map((one) => this.#hot.get(keys.state(one))));
    return rows.map((row) => row && (decode(row) as { readonly state: Data }).state);
  }

  records: System["records"] = (owner, range) => readRecords(this.#hot, owner, range);

  backups(): Promise<Backups> {
    this.#backups ??= import("./backup/backups.ts").then(({ createBackups }) =>
      createBackups(this.#parts.folder.path),
    );
    return this.#backups;
  }

  async inspect(): Promise<SystemFigures> {
    const workers = (await this.#engines?.figures()) ?? [];
    const seen = (of: "deepest" | "waits"): WorkerSeen[] =>
      workers.map((one) => ({ worker: one.worker, seen: one[of] }));
    const known = workers.flatMap(({ figures }): KernelFigures[] => (figures ? [figures] : []));
    return {
      workers,
      total: mergeFigures(known),
      deepest: mergeSeen({ type: "actors", limit: LOOK_MAX }, seen("deepest")).actors,
      waits: mergeSeen({ type: "waits", limit: LOOK_MAX }, seen("waits")),
      deaths: this.#engines?.deaths ?? 0,
      lag: this.#lag.figures(),
      storage: this.#parts.storage.figures(),
      lost: this.#engines?.lost ?? [],
      moves: this.#engines?.moves ?? 0,
      door: this.#door.figures(),
      compute: this.compute.figures(),
      boots: this.boots,
    };
  }

  load(): SystemLoad {
    const main: LoopLoad = { busy: this.#busy.take(), passMs: this.#passes.take() };
    const workers = this.#engines?.load() ?? { busy: 0, passMs: 0 };
    return {
      busy: Math.max(main.busy, workers.busy),
      passMs: Math.max(main.passMs, workers.passMs),
      turns: this.#parts.config.workers === 0 ? main : workers,
      cpu: this.#cpu.take(),
    };
  }

  async look(asked: Look): Promise<SystemSeen> {
    return mergeSeen(asked, (await this.#engines?.look(asked)) ?? []);
  }

  rows: ScanRows = (after, limit) => scanRows(this.#hot, after, Math.min(limit, SLICE_ROWS));

  async endWorker(worker: number): Promise<void> {
    await this.#engines?.endWorker(worker);
  }

  async moveShards(shards: readonly number[], worker: number): Promise<number> {
    return (await this.#engines?.moveShards(shards, worker)) ?? 0;
  }

  async resize(workers: number): Promise<void> {
    await this.#engines?.resize(workers);
  }

  get isAwaitingAccepts(): boolean {
    return this.#door.isAwaitingAccepts;
  }

  stop(graceMs: number = this.#parts.config.drainMs, successor?: Successor): Promise<void> {
    this.#stopped ??= this.#stop(graceMs, successor);
    return this.#stopped;
  }

  async #stop(graceMs: number, successor?: Successor): Promise<void> {
    this.#door.close(successor);
    await this.#engines?.drain(graceMs);
    this.#door.end();
    await this.#close(successor === undefined ? "ends" : "goes-on");
    await this.#parts.storage.close();
    this.#parts.folder.release();
  }

  /** Ends everything but storage. */
  async #close(reading: "ends" | "goes-on" = "ends"): Promise<void> {
    this.#lag.stop();
    this.#door.end();
    await this.#engines?.close();
    await Promise.all([this.compute.close(), this.#backups?.then((one) => one.close())]);
    const stores = [this.#hot, this.#bulkStore].map((store) => store.close(reading));
    await Promise.all([...stores, this.tenants.close()]);
  }

  async #makeEngines(suspended: readonly string[]): Promise<Engines> {
    const { options, config, folder, storage, early, fatal } = this.#parts;
    const { log, hostConfig = null, connectEngine, limits = {}, workerUrl } = options;
    const epochs = new Epochs(storage);
    const { compute } = this;
    const { weights, weightOf } = this.tenants;
    const door = this.#door;
    if (config.workers === 0) {
      // With workers, main has no engine to load.
      const { LocalEngine } = await import("./threads/local-engine.ts");
      const host = await options.loadHost();
      const [hot, bulk] = [this.#connect("hot"), this.bulk];
      return new LocalEngine({
        ...{ host, hostConfig, connectEngine, config, limits },
        ...{ hot, bulk, compute, log, door, epochs, suspended, weightOf },
      });
    }
    const workers = {
      ...{ workerUrl, early, folder: folder.path, storage, config },
      sealer: options.sealing?.source,
      ...{ limits, hostConfig, connectEngine, compute, weights },
    };
    const pool = { config, door, epochs, log, fatal, suspended };
    return new WorkerPool({ workers: { ...workers, log }, ...pool });
  }

  #connect(environment: "hot" | "bulk"): Store {
    const { folder, storage, unsealed } = this.#parts;
    const port = storage.connect(environment);
    const seals = unsealed.seals?.[environment];
    return openStore({ path: folder.path, environment, port, seals });
  }
}
