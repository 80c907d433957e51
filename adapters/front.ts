// Puts the front door together on the main thread: services over the system, routes over the
// services, the door over the routes, a server that carries it. Loaded while the workers start.

import { createPrices } from "../actors/money/catalogue.ts";
import { firstTenant } from "../actors/records/tenant.ts";
import type { Log } from "../runtime/log.ts";
import type { RunningSystem } from "../runtime/pool.ts";
import type { Tables } from "../runtime/system.ts";
import { a2aRoutes } from "./a2a/routes.ts";
import type { Acts } from "./audit/act.ts";
import { packageVersion } from "./cli/version.ts";
import type { Config } from "./config.ts";
import { priceListOf } from "./config-prices.ts";
import { defaultLimits } from "./config-tenants.ts";
import { loadAssets } from "./console/assets.ts";
import { type EngineLines, hasPaidCalls } from "./engine-lines.ts";
import { type FrontAgents, frontAgents } from "./front-agents.ts";
import { createFrontAuth } from "./front-auth.ts";
import { gatewaySettings, keepChannels, type Preparation } from "./front-channels.ts";
import { createKnowledge } from "./front-knowledge.ts";
import { createFrontLogs, type FrontLogs } from "./front-logs.ts";
import { createFrontMemories } from "./front-memory.ts";
import { type LookAtProviders, listModels, lookAtProviders } from "./front-providers.ts";
import { createFrontPurse, type FrontPurse } from "./front-purse.ts";
import { type FrontServer, openServer } from "./front-server.ts";
import { afterStart, both, ended } from "./front-stops.ts";
import { keepFrontTargets } from "./front-targets.ts";
import { keepTraces } from "./front-traces.ts";
import { type BackupTold, backupRoutes } from "./http/admin/backup.ts";
import { providersRoute } from "./http/admin/providers.ts";
import { adminRoutes } from "./http/admin/routes.ts";
import { vaultRoutes } from "./http/admin/vault.ts";
import { anthropicRoutes } from "./http/anthropic/messages.ts";
import type { Authenticator } from "./http/auth.ts";
import { consoleRoutes } from "./http/console/routes.ts";
import { createDoor, type Door, type DoorOptions } from "./http/door.ts";
import { createDoorAudit } from "./http/door-audit.ts";
import { createKeyStore, type KeyStore } from "./http/keys.ts";
import { createLoginRoutes } from "./http/login.ts";
import { metricsRoutes } from "./http/metrics-route.ts";
import { openaiRoutes } from "./http/openai/routes.ts";
import { openApiRoutes } from "./http/openapi/routes.ts";
import { createOriginRules } from "./http/origin.ts";
import { modelsRoute } from "./http/platform/models.ts";
import { platformRoutes } from "./http/platform/routes.ts";
import { provenBy } from "./http/proof.ts";
import { proxyRoutes } from "./http/proxy/routes.ts";
import { createRateLimiter } from "./http/rate.ts";
import type { RequestLine } from "./http/request-line.ts";
import { createRouteTable, type Route } from "./http/route.ts";
import type { FrontDoor, Server } from "./http/server.ts";
import type { Trust } from "./http/services/credentials.ts";
import { createServices, type Services } from "./http/services/services.ts";
import { signInAudit } from "./http/session-audit.ts";
import { createSessions, type Sessions } from "./http/sessions.ts";
import type { SocketServices } from "./http/socket.ts";
import { createSocketServices } from "./http/socket-services.ts";
import { guardTenants } from "./http/tenant-guard.ts";
import { uiRoutes } from "./http/ui/routes.ts";
import { mcpRoute } from "./mcp/route.ts";
import { recoverPacks, recoverWaitMs } from "./packs/recover.ts";
import type { GenAiFigures } from "./telemetry/gen-ai-figures.ts";
import type { CountedGuards } from "./telemetry/guard-figures.ts";
import { createMetrics, METRICS_TYPE } from "./telemetry/metrics.ts";
import type { MissedVectors } from "./telemetry/missed-vectors.ts";
import type { WorkFigures } from "./telemetry/work-figures.ts";
import { withStorageRoom } from "./tenants/storing.ts";
import { loadWeights } from "./tenants/weights.ts";
import type { Rotation } from "./vault/rotation.ts";
import type { SealedTenants } from "./vault/sealing.ts";
import type { Vault } from "./vault/vault.ts";

/** Tenant the admin key acts in when it names none. */
export const defaultTenant = firstTenant;

/** A start, and what people do first, is over by then, ms. */
const AFTER_START_MS = 60_000;
/** What was used is added up from then on, ms. */
const USAGE_AFTER_MS = 5_000;

/** What the front door stands on. */
export interface FrontOptions {
  readonly config: Config;
  readonly system: RunningSystem;
  readonly adminKey: string;
  /** What is under way on somebody's behalf. */
  readonly acts: Acts;
  log(line: RequestLine): void;
  /** What an operator should know beside requests. */
  readonly diary: Log;
  /** What all threads answered without a vector. */
  readonly missed: MissedVectors;
  readonly guards: CountedGuards;
  /** What models took. */
  readonly genAi: Pick<GenAiFigures, "series">;
  readonly figures: WorkFigures;
  /** What all threads know of the providers. */
  readonly providerMemory: SharedArrayBuffer;
  /** Of them as embedders and re-rankers. */
  readonly embedMemory: SharedArrayBuffer;
  readonly vault: Vault;
  /** Stops, and starts once more in this process. */
  readonly startAgain: () => void;
  /** Keys of tenants, where what is theirs is sealed on the disk. */
  readonly sealed?: SealedTenants | undefined;
  /** Of the master key of stored secrets. */
  readonly rotation: Rotation;
  /** To the engines. */
  readonly lines: EngineLines;
  /** Takes secrets out of a text. */
  redact(text: string): string;
  /** Of what a start makes: the first tenant and the sample. Default: it is there. */
  readonly preparation?: Preparation;
  /** Takes a secret out of the log from now on. */
  addSecret?(secret: string): void;
  /** Gives the door to a port that is open already. Default: one is opened. */
  readonly opened?: (door: FrontDoor, tables: Tables) => FrontServer;
}

/** A front door that is open. */
export interface Front {
  readonly server: Server;
  readonly door: Door;
  readonly services: Services;
  readonly keys: KeyStore;
  readonly sessions: Sessions;
  /** Address for people and for curl. */
  readonly url: string;
  /** The port, which another door may be put behind. */
  readonly opened: FrontServer;
  /** Ends what goes on beside requests. */
  stop(): void;
  /** Tells in the audit which refusals were counted and not told yet, and writes the logs of agents. */
  tellRefusals(): Promise<void>;
}

/** Opens the door. @throws CONFIG_INVALID when the port is taken. */
export async function openFront(options: FrontOptions): Promise<Front> {
  const { config, system, adminKey, acts, diary, missed, embedMemory, sealed } = options;
  const { http } = config;
  const assets = await loadAssets();
  const embedding = { ...config, embedMemory, sealer: sealed?.source };
  await loadWeights(system);
  const prices = createPrices(priceListOf(config));
  const purse = createFrontPurse(system, prices, options);
  const knowledge = createKnowledge(system, embedding, { log: diary, figures: missed, purse });
  const agents = frontAgents(options);
  const services = createServices({
    system,
    ...{ compute: system.compute, nowMs: Date.now, prices },
    ...{ data: config.data, log: diary, sealed, skillBytesMax: config.skills.bytesMax },
    ...{ tenantLimits: defaultLimits(config.tenants.limits), folders: config.tools.folders },
    ...{ trust: trustOf(options), gateway: gatewaySettings(config), ...knowledge },
    operatorRules: config.guardrails,
    ...{ guards: options.guards, figures: options.figures, toolServers: config.mcpServers },
    ...{ memories: createFrontMemories(system, knowledge), orchestrator: agents.settings },
  });
  const sessions = createSessions(http.sessionMs);
  let server: Server | undefined;
  const providers = lookAtProviders(config, options.providerMemory);
  const logs = createFrontLogs({ ...options, log: diary });
  const metrics = metricsOf(options, services, logs, providers, () => server?.connections() ?? 0);
  const builtin = config.providers.length === 0;
  const routes: Route[] = [
    ...proxyRoutes(services),
    ...platformRoutes(services),
    modelsRoute({ list: listModels(config), byDefault: config.defaultModel }),
    ...openaiRoutes(services),
    ...[a2aRoutes, anthropicRoutes, uiRoutes].flatMap((routesOf) => routesOf(services)),
    mcpRoute(services, packageVersion),
    ...consoleRoutes(assets, { builtin, providers: config.providers.map(({ name }) => name) }),
    ...createLoginRoutes(sessions, signInAudit(system.tables)),
    ...metricsRoutes({ type: METRICS_TYPE, isPublic: isLocal(config), text: () => metrics.text() }),
  ];
  const keys = createKeyStore({
    tables: system.tables,
    services: createRouteTable(routes).services,
  });
  const stop = keepUp(options, { services, keys, purse, agents });
  const who = { keys, sessions, adminKey, adminTenant: defaultTenant };
  const guard = { tenants: system.tenants, rates: services.tenantRates };
  const authenticator = guardTenants(await createFrontAuth(config, who), guard);
  const rates = createRateLimiter({ perSecond: http.requestsPerSecond, burst: http.requestsBurst });
  const sockets = createSocketServices({ system, chat: services.chat, authenticator, rates });
  const all: readonly Route[] = [
    ...routes,
    ...adminRoutes(services, keys, options.redact),
    ...operatorRoutes(options, providers),
    ...openApiRoutes({ version: packageVersion, routes: () => all }),
  ];
  const audit = createDoorAudit({ tables: system.tables, acts, log: diary });
  const door = createDoor({
    routes: withStorageRoom(all, services.storageRoom),
    system,
    ...{ gate: services.gate, audit },
    authenticator,
    rates,
    origins: createOriginRules({ hosts: hostsOf(config), origins: http.allowedOrigins }),
    log: (line) => options.log(line),
    isReady: () => options.preparation?.isOver() ?? true,
    socket: opener(sockets, authenticator),
  });
  const how = options.opened === undefined ? "atStart" : "atHandOver";
  await recoverPacks(system, services.packs, diary, recoverWaitMs[how]);
  const place = { config, door, log: diary, tables: system.tables };
  const opened = options.opened?.(door, place.tables) ?? (await openServer(place));
  server = opened.server;
  const stops = {
    stop: both(stop, opened.stop),
    tellRefusals: () => ended(audit, services.refusals, logs),
  };
  return { server, door, services, keys, sessions, url: opened.url, opened, ...stops };
}

function metricsOf(
  { system, missed, guards, lines, genAi, figures, config }: FrontOptions,
  { gate, targetFigures: targets }: Services,
  { dropped: logDropped }: FrontLogs,
  providers: LookAtProviders,
  connections: () => number,
): ReturnType<typeof createMetrics> {
  return createMetrics({
    inspect: () => system.inspect(),
    connections,
    gate: () => gate.figures(),
    ...{ missed: () => missed.counts(), guards: () => guards.counts() },
    providers,
    reused: () => lines.hub?.counts() ?? { cached: 0, followed: 0 },
    exported: () => lines.exported(),
    genAi: () => genAi.series(),
    targets,
    work: figures,
    slots: async () => (await import("./front-line.ts")).lookAtLine(system, config.agents),
    disk: async () => (await import("./front-disk.ts")).lookAtDisk(config.data),
    logDropped,
  });
}

/** Makes handlers of sockets; what the handshake says is read before anything is waited for. */
function opener(
  sockets: SocketServices,
  authenticator: Authenticator,
): NonNullable<DoorOptions["socket"]> {
  return async (request, principal) => {
    const address = authenticator.addressOf(request);
    const proven = principal === null ? null : provenBy(authenticator, request, principal);
    const { createSocketHandler } = await import("./http/socket.ts");
    return createSocketHandler(sockets, address, proven);
  };
}

function trustOf({ vault, config }: FrontOptions): Trust {
  const { tools, publicUrl, integrations } = config;
  return { vault, hosts: tools.hosts, publicUrl, integrations };
}

/** Tells in the audit how a backup has ended; the log says of one that was cut by a stop. */
function toldBackup(tables: Pick<Tables, "write">, log: Log): BackupTold {
  return (ended, tenant) => {
    import("./audit/server-acts.ts")
      .then(({ tellBackup }) => tellBackup(tables, tenant, ended))
      .catch((error: unknown) => {
        const { status, path } = ended;
        log.write("warn", "The end of a backup is not in the audit.", { status, path, err: error });
      });
  };
}

/** What only the operator of the server asks for, beside what it sees of tenants. */
function operatorRoutes(
  { system, rotation, diary }: Pick<FrontOptions, "system" | "rotation" | "diary">,
  providers: Parameters<typeof providersRoute>[0],
): readonly Route[] {
  const own = [providersRoute(providers), ...vaultRoutes(rotation)];
  return [...own, ...backupRoutes(system, packageVersion, toldBackup(system.tables, diary))];
}

interface KeptUp extends Pick<Front, "services" | "keys"> {
  readonly purse: FrontPurse;
  readonly agents: FrontAgents;
}

/** What goes on beside requests. @returns what stops it. */
function keepUp(options: FrontOptions, { services, keys, purse, agents }: KeptUp): () => void {
  const stops = [
    afterStart(USAGE_AFTER_MS, async () => {
      const { keepUsage } = await import("./http/services/usage-sweep.ts");
      const recover = hasPaidCalls(options.config) ? purse.recover : undefined;
      return keepUsage({ books: await services.books(), keys, log: options.diary, recover });
    }),
    afterStart(AFTER_START_MS, () => keepingAudit(options, keys)),
    afterStart(AFTER_START_MS, () => endingGrants(options, { services, keys })),
    afterStart(Math.min(AFTER_START_MS, options.config.tenants.purgeIdleAfterMs), () =>
      purging(options),
    ),
  ];
  const { config, lines, system, diary: log } = options;
  const { preparation, addSecret = () => undefined } = options;
  const kept = { config, lines, services, system, log, preparation, addSecret };
  stops.push(afterStart(0, () => keepChannels(kept)));
  lines.launchBy(services.launches);
  stops.push(keepFrontTargets(options, services));
  const keeping = { system, log, nowMs: Date.now, watching: services.watching };
  lines.scheduleBy(async () => {
    const { createSchedules } = await import("./triggers/schedules.ts");
    return createSchedules({ ...services, triggers: services.resources.kinds.triggers });
  });
  lines.workBy(async () => {
    const [{ openEngineWorks }, { machines }] = await Promise.all([
      import("./engine-works.ts"),
      services.targets(),
    ]);
    return openEngineWorks({ ...options, machines });
  });
  stops.push(
    afterStart(0, async () => (await import("./triggers/keeping.ts")).keepTriggers(keeping)),
  );
  stops.push(
    afterStart(USAGE_AFTER_MS, async () => {
      await (await import("./front-line.ts")).tellLine(system, config.agents);
      return () => undefined;
    }),
  );
  stops.push(keepTraces({ config, system, lines, keys, log }));
  if (config.telemetry.otlp.endpoint !== null) {
    const exporting = { config, system, lines, log, addSecret };
    stops.push(
      afterStart(0, async () => (await import("./trace-export.ts")).keepExport(exporting)),
    );
  }
  const { guardrailsFile: file } = options.config;
  if (file !== null) stops.push(afterStart(0, () => keepingGuardrails(options, services, file)));
  stops.push(afterStart(0, agents.keepScripts));
  stops.push(afterStart(0, () => agents.keep(services)));
  return () => {
    for (const stop of stops) stop();
  };
}

/** Follows the file of the operator's chain. @returns what stops it. */
async function keepingGuardrails(
  { config: { guardrails: rules }, system: { tables }, diary: log }: FrontOptions,
  { operatorGuards: { set } }: Services,
  file: string,
): Promise<() => void> {
  const { keepOperatorChain } = await import("./guardrails-renewal.ts");
  return keepOperatorChain({ file, rules, set, log, tables });
}

/** Chains, trims and tells where chains stand. @returns what stops it. */
async function keepingAudit(
  { config, system, acts, diary }: FrontOptions,
  { listTenants }: KeyStore,
): Promise<() => void> {
  const { keepAudit } = await import("./audit/keeping.ts");
  const { chainKey } = await import("./audit/chain-key.ts");
  const { tables } = system;
  const chaining = { tables, key: await chainKey(tables), nowMs: Date.now };
  const { retentionDays: days } = config.audit;
  return keepAudit({ ...chaining, listTenants, arrived: acts.arrived, days, log: diary });
}

/** Gives back accounts that nobody has confirmed. @returns what stops it. */
async function endingGrants(
  { system, diary }: FrontOptions,
  { services, keys }: Pick<Front, "services" | "keys">,
): Promise<() => void> {
  const { keepGrantEnds } = await import("./http/services/grant-ends.ts");
  const end = async (tenant: string) => (await services.credentials()).connect.end(tenant);
  return keepGrantEnds({ tables: system.tables, keys, log: diary, nowMs: Date.now, end });
}

/** Has the server started again where removed tenants have to go from the files. @returns what stops it. */
async function purging(options: FrontOptions): Promise<() => void> {
  const { config, system, diary, startAgain } = options;
  const { keepPurging } = await import("./tenants/purging.ts");
  const { purgeIdleAfterMs: idleAfterMs, purgeLatestMs: latestMs, purgeBy } = config.tenants;
  if (purgeBy === "start") return () => undefined;
  return keepPurging({
    ...{ data: config.data, idleAfterMs, latestMs, log: diary, nowMs: Date.now },
    busy: () => system.load().busy,
    restart: () => {
      // As an operator has it taken over (cli/operations.md).
      if (purgeBy === "hand_over") process.emit("SIGUSR2", "SIGUSR2");
      else startAgain();
    },
  });
}

const isLocal = ({ host }: Config): boolean => ["127.0.0.1", "::1", "localhost"].includes(host);

function hostsOf({ host, http }: Config): readonly string[] {
  return [...http.allowedHosts, host];
}
