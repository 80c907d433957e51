// The product as its users meet it, for end-to-end tests: the real process on a temporary folder
// and a free port, its model provider the fake one of this folder, and ways to speak to it, to kill
// it and to start it again. The provider outlives the process, so it counts across crashes.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFakeProvider, type FakeProvider } from "./fake-provider.ts";
import {
  type RunningServer,
  type SpawnOptions,
  spawnServer,
  startServer,
} from "./running-server.ts";
import {
  type Answer,
  answerOf,
  type CallOptions,
  type Json,
  request,
  type Streamed,
  streamOf,
  type WireEvent,
} from "./wire-client.ts";

/** Path of document 001's chat. */
export const CHAT = "/v1/proxy/core-agent-chat";
const adminKey = "admin-key-of-the-e2e-tests";
const CREATE = "/v1/proxy/core-agent";

/** The running product. */
export interface Product {
  /** Where it listens now; a restart changes it. */
  readonly url: string;
  readonly adminKey: string;
  readonly folder: string;
  readonly provider: FakeProvider;
  readonly server: RunningServer;
  call(method: string, path: string, body?: unknown, more?: CallOptions): Promise<Answer>;
  events(method: string, path: string, body?: unknown, more?: CallOptions): Promise<Streamed>;
  /** Ends the process with SIGKILL, as a crash or the system would; resolves when it is gone. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Starts it and kills it after so many ms, mostly before it listens. */
  startAndKill(afterMs: number): Promise<void>;
  /** Ends it as an operator does; its exit code. */
  stop(): Promise<number | null>;
  /** Balance of the tenant that the admin key acts in, in millionths. */
  balance(): Promise<number>;
  /** Role and text of a conversation's messages. */
  history(conversation: string): Promise<readonly (readonly [string, string])[]>;
  end(): Promise<void>;
}

/** A killed process's sockets are closed by the system at once; the provider notices within this. */
const FORGOTTEN_MS = 10_000;

/** How it is started. */
export interface ProductOptions extends SpawnOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Which protocol its provider speaks. Default "openai". */
  readonly wire?: "openai" | "anthropic";
  /** Text of its troupe.yaml. */
  readonly config?: string | ((provider: FakeProvider) => string);
}

/** Starts one. */
export async function startProduct(options: ProductOptions = {}): Promise<Product> {
  const { env = {}, wire = "openai", config, ...spawn } = options;
  const folder = await mkdtemp(join(tmpdir(), "troupe-e2e-"));
  const provider = await createFakeProvider();
  const text = typeof config === "function" ? config(provider) : config;
  if (text !== undefined) await writeFile(join(folder, "troupe.yaml"), text);
  const settings = {
    TROUPE_DATA: join(folder, "data"),
    TROUPE_ADMIN_KEY: adminKey,
    TROUPE_SAMPLE: "off",
    ...(wire === "openai"
      ? { OPENAI_API_KEY: "test", OPENAI_BASE_URL: provider.openaiUrl }
      : { ANTHROPIC_API_KEY: "test", ANTHROPIC_BASE_URL: provider.anthropicUrl }),
    ...env,
  };
  // The page's address is printed when the tenant is there and has its balance.
  const start = async (): Promise<RunningServer> => {
    const started = await startServer(settings, { cwd: folder, ...spawn });
    await started.printed(/Chat page/);
    return started;
  };
  let server = await start();
  // What a killed process had sent is logged as its own: its sockets close after their last bytes.
  const forgotten = async (): Promise<void> => {
    const lateMs = Date.now() + FORGOTTEN_MS;
    while (provider.openConnections() > 0) {
      if (Date.now() > lateMs)
        throw new Error("The provider still sees a process that was killed.");
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const send = (method: string, path: string, body: unknown, more: CallOptions) =>
    request(server.url + path, {
      method,
      body,
      key: more.key ?? adminKey,
      headers: more.headers ?? {},
    });
  const call: Product["call"] = async (method, path, body, more = {}) =>
    answerOf(await send(method, path, body, more));
  return {
    get url() {
      return server.url;
    },
    get server() {
      return server;
    },
    adminKey,
    folder,
    provider,
    call,
    events: async (method, path, body, more = {}) => streamOf(await send(method, path, body, more)),
    kill: async () => {
      await server.stop("SIGKILL");
      await forgotten();
    },
    start: async () => {
      server = await start();
    },
    startAndKill: async (afterMs) => {
      const started = spawnServer(settings, { cwd: folder, ...spawn });
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      await started.stop("SIGKILL");
      await forgotten();
    },
    stop: () => server.stop(),
    balance: async () => Math.round((await call("GET", "/admin/usage")).body.balance * 1_000_000),
    history: async (conversation) => {
      const path = `${CREATE}-conversation-details/${conversation}`;
      const { status, body } = await call("GET", path);
      if (status !== 200) throw new Error(`GET ${path}: ${status} ${JSON.stringify(body)}`);
      return body.data.messages.map((one: Json) => [one.role, one.content] as const);
    },
    end: async () => {
      await server.end();
      await provider.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A supervisor with three sub-agents, made over document 001's endpoints; its key. */
export async function makeDesk(product: Product, more: object = {}): Promise<string> {
  const made = await product.call("POST", `${CREATE}-create`, {
    name: "Support Supervisor",
    agent_type: "supervisor",
    system_message: "Route to docs, billing or technical.",
    model_name: "gpt-4o-mini",
    ...more,
  });
  const agent = String(made.body.data.agent_key);
  for (const [name, keywords, description] of subAgents) {
    const path = `${CREATE}-subagent-create/${agent}`;
    const trigger = { keywords, description };
    const answer = await product.call("POST", path, { name, trigger, is_active: true });
    if (answer.status !== 201 && answer.status !== 200) throw new Error("No sub-agent was made.");
  }
  return agent;
}

const subAgents = [
  ["Docs", ["export", "how to"], "Questions about features, settings and documentation."],
  ["Billing", ["invoice", "refund"], "Payments, prices and charges on a credit card."],
  ["Technical", ["crash", "stack trace"], "Programs that fail, hang or print errors."],
] as const;

/** The JSON of chunks; the last event, [DONE], is left out. */
export function chunksOf(events: readonly (WireEvent | undefined)[]): readonly Json[] {
  return events.flatMap((event) =>
    event === undefined || event.data === "[DONE]" ? [] : [JSON.parse(event.data)],
  );
}

/** The text that chunks give. */
export function contentOf(events: readonly (WireEvent | undefined)[]): string {
  return chunksOf(events)
    .map((chunk) => chunk.choices?.[0]?.delta?.content ?? "")
    .join("");
}
