// A server inside this process, for an agent that is nobody else's: on loopback, with a folder of its own. What a
// gateway says to it, it says over HTTP, as to any other server.

import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type ApiClient, createApiClient } from "../cli/api-client.ts";
import { type Config, loadConfigWith } from "../config.ts";
import { createLog } from "../telemetry/log.ts";
import type { GatewaySettings, LocalAgent } from "./options.ts";

/** A server that runs. */
export interface LocalServer {
  readonly url: string;
  readonly api: ApiClient;
  stop(): Promise<void>;
}

/** Variables that name a provider's key and address. */
const vendors = {
  openai: { key: "OPENAI_API_KEY", url: "OPENAI_BASE_URL" },
  anthropic: { key: "ANTHROPIC_API_KEY", url: "ANTHROPIC_BASE_URL" },
} as const;

/** Tenant of the agent. */
const TENANT = "tn_default";

/** Settings of the server inside. @param folder that paths are relative to. @throws CONFIG_INVALID. */
export async function localConfig(
  agent: LocalAgent,
  { publicUrl, middleware, hosts = [] }: GatewaySettings,
  folder: string,
): Promise<Config> {
  const data = resolve(folder, agent.data ?? join(".troupe", "data"));
  const loaded = await loadConfigWith(
    {
      ...{ TROUPE_HOST: "127.0.0.1", TROUPE_PORT: "0", TROUPE_DATA: data, TROUPE_SAMPLE: "off" },
      ...providerOf(agent),
    },
    folder,
  );
  return {
    ...loaded,
    // Who runs it pays the provider; there is nobody else to charge.
    prices: { ...loaded.prices, services: free(loaded.prices.services) },
    publicUrl: publicUrl ?? loaded.publicUrl,
    // Those of a troupe.yaml are the other server's, which is started with it.
    channels: {},
    agents: { ...loaded.agents, folder: null },
    logs: { ...loaded.logs, file: null, agents: null },
    // Only this process speaks to it, and it says for whom.
    http: { ...loaded.http, trustedProxies: [...loaded.http.trustedProxies, "127.0.0.1"] },
    gateway: {
      ...loaded.gateway,
      ...(middleware !== undefined && { middleware: resolve(folder, middleware) }),
      hosts: [...loaded.gateway.hosts, ...hosts],
    },
  };
}

/** Starts it. @param folder that paths are relative to. @throws CONFIG_INVALID, and what a start throws. */
export async function startLocal(
  agent: LocalAgent,
  settings: GatewaySettings,
  folder: string,
): Promise<LocalServer> {
  const { start: startServer, stop: stopServer } = await import("../main.ts");
  const config = await localConfig(agent, settings, folder);
  const { log: tell } = settings;
  await mkdir(config.data, { recursive: true });
  const secrets = config.providers.flatMap((one) => one.apiKeys);
  const log = createLog({
    level: config.logLevel,
    secrets,
    ...(tell && { write: (line) => tell("warn", line) }),
  });
  const running = await startServer(config, log, null, true);
  const { url } = running.front;
  log.addSecret(running.adminKey);
  return {
    url,
    api: createApiClient({ url, key: running.adminKey, tenant: TENANT }),
    stop: async () => {
      await stopServer(running, log);
      log.flush();
    },
  };
}

/** The same operations for nothing. */
function free<Prices extends object>(prices: Prices): Prices {
  return Object.fromEntries(Object.keys(prices).map((name) => [name, 0])) as Prices;
}

/** What its provider is told by; what is not said stays as the environment has it. */
function providerOf({ provider, apiKey, baseUrl, model }: LocalAgent): Record<string, string> {
  if (provider === undefined) return {};
  const { key, url } = vendors[provider];
  return {
    ...(apiKey !== undefined && { [key]: apiKey }),
    ...(baseUrl !== undefined && { [url]: baseUrl }),
    ...(model !== undefined && { TROUPE_DEFAULT_MODEL: model }),
  };
}
