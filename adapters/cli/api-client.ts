// The platform's API as commands of the terminal call it: where the server is and which key is used
// when neither is named, and an operator's key in the tenant that has what is asked for.

import { randomUUID } from "node:crypto";
import type { ReadableStream } from "node:stream/web";
import { setTimeout as pause } from "node:timers/promises";
import { RuntimeError } from "../../runtime/errors.ts";
import { type Config, loadClientConfig } from "../config.ts";
import { readSmall } from "../data-folder.ts";
import { eventsOf, type ServerEvent } from "./event-lines.ts";
import { serverUrl } from "./server-url.ts";

/** How long a server that was there may be away, and how often it is looked for, ms. */
const AWAY_MS = 120_000;
const LOOK_MS = 500;
/** Tenants an operator's key is tried in when none is named. */
const TENANTS_MAX = 100;

/** Options of commands that speak to a server; what is absent comes from the configuration. */
export interface ServerOptions {
  readonly url?: string;
  readonly key?: string;
  /** Tenant an operator's key acts in; absent: the key's own. */
  readonly tenant?: string;
}

/** Calls a server. Errors are RuntimeError with the server's own words. */
export interface ApiClient {
  /** GET without a body, POST with one, unless a method is named. */
  call(
    path: string,
    body?: unknown,
    method?: string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<unknown>;
  /** A body that may be long, as it comes. Default: of a GET. */
  stream(path: string, method?: "GET" | "POST"): Promise<ReadableStream<Uint8Array>>;
  /** POST; once, also when the server dies before it has answered and comes back. */
  create(path: string, body: unknown): Promise<unknown>;
  /** POST of files; once, also when the server dies before it has answered and comes back. */
  upload(path: string, form: FormData): Promise<unknown>;
  /**
   * Server-sent events up to the one named `end`. Where the connection is cut they are taken up again,
   * for two minutes after the last one.
   */
  events(path: string): AsyncIterable<ServerEvent>;
  /** An operator's key sees one tenant at a time: looks once for the one that has this path. */
  findTenant(path: string): Promise<void>;
}

/** A client of the server that is named, or of the one this configuration starts. */
export async function openApi(options: ServerOptions, config: Config): Promise<ApiClient> {
  const fromEnv = loadClientConfig();
  const url = options.url ?? fromEnv.url ?? serverUrl(config);
  const kept = async (): Promise<string | undefined> =>
    (await readSmall(config.data, "admin-key"))?.trim();
  const key = options.key ?? fromEnv.key ?? config.adminKey ?? (await kept());
  if (!key) {
    throw new RuntimeError("INVALID", "no key for the server; pass --key or set TROUPE_KEY.");
  }
  return createApiClient({ url: url.replace(/\/$/, ""), key, tenant: options.tenant });
}

/** A client of this server with this key. */
export function createApiClient(place: {
  readonly url: string;
  readonly key: string;
  readonly tenant: string | undefined;
}): ApiClient {
  const { url, key, tenant } = place;
  let acting = tenant;
  const send = async (path: string, init: RequestInit): Promise<Response> => {
    const response = await fetch(`${url}${path}`, {
      ...init,
      headers: {
        "X-API-Key": key,
        "Content-Type": "application/json",
        ...(acting === undefined ? {} : { "X-Tenant": acting }),
        ...init.headers,
      },
    }).catch((cause: unknown) => {
      throw new RuntimeError("WORKER_LOST", `No server answers at ${url}.`, {}, { cause });
    });
    if (response.ok) return response;
    const code = response.status === 404 ? "NOT_FOUND" : "INVALID";
    throw new RuntimeError(code, await messageOf(response), { status: response.status });
  };
  const call: ApiClient["call"] = async (path, body, method, headers = {}) => {
    const response = await send(path, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return response.status === 204 ? null : await response.json();
  };
  return {
    call,
    stream: async (path, method = "GET") => {
      const { body } = await send(path, { method });
      if (body === null)
        throw new RuntimeError("INVALID", "The server has answered without a body.");
      return body as ReadableStream<Uint8Array>;
    },
    create: async (path, body) => {
      const headers = { "Idempotency-Key": randomUUID() };
      return await patiently(() => call(path, body, "POST", headers));
    },
    upload: async (path, form) => {
      // Its bytes are made once: the same key must come with the same body.
      const made = new Response(form);
      const headers = {
        "Content-Type": made.headers.get("content-type") ?? "",
        "Idempotency-Key": randomUUID(),
      };
      const body = await made.arrayBuffer();
      return await patiently(async () =>
        (await send(path, { method: "POST", body, headers })).json(),
      );
    },
    events: async function* (path) {
      for (let last = "", endMs = Date.now() + AWAY_MS; ; ) {
        try {
          const headers = last === "" ? {} : { "Last-Event-ID": last };
          for await (const event of eventsOf(await send(path, { method: "GET", headers }))) {
            last = event.id ?? last;
            endMs = Date.now() + AWAY_MS;
            yield event;
            if (event.event === "end") return;
          }
        } catch (error) {
          if (!isAway(error)) throw error;
        }
        if (Date.now() > endMs)
          throw new RuntimeError("WORKER_LOST", `No server answers at ${url}.`);
        await pause(LOOK_MS);
      }
    },
    findTenant: async (path) => {
      await call(path).catch(async (error: unknown) => {
        if (tenant !== undefined || !isUnknown(error)) throw error;
        const { data } = (await call(`/admin/tenants?limit=${TENANTS_MAX}`).catch(() => {
          throw error;
        })) as { readonly data: readonly { readonly id: string }[] };
        for (const { id } of data) {
          acting = id;
          if (await call(path).catch(isNothing)) return;
        }
        throw error;
      });
    },
  };
}

/** Asks again while the server is away. */
export async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (const endMs = Date.now() + AWAY_MS; ; ) {
    try {
      return await ask();
    } catch (error) {
      if (!isAway(error) || Date.now() > endMs) throw error;
      await pause(LOOK_MS);
    }
  }
}

/** The connection was refused or cut, or the server is starting or stopping. */
function isAway(error: unknown): boolean {
  // What fetch says of a body that was cut.
  if (error instanceof TypeError) return error.message === "terminated";
  if (!(error instanceof RuntimeError)) return false;
  return error.code === "WORKER_LOST" || error.details?.["status"] === 503;
}

const isUnknown = (error: unknown): boolean =>
  error instanceof RuntimeError && error.code === "NOT_FOUND";

/** @throws every error but that there is no such thing. */
function isNothing(error: unknown): null {
  if (isUnknown(error)) return null;
  throw error;
}

async function messageOf(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const { detail, title } = JSON.parse(text) as { detail?: string; title?: string };
    return detail ?? title ?? `HTTP ${response.status}`;
  } catch {
    return `HTTP ${response.status}`;
  }
}
