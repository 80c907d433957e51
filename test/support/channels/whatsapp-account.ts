// An account of the WhatsApp adapter at the played Graph API, as the server opens it: its environment calls
// over HTTP and keeps what is logged.

import type {
  ChannelEnvironment,
  ChannelInstance,
  ChannelRequest,
  Handled,
  PlatformAnswer,
  PlatformRequest,
} from "../../../adapters/channels/adapter.ts";
import { whatsapp } from "../../../adapters/channels/whatsapp/adapter.ts";
import type { WhatsAppSettings } from "../../../adapters/channels/whatsapp/settings.ts";
import type { WhatsAppServer } from "./whatsapp-server.ts";

/** Settings of the tests. */
export const SETTINGS = {
  phone_number_id: "106540352242922",
  access_token: "EAAGm0PX4ZCpsBAKZCplanted0token",
  app_secret: "planted0app0secret0123456789abcd",
  verify_token: "planted-verify-token",
} as const satisfies WhatsAppSettings;

/** An account, open. */
export interface TestAccount {
  readonly instance: ChannelInstance;
  /** Everything that was logged, as text. */
  readonly logged: string[];
  /** What webhooks were understood as, in order. */
  readonly handled: Handled[];
  /** Gives the adapter a request of its GET or POST route. */
  handle(
    method: "GET" | "POST",
    of: Partial<Pick<ChannelRequest, "query" | "body" | "headers">>,
  ): Promise<Handled>;
}

/** Opens an account at the server; what the server tells goes to it. */
export function openWhatsApp(
  server: WhatsAppServer,
  settings: Partial<WhatsAppSettings> = {},
  files: ReadonlyMap<string, Uint8Array> = new Map(),
): TestAccount {
  const logged: string[] = [];
  const environment: ChannelEnvironment = {
    account: "ch_test",
    call,
    nowMs: () => server.clock.nowMs(),
    log: { write: (...entry) => void logged.push(JSON.stringify(entry)) },
    kept: { get: async () => null, update: (_name, change) => change(null) },
    readFile: async ({ id }) => {
      const bytes = files.get(id);
      if (bytes === undefined) throw new Error("There is no such file.");
      return bytes;
    },
  };
  const instance = whatsapp.create({ ...SETTINGS, api_url: server.url, ...settings }, environment);
  const handled: Handled[] = [];
  const account: TestAccount = {
    instance,
    logged,
    handled,
    async handle(method, { query = new URLSearchParams(), body = Buffer.alloc(0), headers = {} }) {
      const route = instance.routes.find((one) => one.method === method);
      if (route === undefined) throw new Error(`The adapter has no ${method} route.`);
      return await route.handle({ method, path: "", headers, query, body, publicUrl: "" });
    },
  };
  server.deliver = async ({ body, headers }) => {
    const result = await account.handle("POST", { body, headers });
    handled.push(result);
    return "refused" in result ? result.refused.status : result.ack.status;
  };
  return account;
}

async function call(request: PlatformRequest): Promise<PlatformAnswer> {
  const { method, url, headers, body, signal, bytesMax = 1_048_576 } = request;
  try {
    const answer = await fetch(url, {
      method,
      headers: { ...headers },
      signal,
      redirect: "manual",
      ...(body !== undefined && { body: typeof body === "string" ? body : Buffer.from(body) }),
    });
    const bytes = new Uint8Array(await answer.arrayBuffer());
    if (bytes.byteLength > bytesMax) {
      return { reached: false, mayHaveArrived: true, reason: "The answer is too large." };
    }
    const given = Object.fromEntries(answer.headers);
    return { reached: true, status: answer.status, headers: given, body: bytes };
  } catch (error) {
    const code = (error as { cause?: { code?: string } }).cause?.code;
    const reason = `No answer: ${code ?? "cut off"}.`;
    return { reached: false, mayHaveArrived: code !== "ECONNREFUSED", reason };
  }
}
