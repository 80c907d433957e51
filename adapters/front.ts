// Puts the front door together on the main thread: services over the system, routes over the
// services, the door over the routes, a server that carries it. Loaded while the workers start.

import { createPrices } from "../actors/money/catalogue.ts";
import type { Log } from "../runtime/log.ts";
import type { RunningSystem } from "../runtime/pool.ts";
import type { Tables } from "../runtime/system.ts";
import { a2aRoutes } from "./a2a/routes.ts";
import type { Acts } from "./audit/act.ts";
import { packageVersion } from "./cli/version.ts";
import type { Config } from "./config.ts";
import { priceListOf } from "./config-prices.ts";
import { loadAssets } from "./console/assets.ts";
import { createFrontAuth } from "./front-auth.ts";
import { createKnowledge } from "./front-knowledge.ts";
import { createFrontMemories } from "./front-memory.ts";
import { listModels, lookAtProviders } from "./front-providers.ts";
import { type FrontServer, openServer } from "./front-server.ts";
import { backupRoutes } from "./http/admin/backup.ts";
import { providersRoute } from "./http/admin/providers.ts";
import { adminRoutes } from "./http/admin/routes.ts";
import { vaultRoutes } from "./http/admin/vault.ts";
import { anthropicRoutes } from "./http/anthropic/messages.ts";
import type { Authenticator } from "./http/auth.ts";
import { consoleRoutes } from "./http/console/routes.ts";
import { createDoor, type Door, type DoorOptions, type RequestLine } from "./http/door.ts";
import { createDoorAudit } from "./http/door-audit.ts";
import { createKeyStore, type KeyStore } from "./http/keys.ts";
import { createLoginRoutes } from "./http/login.ts";
import { metricsRoute } from "./http/metrics-route.ts";
import { openaiRoutes } from "./http/openai/routes.ts";
import { openApiRoutes } from "./http/openapi/routes.ts";
import { createOriginRules } from "./http/origin.ts";
import { modelsRoute } from "./http/platform/models.ts";
import { platformRoutes } from "./http/platform/routes.ts";
import { proxyRoutes } from "./http/proxy/routes.ts";
import { createRateLimiter } from "./http/rate.ts";
import { createRouteTable, type Route } from "./http/route.ts";
import type { FrontDoor, Server } from "./http/server.ts";
import type { Trust } from "./http/services/credentials.ts";
import { createServices, type Services } from "./http/services/services.ts";
import { signInAudit } from "./http/session-audit.ts";
import { createSessions, type Sessions } from "./http/sessions.ts";
import type { SocketServices } from "./http/socket.ts";
import { provenBy } from "./http/socket-proof.ts";
import { createSocketServices } from "./http/socket-services.ts";
import { guardTenants } from "./http/tenant-guard.ts";
import { uiRoutes } from "./http/ui/routes.ts";
import type { HubCounts } from "./llm/answer-hub.ts";
import { mcpRoute } from "./mcp/route.ts";
import { recoverPacks } from "./packs/recover.ts";
import type { CountedGuards } from "./telemetry/guard-figures.ts";
import { createMetrics, METRICS_TYPE } from "./telemetry/metrics.ts";
import type { MissedVectors } from "./telemetry/missed-vectors.ts";
import type { Rotation } from "./vault/rotation.ts";
import type { SealedTenants } from "./vault/sealing.ts";
import type { Vault } from "./vault/vault.ts";

/** Tenant the admin key acts in when it names none. */
export const defaultTenant = "tn_default";

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
  /** Calls of models that were not made. Default: none. */
  reused?(): HubCounts;
  /** Takes secrets out of a text. */
  redact(text: string): string;
  /** Whether what a start prepares is there. Default: yes. */
  isReady?(): boolean;
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
  /** Ends what goes on beside requests. */
  stop(): void;
}

/** Opens the door. @throws CONFIG_INVALID when the port is taken. */
export async function openFront(options: FrontOptions): Promise<Front> {
  const { config, system, adminKey, acts, diary, missed, embedMemory, sealed } = options;
  const { http } = config;
  const assets = await loadAssets();
  const embedding = { ...config, embedMemory, sealer: sealed?.source };
  const knowledge = createKnowledge(system, embedding, { log: diary, figures: missed });
  const services = createServices({
    system,
    ...{ compute: system.compute, nowMs: Date.now, prices: createPrices(priceListOf(config)) },
    ...{ data: config.data, log: diary, sealed },
    skillBytesMax: config.skills.bytesMax,
    trust: trustOf(options),
    ...knowledge,
    guards: options.guards,
    memories: createFrontMemories(system, knowledge),
  });
  const sessions = createSessions(http.sessionMs);
  let server: Server | undefined;
  const providers = lookAtProviders(config, options.providerMemory);
  const metrics = createMetrics({
    inspect: () => system.inspect(),
    connections: () => server?.connections() ?? 0,
    gate: () => services.gate.figures(),
    ...{ missed: () => missed.counts(), guards: () => options.guards.counts() },
    providers,
    reused: () => options.reused?.() ?? { cached: 0, followed: 0 },
  });
  const isLocal = ["127.0.0.1", "::1", "localhost"].includes(config.host);
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
    metricsRoute({ type: METRICS_TYPE, isPublic: isLocal, text: () => metrics.text() }),
  ];
  const keys = createKeyStore({
    tables: system.tables,
    services: createRouteTable(routes).services,
  });
  const stop = keepUp(options, { services, keys });
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
  const door = createDoor({
    routes: all,
    system,
    ...{ gate: services.gate, audit: createDoorAudit({ tables: system.tables, acts, log: diary }) },
    authenticator,
    rates,
    origins: createOriginRules({ hosts: hostsOf(config), origins: http.allowedOrigins }),
    log: (line) => options.log(line),
    isReady: () => options.isReady?.() ?? true,
    socket: opener(sockets, authenticator),
  });
  void recoverPacks(system, services.packs, diary);
  const { tables } = system;
  const opened =
    options.opened?.(door, tables) ?? (await openServer({ config, door, log: diary, tables }));
  server = opened.server;
  return { server, door, services, keys, sessions, url: opened.url, stop: both(stop, opened.stop) };
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

/** What only the operator of the server asks for, beside what it sees of tenants. */
function operatorRoutes(
  { system, rotation }: Pick<FrontOptions, "system" | "rotation">,
  providers: Parameters<typeof providersRoute>[0],
): readonly Route[] {
  const own = [providersRoute(providers), ...vaultRoutes(rotation)];
  return [...own, ...backupRoutes(system, packageVersion)];
}

/** What goes on beside requests. @returns what stops it. */
function keepUp(
  options: FrontOptions,
  { services, keys }: Pick<Front, "services" | "keys">,
): () => void {
  const stops = [
    afterStart(USAGE_AFTER_MS, async () => {
      const { keepUsage } = await import("./http/services/usage-sweep.ts");
      return keepUsage({ books: await services.books(), keys, log: options.diary });
    }),
    afterStart(AFTER_START_MS, () => keepingAudit(options, keys)),
    afterStart(Math.min(AFTER_START_MS, options.config.tenants.purgeIdleAfterMs), () =>
      purging(options),
    ),
  ];
  return () => {
    for (const stop of stops) stop();
  };
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

const both = (one: () => void, other: () => void) => (): void => {
  one();
  other();
};

/** What can wait begins when a start is over. @returns what stops it. */
function afterStart(ms: number, begin: () => Promise<() => void>): () => void {
  let stop: (() => void) | null = null;
  let isStopped = false;
  const timer = setTimeout(async () => {
    stop = await begin();
    if (isStopped) stop();
  }, ms);
  timer.unref();
  return () => {
    isStopped = true;
    clearTimeout(timer);
    stop?.();
  };
}

function hostsOf({ host, http }: Config): readonly string[] {
  return [...http.allowedHosts, host];
}
