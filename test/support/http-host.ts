// The whole product in one process for tests of the front door: a real system on a real folder with
// its engine on main, the real door on a real port, and a scripted model.

import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { catalog } from "../../actors/catalog.ts";
import type { Channels } from "../../actors/channels/port.ts";
import { defaultPrices, type Prices } from "../../actors/money/catalogue.ts";
import type { Compute, Embedders, Ports } from "../../actors/ports.ts";
import type { KeyRole } from "../../actors/records/api-key.ts";
import type { Collection } from "../../actors/records/collection.ts";
import { balanceCounter } from "../../actors/records/conversation.ts";
import type { Guardrail } from "../../actors/records/guardrail.ts";
import type { TenantLimits } from "../../actors/records/tenant-limits.ts";
import { a2aRoutes } from "../../adapters/a2a/routes.ts";
import { Acts } from "../../adapters/audit/act.ts";
import { createBeside } from "../../adapters/audit/beside.ts";
import type { OperatorIntegration } from "../../adapters/config-integrations.ts";
import { operatorIntegrations } from "../../adapters/credentials/operator-integrations.ts";
import { createEgress } from "../../adapters/egress.ts";
import { createBuiltinEmbedder } from "../../adapters/embed/builtin.ts";
import { createEmbedders } from "../../adapters/embed/embedders.ts";
import { adminRoutes } from "../../adapters/http/admin/routes.ts";
import { anthropicRoutes } from "../../adapters/http/anthropic/messages.ts";
import { createAuthenticator } from "../../adapters/http/auth.ts";
import type { Bearers } from "../../adapters/http/bearer.ts";
import { createDoor } from "../../adapters/http/door.ts";
import { createDoorAudit } from "../../adapters/http/door-audit.ts";
import type { WorkGate } from "../../adapters/http/gate/work-gate.ts";
import { createGuesses } from "../../adapters/http/guesses.ts";
import { createKeyStore, type KeyStore } from "../../adapters/http/keys.ts";
import { listenOnNode } from "../../adapters/http/listen-node.ts";
import { openaiRoutes } from "../../adapters/http/openai/routes.ts";
import { openApiRoutes } from "../../adapters/http/openapi/routes.ts";
import { createOriginRules } from "../../adapters/http/origin.ts";
import { platformRoutes } from "../../adapters/http/platform/routes.ts";
import { proxyRoutes } from "../../adapters/http/proxy/routes.ts";
import { createRateLimiter } from "../../adapters/http/rate.ts";
import { createRouteTable, type Route } from "../../adapters/http/route.ts";
import type { Trust } from "../../adapters/http/services/credentials.ts";
import { createServices, type Services } from "../../adapters/http/services/services.ts";
import { createSessions, type Sessions } from "../../adapters/http/sessions.ts";
import { guardTenants } from "../../adapters/http/tenant-guard.ts";
import { uiRoutes } from "../../adapters/http/ui/routes.ts";
import { pinEdition } from "../../adapters/knowledge/pin.ts";
import { createRemovals } from "../../adapters/knowledge/removals.ts";
import { createRetriever } from "../../adapters/knowledge/retriever.ts";
import { settingsFrom } from "../../adapters/knowledge/settings.ts";
import { forgetSources, keepSources } from "../../adapters/knowledge/sources.ts";
import { createKnowledgeStore } from "../../adapters/knowledge/store.ts";
import { createKnowledgeWriter } from "../../adapters/knowledge/writer.ts";
import { mcpRoute } from "../../adapters/mcp/route.ts";
import { createMemories } from "../../adapters/memory/memories.ts";
import { withStorageRoom } from "../../adapters/tenants/storing.ts";
import { emptyMasterKeys, KEY_BYTES, replaceMasterKeys } from "../../adapters/vault/master-keys.ts";
import { createVault } from "../../adapters/vault/vault.ts";
import { createWeb } from "../../adapters/web.ts";
import { createWebhooks } from "../../adapters/webhooks/deliver.ts";
import type { Definition } from "../../runtime/actor.ts";
import { type Log, silentLog } from "../../runtime/log.ts";
import { type RunningSystem, startSystem } from "../../runtime/pool.ts";
import { createApiContract } from "./api-contract.ts";
import { testGateway } from "./channels/test-gateway.ts";
import { listenToHeaders } from "./heard-headers.ts";
import { socketsOf } from "./host-sockets.ts";
import { inlineCompute } from "./inline-compute.ts";
import { noChannels, noFiles, noLaunches, noMcp } from "./no-ingest.ts";
import { createScriptedLlm, type ScriptedLlm } from "./scripted-llm.ts";
import { ingestOver, reembedOver } from "./take-in.ts";
import {
  type Answer,
  answerOf,
  type CallOptions,
  request,
  type Streamed,
  streamOf,
  type WireEvent,
} from "./wire-client.ts";

/** The running product and ways to speak to it. */
export interface HttpHost {
  readonly url: string;
  readonly routes: readonly Route[];
  /** Of the headers that routes have to state, those that were read so far, by "METHOD /pattern". */
  readonly headersRead: ReadonlyMap<string, ReadonlySet<string>>;
  readonly system: RunningSystem;
  readonly llm: ScriptedLlm;
  readonly adminKey: string;
  readonly tenant: string;
  /** Key of the tenant with every service. */
  readonly key: string;
  readonly otherKey: string;
  /** Whose that is. */
  readonly otherTenant: string;
  makeKey(services: readonly string[], tenant?: string, role?: KeyRole): Promise<string>;
  /** Of the tenant, unless another one is named. */
  setBalance(units: number, of?: string): Promise<void>;
  balance(): Promise<number>;
  /** Also compares the answer, and the headers that routes read, with what the API's description says. */
  call(method: string, path: string, body?: unknown, more?: CallOptions): Promise<Answer>;
  /** Events of a stream: each its id, event name and data, compared with the description too. */
  events(method: string, path: string, body?: unknown, more?: CallOptions): Promise<Streamed>;
  stop(): Promise<void>;
}

const adminKey = "admin-key-of-the-tests-1234";

/** What a test has its own of. */
export interface HostParts {
  /** Hosted beside the product's own, or in the place of those of the same kind. */
  readonly definitions?: readonly Definition[];
  readonly compute?: Compute;
  /** Default: the built-in one alone. */
  readonly embedders?: Embedders;
  /** Before each call of the ports that jobs work with, e.g. "ingest.clear". */
  readonly before?: (call: string) => Promise<void>;
  /** How busy its threads say they are, 0..1. Default: as busy as they are. */
  readonly busy?: () => number;
  /** Bytes of the files of a tenant's skills. Default 64 MiB. */
  readonly skillBytesMax?: number;
  /** Of tenants that have none of their own. Default none. */
  readonly tenantLimits?: TenantLimits;
  /** Default: those of document 001, and the built-in answerer. */
  readonly prices?: Prices;
  /** Requests that a key may send a second, and at once. Default 100,000. */
  readonly requestsPerSecond?: number;
  /** Private hosts that tools may ask. Default none. */
  readonly webHosts?: readonly string[];
  /** The clock of its services, ms since the epoch. Default: the real one. */
  readonly nowMs?: () => number;
  /** How often readers of open streams and sockets are proved anew, ms. Default: as the product. */
  readonly streamProofMs?: number;
  /** Guardrails of the operator. Default none. */
  readonly operatorRules?: readonly Guardrail[];
  /** Of the operator. Default none. */
  readonly integrations?: readonly OperatorIntegration[];
  /** Where it is for browsers. Default: where they ask it. */
  readonly publicUrl?: string;
  /** Default: what is logged is dropped. */
  readonly log?: Log;
  /** Tokens that are taken in place of keys. Default none. */
  readonly bearers?: (keys: KeyStore) => Bearers;
  /** Of the engine. Default: every call is refused. */
  readonly channels?: Channels;
  /** Routes of the started product that it has beside those of its services. Default none. */
  readonly routes?: (of: HostWithin) => Promise<readonly Route[]>;
}

/** What further routes may be made of. */
export interface HostWithin {
  readonly system: RunningSystem;
  readonly services: Services;
  readonly sessions: Sessions;
}

/** Starts one. */
export async function startHttpHost(parts: HostParts = {}): Promise<HttpHost> {
  const { definitions = [], compute = inlineCompute, before = async () => undefined } = parts;
  const isOwn = (kind: string): boolean => definitions.some((one) => one.kind === kind);
  const folder = mkdtempSync(join(tmpdir(), "troupe-http-"));
  const llm = createScriptedLlm(() => "You can export from Settings.");
  const embedder = createBuiltinEmbedder();
  const { embedders = createEmbedders(embedder), requestsPerSecond = 100_000 } = parts;
  const { prices = defaultPrices } = parts;
  const acts = new Acts();
  const system = await startSystem({
    folder,
    beside: createBeside(acts),
    workerUrl: new URL("./unused.js", import.meta.url),
    loadHost: () => ({
      definitions: [...catalog.filter(({ kind }) => !isOwn(kind)), ...definitions],
      createPorts: ({ hot, bulk, log }): Ports => ({
        llm,
        embedder,
        embedders,
        retriever: createRetriever({
          ...{ reader: bulk, embedder, embedders },
          settingsOf: settingsFrom(hot),
        }),
        ingest: hooked("ingest", ingestOver({ bulk, tables: hot, embedders, compute }), before),
        reembed: hooked("reembed", reembedOver({ bulk, tables: hot, embedders, compute }), before),
        memories: createMemories({ bulk, embedders }),
        credentials: {
          operators: operatorIntegrations(parts.integrations ?? []),
          renew: () => Promise.reject(new Error("No token is renewed here.")),
        },
        web: createWeb(createEgress({ allowedHosts: parts.webHosts ?? [] })),
        removals: createRemovals({
          ...{ bulk, tables: hot, memories: createMemories({ bulk, embedders }) },
          writer: createKnowledgeWriter({ bulk, nowMs: Date.now }),
          removeFiles: () => Promise.resolve(),
        }),
        webhooks: createWebhooks({
          ...{ egress: createEgress({ allowedHosts: ["127.0.0.1"] }), tables: hot },
          nowMs: Date.now,
        }),
        ...{ compute, prices, log, launches: noLaunches, files: noFiles, mcp: noMcp },
        channels: parts.channels ?? noChannels,
      }),
    }),
    config: { workers: 0 },
    log: parts.log ?? silentLog,
    exit: () => undefined,
  });
  const { busy } = parts;
  if (busy !== undefined) {
    const load = () => ({ busy: busy(), passMs: 0 });
    system.load = () => ({ ...load(), turns: load(), cpu: 0 });
  }
  const services = makeServices({ system, data: folder }, embedder, embedders, parts);
  const sessions = createSessions(60_000);
  const more = await parts.routes?.({ system, services, sessions });
  const { routes, keys, gate } = makeRoutes(system, services, more ?? []);
  const heard = listenToHeaders(routes);
  const rates = createRateLimiter({ perSecond: requestsPerSecond, burst: requestsPerSecond });
  const authenticator = guardTenants(
    createAuthenticator({
      keys,
      sessions,
      guesses: createGuesses(10_000),
      adminKey,
      adminTenant: "tn_admin",
      ...(parts.bearers && { bearers: parts.bearers(keys) }),
    }),
    { tenants: system.tenants, rates: services.tenantRates },
  );
  const door = createDoor({
    routes: withStorageRoom(heard.routes, services.storageRoom),
    system,
    gate,
    ...(parts.streamProofMs === undefined ? {} : { streamProofMs: parts.streamProofMs }),
    audit: createDoorAudit({ tables: system.tables, acts, log: parts.log ?? silentLog }),
    origins: createOriginRules({ hosts: [], origins: [] }),
    rates,
    authenticator,
    socket: socketsOf(authenticator, { system, chat: services.chat, rates }, parts.streamProofMs),
  });
  const contract = createApiContract(routes);
  const server = await listenOnNode({ host: "127.0.0.1", port: 0, limits, door });
  const url = `http://127.0.0.1:${server.port}`;
  const tenant = (await keys.createTenant({ id: "tn_default", name: "One" })).id;
  const other = (await keys.createTenant({ name: "Other" })).id;
  const makeKey: HttpHost["makeKey"] = async (services, owner = tenant, role = "owner") =>
    (await keys.createKey(owner, { name: "k", role, allowed_services: [...services] })).key;
  const key = await makeKey(["*"]);
  const otherKey = await makeKey(["*"], other);
  const balance = (of = tenant) => system.tables.counter(of, balanceCounter);
  const setBalance = async (units: number, of = tenant): Promise<void> => {
    const delta = units * 1_000_000 - (await balance(of));
    await system.tables.write(of, [{ type: "add", counter: balanceCounter, delta }]);
  };
  await setBalance(100);
  await setBalance(100, other);
  const send = (method: string, path: string, body: unknown, more: CallOptions) =>
    request(url + path, { method, body, key: more.key ?? key, headers: more.headers ?? {} });
  return {
    url,
    routes,
    headersRead: heard.read,
    system,
    llm,
    adminKey,
    tenant,
    key,
    otherKey,
    makeKey,
    otherTenant: other,
    setBalance,
    balance,
    call: async (method, path, body, more = {}) => {
      const answer = await answerOf(await send(method, path, body, more));
      contract.check(method, path, answer);
      heard.check();
      return answer;
    },
    events: async (method, path, body, more = {}) => {
      const streamed = streamOf(await send(method, path, body, more));
      return heldTo(streamed, (event) => contract.checkEvent(method, path, event));
    },
    stop: async () => {
      await server.close();
      await system.stop(1_000);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A stream each of whose events is checked as it is read. */
function heldTo(streamed: Streamed, check: (event: WireEvent) => void): Streamed {
  const { status, cut } = streamed;
  const next = async (): Promise<WireEvent | undefined> => {
    const event = await streamed.next();
    if (event !== undefined) check(event);
    return event;
  };
  const rest = async (): Promise<readonly WireEvent[]> => {
    const events = await streamed.rest();
    for (const event of events) check(event);
    return events;
  };
  return { status, cut, next, rest };
}

/** A port whose calls wait for `before`. */
function hooked<T extends object>(
  name: string,
  port: T,
  before: (call: string) => Promise<void>,
): T {
  return new Proxy(port, {
    get: (of, method) => {
      const own: unknown = Reflect.get(of, method);
      if (typeof own !== "function") return own;
      return async (...args: readonly unknown[]): Promise<unknown> => {
        await before(`${name}.${String(method)}`);
        return own.apply(of, args);
      };
    },
  });
}

function testTrust(publicUrl: string | null, integrations: readonly OperatorIntegration[]): Trust {
  const memory = emptyMasterKeys();
  replaceMasterKeys(memory, [randomBytes(KEY_BYTES)]);
  return { vault: createVault(memory), hosts: ["127.0.0.1"], integrations, publicUrl };
}

function makeServices(
  { system, data }: { readonly system: RunningSystem; readonly data: string },
  embedder: ReturnType<typeof createBuiltinEmbedder>,
  embedders: Embedders,
  parts: HostParts,
): Services {
  const { skillBytesMax = 64 * 1_024 * 1_024, prices = defaultPrices } = parts;
  return createServices({
    ...{ system, data, log: parts.log ?? silentLog, skillBytesMax, gateway: testGateway },
    operatorRules: parts.operatorRules ?? [],
    ...(parts.tenantLimits && { tenantLimits: parts.tenantLimits }),
    trust: testTrust(parts.publicUrl ?? null, parts.integrations ?? []),
    prices,
    compute: inlineCompute,
    documents: createKnowledgeStore({ bulk: system.bulk }),
    sources: {
      keep: (tenant, job, sources) => keepSources(system.bulk, { tenant, job }, sources),
      forget: (tenant, job) => forgetSources(system.bulk, { tenant, job }),
    },
    memories: createMemories({ bulk: system.bulk, embedders }),
    embedders,
    rerankers: { names: [] },
    retriever: createRetriever({
      ...{ reader: system.bulk, embedder, embedders },
      adopt: (edition, pin) => pinEdition(system.bulk, edition, pin),
      settingsOf: async ({ tenant, collection }) => {
        const row = await system.tables.get(tenant, "collections", collection);
        return row && ((row.value as Collection).retrieval ?? {});
      },
    }),
    nowMs: parts.nowMs ?? Date.now,
  });
}

function makeRoutes(
  system: RunningSystem,
  services: Services,
  more: readonly Route[],
): { routes: readonly Route[]; keys: ReturnType<typeof createKeyStore>; gate: WorkGate } {
  const open = [
    ...proxyRoutes(services),
    ...platformRoutes(services),
    ...openaiRoutes(services),
    ...a2aRoutes(services),
    ...uiRoutes(services),
    ...anthropicRoutes(services),
    mcpRoute(services, async () => "0.0.0"),
    ...more,
  ];
  const keys = createKeyStore({
    tables: system.tables,
    services: createRouteTable(open).services,
  });
  const routes: readonly Route[] = [
    ...open,
    ...adminRoutes(services, keys, (text) => text.replaceAll("sk-secret", "[redacted]")),
    ...openApiRoutes({ version: async () => "0.0.0", routes: () => routes }),
  ];
  return {
    routes,
    keys,
    gate: services.gate,
  };
}

const limits = {
  ...{ bodyBytesMax: 1_000_000, headerBytesMax: 16_384, bodyTimeoutMs: 5_000 },
  ...{ connectionsMax: 1_000, connectionsPerAddressMax: 1_000_000, slowReaderMs: 5_000 },
  ...{ unsentBytesMax: 256_000_000, unsentBytesPerAddressMax: 256_000_000 },
  ...{ sendBufferBytesMax: 1_000_000, socketMessageBytesMax: 100_000 },
};
