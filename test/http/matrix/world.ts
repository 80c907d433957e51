// The server of the matrix, with the whole table of the started product, and how requests are sent to
// it. Every answer is held to the API's description.

import type { KeyRole } from "../../../actors/records/api-key.ts";
import { packageVersion } from "../../../adapters/cli/version.ts";
import { loadAssets } from "../../../adapters/console/assets.ts";
import { createBuiltinEmbedder } from "../../../adapters/embed/builtin.ts";
import { createEmbedders } from "../../../adapters/embed/embedders.ts";
import { listModels, lookAtProviders } from "../../../adapters/front-providers.ts";
import { backupRoutes } from "../../../adapters/http/admin/backup.ts";
import { providersRoute } from "../../../adapters/http/admin/providers.ts";
import { vaultRoutes } from "../../../adapters/http/admin/vault.ts";
import { consoleRoutes } from "../../../adapters/http/console/routes.ts";
import { createLoginRoutes } from "../../../adapters/http/login.ts";
import { metricsRoutes } from "../../../adapters/http/metrics-route.ts";
import { modelsRoute } from "../../../adapters/http/platform/models.ts";
import type { Route } from "../../../adapters/http/route.ts";
import type { Sessions } from "../../../adapters/http/sessions.ts";
import { providerMemory } from "../../../adapters/provider-memory.ts";
import { createMetrics, METRICS_TYPE } from "../../../adapters/telemetry/metrics.ts";
import { createMissedVectors, missedMemory } from "../../../adapters/telemetry/missed-vectors.ts";
import type { Rotation } from "../../../adapters/vault/rotation.ts";
import { defineActor } from "../../../runtime/actor.ts";
import { type ApiContract, createApiContract } from "../../support/api-contract.ts";
import { askingWork } from "../../support/approval-room.ts";
import { type HostWithin, type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { inlineCompute } from "../../support/inline-compute.ts";
import { embeddersWith, otherEmbedder } from "../../support/other-embedder.ts";
import type { Json } from "../../support/wire-client.ts";
import { isServers } from "./is-servers.ts";
import type { Sent } from "./sent.ts";

/** An answer as it came. */
export interface Told {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Parsed JSON; the text when it is none. */
  readonly body: Json;
}

/** The server and what the rows need of it. */
export interface World {
  readonly host: HttpHost;
  readonly sessions: Sessions;
  /** Ids that the tenant of the matrix has been shown. */
  readonly ids: ReadonlySet<string>;
  /** What the test of a stopped actor breaks and repairs. */
  readonly sour: { isBroken: boolean };
  /** Texts with this word are taken in when a test lets them. */
  readonly held: { word: string };
  /** Sends a request to a route, as who may call it unless it says otherwise; `base`: by way of that. */
  send(route: Route, sent: Sent, base?: string): Promise<Told>;
  /** Body of an answer that must be a success. */
  make(method: string, path: string, body?: unknown): Promise<Json>;
  /** A key with every service but this one. */
  keyWithout(service: string): Promise<string>;
  /** A key of the tenant with every service and this role. */
  keyOf(role: KeyRole): Promise<string>;
  /** A key with every service and role that reaches one record of each kind, which no row is about. */
  limitedKey(): Promise<string>;
  /** Those records. */
  readonly reached: ReadonlySet<string>;
  stop(): Promise<void>;
}

const ID = /\b[a-z]{2}_[0-9a-z]{26}\b/g;
/** A secret is shown once, and is no id. */
const idsIn = (text: string): readonly string[] => text.match(ID) ?? [];

/** Enough for a request to every route. */
const BALANCE = 10_000;

/** What rotation does is told in test/adapters/vault. */
const stillVault: Rotation = {
  state: () => ({
    ...{ origin: "folder", keys: ["00000000"], state: "done", error: null },
    progress: { rows: 0, changed: 0, unreadable: 0 },
  }),
  rotate: async () => stillVault.state(),
  begin: () => undefined,
  stop: () => undefined,
};

/** Starts it. */
export async function startWorld(): Promise<World> {
  const sour = { isBroken: false };
  const held = { word: "" };
  let within: HostWithin | undefined;
  const host = await startHttpHost({
    definitions: [...askingWork([]), sourActor(sour)],
    embedders: embeddersWith(createEmbedders(createBuiltinEmbedder()), [otherEmbedder()]),
    compute: {
      run: async (task, input, options) => {
        const { texts = [] } = (input ?? {}) as { readonly texts?: readonly string[] };
        const isHeld = held.word !== "" && texts.some((text) => String(text).includes(held.word));
        if (isHeld) await aborted(options.signal);
        return await inlineCompute.run(task, input, options);
      },
    },
    routes: async (of) => {
      within = of;
      return await frontRoutes(of);
    },
  });
  if (within === undefined) throw new Error("The host made no routes.");
  await host.setBalance(BALANCE);
  const ids = new Set([host.tenant]);
  const contract = createApiContract(host.routes);
  const keys = new Map<string, Promise<string>>();
  const withKey = host.routes.filter(({ isPublic }) => isPublic !== true);
  const services = [...new Set(withKey.map(({ service }) => service))];
  const reached = new Set<string>();
  let limited: Promise<string> | undefined;
  return {
    ...{ host, ids, sour, held, sessions: within.sessions },
    send: async (route, sent, base = host.url) => {
      const key = sent.key ?? (isServers(route) ? host.adminKey : host.key);
      const told = await sendTo(base, contract, route, { ...sent, key });
      if (key === host.key) for (const id of idsIn(told.text)) ids.add(id);
      return told;
    },
    make: async (method, path, body) => {
      const answer = await host.call(method, path, body);
      if (answer.status >= 300) {
        throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      }
      for (const id of idsIn(JSON.stringify(answer.body) ?? "")) ids.add(id);
      return answer.body;
    },
    keyWithout: (service) => {
      const made = keys.get(service) ?? host.makeKey(services.filter((one) => one !== service));
      keys.set(service, made);
      return made;
    },
    keyOf: (role) => {
      const made = keys.get(`role ${role}`) ?? host.makeKey(["*"], host.tenant, role);
      keys.set(`role ${role}`, made);
      return made;
    },
    limitedKey: () => {
      limited ??= makeLimited(host, reached);
      return limited;
    },
    reached,
    stop: () => host.stop(),
  };
}

/** A record of each kind, and a key that reaches these alone. */
async function makeLimited(host: HttpHost, reached: Set<string>): Promise<string> {
  const made = async (path: string, body: unknown): Promise<string> => {
    const { status, body: told } = await host.call("POST", path, body);
    if (status >= 300) throw new Error(`POST ${path}: ${status} ${JSON.stringify(told)}`);
    reached.add(told.id);
    return told.id;
  };
  const agent = await made("/v2/agents", { name: "Reached", model_name: "m-1" });
  const allowed_resources = {
    agents: [agent],
    teams: [await made("/v2/teams", { name: "Reached", mode: "coordinate", members: [{ agent }] })],
    workflows: [
      await made("/v2/workflows", {
        name: "Reached",
        graph_definition: { nodes: [{ id: "end", type: "end" }], edges: [] },
      }),
    ],
    collections: [await made("/v2/knowledge/collections", { name: "Reached" })],
    prompts: [await made("/v2/prompts", { name: "Reached", template: "Be brief." })],
    datasets: [await made("/v2/datasets", { name: "Reached" })],
  };
  const body = { name: "limited", role: "owner", allowed_services: ["*"], allowed_resources };
  const { body: key } = await host.call("POST", "/admin/keys", body);
  // It sees itself.
  reached.add(key.id);
  return key.key;
}

/** The path of a request. */
export function pathOf({ pattern }: Route, { params = {}, query = "" }: Sent): string {
  const path = pattern.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = params[name];
    if (value === undefined) throw new Error(`The row of ${pattern} has no ${name}.`);
    return encodeURIComponent(value);
  });
  return query === "" ? path : `${path}?${query}`;
}

async function sendTo(
  base: string,
  contract: ApiContract,
  route: Route,
  sent: Sent,
): Promise<Told> {
  const path = pathOf(route, sent);
  const { body, key = "", headers = {} } = sent;
  const response = await fetch(base + path, {
    method: route.method,
    redirect: "manual",
    headers: {
      ...(key === "" ? {} : { "X-API-Key": key }),
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const type = response.headers.get("content-type") ?? "";
  const isJson = /^application\/(?:[a-z0-9]+\+)?json\b/.test(type) && text !== "";
  const told = {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson ? JSON.parse(text) : text,
  };
  contract.check(route.method, path, told);
  checkHead(`${route.method} ${path}`, told);
  return told;
}

/** Headers of every answer, whatever it says: foreign pages are let in nowhere unless the operator names them. */
function checkHead(what: string, { headers }: Told): void {
  const own = ["x-content-type-options", "access-control-allow-origin", "server", "x-powered-by"];
  const seen = own.map((name) => headers.get(name));
  if (seen.join() === "nosniff,,," && /^req_\w{10,}$/.test(headers.get("x-request-id") ?? ""))
    return;
  throw new Error(`${what} has the headers ${JSON.stringify([...headers])}`);
}

function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => reject(signal?.reason ?? new Error("It was held without a signal."));
    if (signal === undefined || signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}

/** Cannot come to life while it is broken. */
const sourActor = (sour: { readonly isBroken: boolean }) =>
  defineActor<null, null>({
    kind: "sour",
    version: 1,
    initial: () => {
      if (sour.isBroken) throw new Error("no state");
      return null;
    },
    receive: (state, _message, turn) => {
      turn.reply(null);
      return state;
    },
  });

/** What the started product's front door has beside the routes of its services (adapters/front.ts). */
async function frontRoutes({ system, services, sessions }: HostWithin): Promise<readonly Route[]> {
  const config = {
    ...{ providers: [], defaultProvider: null, knownModels: [], defaultModel: null },
  };
  const providers = lookAtProviders(config, providerMemory([]));
  const missed = createMissedVectors(missedMemory());
  const metrics = createMetrics({
    inspect: () => system.inspect(),
    connections: () => 0,
    gate: () => services.gate.figures(),
    missed: () => missed.counts(),
    providers,
    reused: () => ({ cached: 0, followed: 0 }),
  });
  return [
    modelsRoute({ list: listModels(config), byDefault: null }),
    ...consoleRoutes(await loadAssets(), { builtin: true, providers: [] }),
    ...createLoginRoutes(sessions),
    ...metricsRoutes({ type: METRICS_TYPE, isPublic: false, text: () => metrics.text() }),
    providersRoute(providers),
    ...backupRoutes(system, packageVersion, () => undefined),
    ...vaultRoutes(stillVault),
  ];
}
