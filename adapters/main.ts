// The main thread's composition root: configuration, log, system, front door, sample. It decides
// nothing else. `serve` runs until the process is told to stop.

import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { screenTaskName } from "../actors/guard/task-name.ts";
import { trainTaskName } from "../actors/routing/aside.ts";
import { RuntimeError } from "../runtime/errors.ts";
import { type RunningSystem, type SystemOptions, startSystem } from "../runtime/pool.ts";
import { settleable } from "../runtime/shared/settleable.ts";
import { bootId } from "../runtime/store/folder.ts";
import { Acts } from "./audit/act.ts";
import { createBeside } from "./audit/beside.ts";
import { banner, pageLine, sampleLines } from "./cli/banner.ts";
import { packageVersion } from "./cli/version.ts";
import { type Config, isSuccessor, loadConfig } from "./config.ts";
import { priceListOf } from "./config-prices.ts";
import { adminKey, closedBy, readSmall, writeSmall } from "./data-folder.ts";
import { createEmbedMemory, embeddersConfig, embedTasks } from "./embed/tasks.ts";
import { type EngineLines, engineLines } from "./engine-lines.ts";
import type { Front } from "./front.ts";
import { createPreparation } from "./front-channels.ts";
import { layoutTaskName } from "./graphs/task-name.ts";
import type { HandOver } from "./hand-over.ts";
import type { RequestLine } from "./http/request-line.ts";
import { searchTaskName } from "./knowledge/elsewhere.ts";
import { processLog, toldOf } from "./process-log.ts";
import { providerMemory } from "./provider-memory.ts";
import type { RestartState } from "./restart/state.ts";
import { scriptTasks } from "./sandbox/pool-tasks.ts";
import { renewedRow, rowSeals } from "./secret-rows.ts";
import { listenToSignals, type Restarts } from "./signals.ts";
import { readSkillTaskName } from "./skills/reading.ts";
import type { TakeOver } from "./take-over.ts";
import type { Log } from "./telemetry/log.ts";
import { figureMemories, sharedFigures } from "./telemetry/shared-figures.ts";
import { compactWhenDue } from "./tenants/compact-at-start.ts";
import type { Rotation } from "./vault/rotation.ts";
import type { SealedTenants } from "./vault/sealing.ts";
import { type PreparedVault, prepareVault } from "./vault/start.ts";
import type { HostConfig } from "./worker-host.ts";

/** Runs the server. Resolves to the exit code: 0 when stopped, 1 when it could not start. */
export async function serve(): Promise<number> {
  try {
    const config = await loadConfig();
    const { log, end } = await processLog(config);
    // Listened to before there is anything to stop, so that an early signal is not lost.
    const asked = listenToSignals(config.file !== null);
    const takeOver = isSuccessor() ? await takeOverWith(config, log) : null;
    const signals = { ...asked, isLast: takeOver?.gone ?? Promise.resolve() };
    let running = await start(config, log, takeOver);
    for (;;) {
      const how = await restarted(running, log, signals);
      if (how === "again") {
        // In the same process, on the same port: whoever watches over it sees nothing end.
        const { endForAnother } = await import("./start-again.ts");
        const ending = { ...running, log, quiet: () => quiet(running, log) };
        running = await start(config, log, await endForAnother(ending));
        continue;
      }
      if (how === "stopped") await stop(running, log);
      break;
    }
    await end();
    return 0;
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    for (const line of error.message.split("\n")) process.stderr.write(`troupe: ${line}\n`);
    return 1;
  }
}

/** Loaded by a process that takes over alone. */
async function takeOverWith(config: Config, log: Log): Promise<TakeOver> {
  return await (await import("./take-over.ts")).beginTakeOver(config, log);
}

/**
 * Hands over at SIGUSR2, as often as it takes, until that is done or `stopped` resolves.
 * @returns "handed-over": nothing is left to stop; "again": it is to start once more in this process.
 */
async function restarted(
  running: Running,
  log: Log,
  { restarts, ...signals }: Signals,
): Promise<"handed-over" | "again" | "stopped"> {
  for (;;) {
    const what = await Promise.race([signals.stopped, restarts.next(), running.again]);
    if (what === "again") return "again";
    if (what !== "restart") return "stopped";
    const { handOver } = await import("./hand-over.ts");
    const { RESTART_FILE } = await import("./restart/state.ts");
    const { system, front, config } = running;
    const tell = (state: RestartState): Promise<void> =>
      writeSmall(config.data, RESTART_FILE, JSON.stringify(state));
    try {
      restarts.heeded();
      await tell({ state: "under-way" });
      const parts = { system, front, log, tell, quiet: () => quiet(running, log) };
      await handOver({ ...parts, ...signals });
      return "handed-over";
    } catch (error) {
      if (!(error instanceof RuntimeError) || running.isStopping) throw error;
      log.write("error", `This process goes on. ${error.message}`);
      restarts.heeded();
      await tell({ state: "failed", error: error.message });
    }
  }
}

interface Signals extends Pick<HandOver, "stopped" | "isLast"> {
  readonly restarts: Restarts;
}

/** A server that runs. */
export interface Running {
  readonly config: Config;
  readonly adminKey: string;
  readonly system: RunningSystem;
  readonly front: Front;
  readonly lines: EngineLines;
  readonly rotation: Rotation;
  /** Resolves when it is to stop and to start once more, for what only a start does. */
  readonly again: Promise<"again">;
  isStopping: boolean;
}

/** Merges have a thread of their own; it ends when there is nothing to merge for a while. */
const mergeLane = {
  ...{ threads: 1, itemsMax: 1, waitMs: 0, waitingMax: 10_000 },
  batchMs: 3_600_000,
  idleMs: 10_000,
} as const;

/** Searches of large collections from the door have threads of their own, one a core, which no batch work takes. */
const searchLane = {
  ...{ threads: availableParallelism(), itemsMax: 1, waitMs: 0 },
  waitingMax: 1_000,
  batchMs: 60_000,
  idleMs: 60_000,
} as const;
const computeTasks = new URL("./compute-tasks.js", import.meta.url).href;

/** What of the configuration the engines' ports are built from. */
function hostConfig(
  config: Config,
): Omit<HostConfig, "missed" | "providerMemory" | "masterKeys" | "sealer"> {
  return {
    defaultProvider: config.defaultProvider,
    defaultModel: config.defaultModel,
    knownModels: config.knownModels,
    prices: priceListOf(config),
    boot: bootId(),
    answers: config.answers,
    ...embeddersConfig(config),
    knowledge: config.knowledge,
    tools: config.tools,
    agents: config.agents,
    integrations: config.integrations,
    webhooks: config.webhooks,
    tells: toldOf(config),
  };
}

/** What the compute pool can do. */
function tasksOf(config: Config): NonNullable<SystemOptions["tasks"]> {
  return {
    "knowledge.parse": { url: computeTasks, name: "parseKnowledge" },
    "knowledge.split": { url: computeTasks, name: "splitTexts" },
    "knowledge.embed": { url: computeTasks, name: "embedTexts" },
    "knowledge.prepare": { url: computeTasks, name: "prepareTexts" },
    "files.search": { url: computeTasks, name: "searchFolders" },
    "files.analyze": { url: computeTasks, name: "analyzeTable" },
    "openapi.read": { url: computeTasks, name: "readOpenApi" },
    "web.page-text": { url: computeTasks, name: "pageText" },
    [screenTaskName]: { url: computeTasks, name: "screenSaid" },
    [layoutTaskName]: { url: computeTasks, name: "layoutPicture" },
    [readSkillTaskName]: { url: computeTasks, name: "readSkills" },
    [trainTaskName]: { url: computeTasks, name: "trainRouter" },
    ...scriptTasks(config.file === null ? [config.data] : [config.data, config.file]),
    ...embedTasks(config.embedding),
    "knowledge.merge": {
      url: new URL("./merge-tasks.js", import.meta.url).href,
      name: "mergeCollections",
      batch: mergeLane,
    },
    [searchTaskName]: {
      url: new URL("./search-tasks.js", import.meta.url).href,
      name: "searchCollections",
      batch: searchLane,
    },
  };
}

/** Starts a server. @param isQuiet nothing is printed: another program runs it. */
export async function start(
  config: Config,
  log: Log,
  takeOver: TakeOver | null,
  isQuiet = false,
): Promise<Running> {
  await checkMiddleware(config);
  // The front door's modules load here while the workers start on their own threads.
  const frontModule = import("./front.ts");
  const memories = figureMemories();
  const providers = providerMemory(config.providers);
  const embedMemory = createEmbedMemory(config.providers);
  const closed = toldClosed(config, log);
  const [lines, acts] = [await engineLines(config, log, closed), new Acts()];
  const prepared = await prepareVault(config, renewedRow);
  const { vault, memory: masterKeys } = prepared;
  const sealed = await sealingOf(config, prepared);
  const compact = (olderMs: number) => compactWhenDue(config.data, log, sealed?.opened, olderMs);
  const system = await startSystem({
    ...(await dataFolder(config, takeOver, compact)),
    workerUrl: new URL("./worker.js", import.meta.url),
    loadHost: async () => (await import("./worker-host.ts")).workerHost,
    hostConfig: {
      ...hostConfig(config),
      ...memories,
      ...{ providerMemory: providers, embedMemory },
      masterKeys,
      sealer: sealed?.source,
      ...(closed !== undefined && { closed }),
    },
    ...{ seals: rowSeals(vault), sealing: sealed },
    config: {
      ...config.runtime,
      workers: config.workers,
      durability: config.durability,
      drainMs: config.stopMs,
    },
    limits: config.engine,
    beside: createBeside(acts),
    connectEngine: lines.connect,
    tasks: tasksOf(config),
    log,
  });
  try {
    const rotation = await prepared.settle(system, log, sealed);
    const admin = await adminKey(config.data, config.adminKey);
    log.addSecret(admin.key);
    const { openFront } = await frontModule;
    const preparation = createPreparation();
    const again = settleable<"again">();
    const front = await openFront({
      startAgain: () => again.resolve("again"),
      config,
      system,
      adminKey: admin.key,
      acts,
      log: (line) => logRequest(log, line),
      diary: log,
      ...sharedFigures(memories),
      providerMemory: providers,
      embedMemory,
      ...{ rotation, vault, sealed },
      lines,
      redact: (text) => log.redact(text),
      preparation,
      addSecret: (secret) => log.addSecret(secret),
      ...(takeOver && { opened: takeOver.opened }),
    });
    takeOver?.ready(system);
    front.services.tenants.goOn();
    log.write("info", "The server listens.", { url: front.url });
    if (!isQuiet) await announce(config, front, admin.isNew ? admin.key : null);
    const running: Running = {
      ...{ config, system, front, lines, rotation, again: again.promise, isStopping: false },
      adminKey: admin.key,
    };
    void prepareBeside(config, running, log, isQuiet).finally(preparation.end);
    return running;
  } catch (error) {
    await system.stop(0);
    throw error;
  }
}

/** What may come after the server listens. Cut by a stop, it goes on with the next start. */
async function prepareBeside(
  config: Config,
  running: Running,
  log: Log,
  isQuiet: boolean,
): Promise<void> {
  await prepare(config, running, isQuiet).catch((error: unknown) => {
    if (running.isStopping) return;
    log.write("error", "The sample could not be loaded.", { err: error });
  });
}

/** @throws CONFIG_INVALID for a file that cannot be loaded, before anything is started. */
async function checkMiddleware({ gateway: { middleware } }: Config): Promise<void> {
  if (middleware !== null) await (await import("./channels/middleware/own.ts")).loadOwn(middleware);
}

/** Undefined where what lies on the disk is in clear. */
async function sealingOf(
  config: Config,
  { memory, ensureKey }: PreparedVault,
): Promise<SealedTenants | undefined> {
  if (config.encryption === "off") return undefined;
  const { createSealing } = await import("./vault/sealing.ts");
  return createSealing(config, memory, ensureKey);
}

/** Why nobody outside is acted on, as the log says it too; undefined when somebody may be. */
function toldClosed({ data }: Config, log: Log): string | undefined {
  const closed = closedBy(data);
  if (closed === undefined) return undefined;
  log.write("warn", `Webhooks, tools and other agents are not called: ${closed}.`);
  return closed;
}

/** The folder as a system takes it, compacted when that is due. */
async function dataFolder(
  { data: folder, tenants }: Config,
  takeOver: TakeOver | null,
  compact: (olderMs: number) => Promise<void>,
): Promise<Pick<SystemOptions, "folder" | "folderFree">> {
  if (takeOver !== null) {
    // Requests are held meanwhile, so what was removed just now waits for another time.
    return { folder, folderFree: takeOver.free.then(() => compact(tenants.purgeIdleAfterMs)) };
  }
  await compact(0);
  return { folder };
}

/** Where calls of models meet that may be made once for several; none, when the settings share none. */
async function announce(config: Config, front: Front, newAdminKey: string | null): Promise<void> {
  const text = banner({
    version: await packageVersion(),
    url: front.url,
    newAdminKey,
    data: config.data,
    providers: config.providers.map(({ name }) => name),
    defaultModel: config.defaultModel,
  });
  process.stdout.write(text);
}

/** What may come after the server listens: the first tenant and the sample. */
async function prepare(
  config: Config,
  { system, front }: Running,
  isQuiet: boolean,
): Promise<void> {
  const { tellRestored, tellStart } = await import("./audit/server-acts.ts");
  const version = await packageVersion();
  // Channels by their names alone: what else they say has secrets in it.
  const settings = { ...config, channels: Object.keys(config.channels) };
  await tellStart(system.tables, { version, boots: system.boots, settings });
  await tellRestored(system.tables, config.data);
  const { prepareAccounts } = await import("./first-start.ts");
  const small = {
    read: (name: string) => readSmall(config.data, name),
    write: (name: string, text: string) => writeSmall(config.data, name, text),
  };
  const isFirst = system.boots === 1;
  const { sample: withSample, agents } = config;
  const wanted = { withSample, isFirst, client: agents.clientId };
  const ready = await prepareAccounts({ system, front, small, ...wanted });
  if (isQuiet) return;
  process.stdout.write(pageLine(`${front.url}/login?code=${ready.loginCode}`));
  if (ready.sample) process.stdout.write(sampleLines({ url: front.url, ...ready.sample }));
}

/** Stops it: what is under way goes on with the next start. */
export async function stop(running: Running, log: Log): Promise<void> {
  const { system, front, config } = running;
  const beside = quiet(running, log);
  front.door.stop();
  front.server.stopAccepting();
  await beside;
  await system.stop(config.stopMs).then(() => running.lines.end());
  await front.server.close();
}

/** Ends what goes on beside requests. */
async function quiet(running: Running, log: Log): Promise<void> {
  const { system, front, rotation } = running;
  running.isStopping = true;
  rotation.stop();
  const { tellStop } = await import("./audit/server-acts.ts");
  await tellStop(system.tables).catch((error: unknown) => {
    log.write("warn", "The stop could not be put into the audit.", { err: error });
  });
  front.stop();
  await front.services.tenants.stop();
  await front.tellRefusals();
}

function logRequest(log: Log, { cause, ...line }: RequestLine): void {
  if (cause === undefined) log.write("info", "request", line);
  else log.write("error", "request failed inside", { ...line, err: cause });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(await serve());
