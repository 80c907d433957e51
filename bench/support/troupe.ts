// Our server under the bench: started as a user starts it, on a fresh data folder, with everything
// on (keys, durability `flushed`, metrics, limits), and the support desk made over its own API.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { projectFolder } from "./peers.ts";
import { canPin, cores, type Running, startProcess } from "./processes.ts";
import type { Target } from "./target.ts";

const ADMIN_KEY = "bench-admin-key-0123456789";
/** Enough to pay for every turn of a bench. */
const CREDIT = 100_000_000;
/** Sockets that a bench may open to the provider. */
const PROVIDER_SOCKETS = 20_000;

/** What a bench may change about the server. */
export interface TroupeOptions {
  /** A data folder that is kept; default: a new one that is removed at the end. */
  readonly folder?: string;
  /** Port of the fake provider; null: the built-in answerer. */
  readonly providerPort: number | null;
  readonly nodeArgs?: readonly string[];
  readonly workers?: number;
  /** More lines of troupe.yaml. */
  readonly yaml?: string;
}

/** Our server, running. */
export interface Troupe {
  readonly running: Running;
  readonly port: number;
  readonly folder: string;
  /** A call to its API with the operator's key, or with the desk's once there is one. */
  call(method: string, path: string, body?: unknown): Promise<Record<string, unknown>>;
  /** Text of `/metrics`. */
  metrics(): Promise<string>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** A support desk on our server: its key and its agent. */
export interface Desk {
  readonly key: string;
  readonly agent: string;
}

/** Starts our server. */
export async function startTroupe(options: TroupeOptions): Promise<Troupe> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "bench-troupe-"));
  const file = join(folder, "bench.yaml");
  writeFileSync(file, configText(options));
  const running = await startProcess({
    name: "troupe",
    args: [
      ...startFlags(),
      ...(options.nodeArgs ?? []),
      join(projectFolder, "adapters/cli/troupe.js"),
      "start",
    ],
    core: cores.server,
    env: {
      TROUPE_CONFIG: file,
      TROUPE_PORT: "0",
      TROUPE_DATA: join(folder, "data"),
      TROUPE_ADMIN_KEY: ADMIN_KEY,
      TROUPE_SAMPLE: "off",
      // On its one core the server runs as its documentation says for such a machine: no worker threads.
      TROUPE_WORKERS: `${options.workers ?? (canPin ? 0 : 1)}`,
    },
    portIn: (output) => {
      const found = /https?:\/\/127\.0\.0\.1:(\d+)/.exec(output)?.[1];
      return found === undefined ? undefined : Number(found);
    },
  });
  const url = `http://127.0.0.1:${running.port}`;
  return {
    running,
    port: running.port,
    folder,
    call: (method, path, body) => call(`${url}${path}`, method, ADMIN_KEY, body),
    async metrics() {
      const headers = { authorization: `Bearer ${ADMIN_KEY}` };
      return await (await fetch(`${url}/metrics`, { headers })).text();
    },
    async stop(signal) {
      await running.stop(signal);
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What `npm start` tells Node.js. */
function startFlags(): string[] {
  const { scripts } = JSON.parse(readFileSync(join(projectFolder, "package.json"), "utf8"));
  return `${scripts.start}`.split(" ").filter((word) => word.startsWith("--"));
}

/** Makes a tenant with credit, a key for every service, and the supervisor with three sub-agents. */
export async function makeDesk(troupe: Troupe): Promise<Desk> {
  const tenant = await troupe.call("POST", "/admin/tenants", { name: "Bench" });
  await troupe.call("POST", `/admin/tenants/${tenant["id"]}/credit`, { amount: CREDIT });
  const made = await troupe.call("POST", "/admin/keys", {
    name: "bench",
    role: "owner",
    tenant: tenant["id"],
    allowed_services: ["*"],
  });
  const key = `${made["key"]}`;
  const url = `http://127.0.0.1:${troupe.port}/v1/proxy`;
  const agent = await call(`${url}/core-agent-create`, "POST", key, supervisor);
  const data = agent["data"] as { agent_key: string };
  for (const subAgent of subAgents) {
    await call(`${url}/core-agent-subagent-create/${data.agent_key}`, "POST", key, subAgent);
  }
  return { key, agent: data.agent_key };
}

/** The desk as something to chat with. */
export function targetOf(troupe: Troupe, desk: Desk): Target {
  return {
    name: "troupe",
    port: troupe.port,
    path: "/v1/proxy/core-agent-chat",
    headers: { "x-api-key": desk.key },
    body: (_session, message, stream) =>
      JSON.stringify({ agent_key: desk.agent, message, ...(stream ? { stream } : {}) }),
  };
}

async function call(
  url: string,
  method: string,
  key: string,
  body?: unknown,
): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url} answered ${response.status}: ${text}`);
  return JSON.parse(text) as Record<string, unknown>;
}

// Limits stay on; only those that would refuse a load from one key are raised.
function configText({ providerPort, yaml = "" }: TroupeOptions): string {
  const http =
    "http:\n  requests_per_second: 1000000\n  requests_burst: 1000000\n  connections_max: 40000\n";
  if (providerPort === null) return `${http}${yaml}`;
  return `${http}default_model: fake-fast
default_provider: fake
providers:
  - name: fake
    kind: openai
    base_url: http://127.0.0.1:${providerPort}/v1
    connections_max: ${PROVIDER_SOCKETS}
${yaml}`;
}

const supervisor = {
  name: "Support Supervisor",
  agent_type: "supervisor",
  system_message:
    "You route questions to the right sub-agent: 'docs' for product knowledge, 'billing' for " +
    "invoices and refunds, 'technical' for errors and outages. Use small talk only for greetings.",
  model_name: "fake-fast",
};

const subAgents = [
  {
    name: "docs",
    trigger: {
      keywords: ["docs", "documentation", "how to", "feature", "product"],
      description: "Routes when the user asks about product behavior, features, or setup.",
    },
  },
  {
    name: "billing",
    trigger: {
      keywords: ["invoice", "refund", "billing", "payment", "charged"],
      description: "Routes when the user asks about invoices, charges, refunds or plans.",
    },
  },
  {
    name: "technical",
    trigger: {
      keywords: ["error", "crash", "bug", "broken", "outage"],
      description: "Routes when something fails, is slow or shows an error.",
    },
  },
].map((subAgent, at) => ({
  ...subAgent,
  priority: at + 1,
  action: {
    persona: { role: "customer_support", personality: "helpful" },
    goal: { primary: "inform" },
    response_style: { format: "paragraph", tone: "professional", language: "match_input" },
  },
  model_name: "fake-fast",
  is_active: true,
}));
