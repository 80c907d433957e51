// How the library reaches a server: through the egress guard, to the server's own origin and nowhere else, with the
// record's headers and token put in as each request is made. What it sends is secret; what comes back is freed of it.

import { limits } from "../../actors/limits.ts";
import type { McpServer } from "../../actors/mcp/port.ts";
import { toolLimits } from "../../actors/records/tool.ts";
import { isSecretHeader } from "../../actors/tools/secret-headers.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Egress } from "../egress.ts";
import { hostOf, refused } from "../egress-address.ts";
import { createEgressFetch } from "../egress-fetch.ts";
import { createRedactor } from "../redaction.ts";
import type { OpenHeader, WebTokens } from "../web.ts";

/** What requests are made with. */
export interface GuardOptions {
  readonly egress: Egress;
  /** The value of a header as it is sent. */
  readonly open: OpenHeader;
  readonly tokens: Pick<WebTokens, "headersFor">;
}

/** The way to one server. */
export interface Guarded {
  readonly fetch: (input: string | URL, init?: RequestInit) => Promise<Response>;
  /** Takes what was sent in secret out of a text. */
  hide(text: string): string;
  /** Why the last request that failed did. */
  failure(): RuntimeError | undefined;
}

/** Streams over which a server says what changes; it may be silent for long. */
const STREAM_MS = 10 * 60_000;
/** Secrets that are remembered of one connection: those of its headers and of the tokens it had last. */
const SECRETS_MAX = 64;
/** Connections that servers keep open for streams do not take those that calls wait for. */
export const STREAMS_MAX = 250;

/** @throws by `fetch` what the guard, the vault and the tokens throw. */
export function guardedFetch(
  { tenant, url: own = "", headers: stored = {}, auth }: McpServer,
  { egress, open, tokens }: GuardOptions,
): Guarded {
  const { origin } = new URL(own);
  const secrets = new Set<string>();
  let failure: RuntimeError | undefined;
  const { timeoutMs } = toolLimits;
  const bytesMax = limits.webBytesMax;
  const asked = createEgressFetch(egress, {
    tenant,
    limits: { firstByteMs: timeoutMs, idleMs: timeoutMs, totalMs: timeoutMs, bytesMax },
  });
  const heard = createEgressFetch(egress, {
    tenant,
    limits: { firstByteMs: STREAM_MS, idleMs: STREAM_MS, totalMs: STREAM_MS, bytesMax },
    connectionsMax: STREAMS_MAX,
  });
  const send = async (url: string, init: RequestInit): Promise<Response> => {
    if (new URL(url).origin !== origin) {
      throw refused(hostOf(new URL(url)), "the server may be asked at its own origin only");
    }
    const headers = new Headers(init.headers);
    headers.set("user-agent", "Troupe");
    for (const [name, value] of Object.entries(stored)) {
      const sent = open(tenant, value);
      headers.set(name, sent);
      if (sent !== value || isSecretHeader(name, {})) secrets.add(sent);
    }
    const token = auth === undefined ? null : await tokens.headersFor(tenant, auth, url);
    for (const [name, value] of Object.entries(token?.headers ?? {})) headers.set(name, value);
    for (const one of token?.secrets ?? []) secrets.add(one);
    keepNewest(secrets);
    const isStream =
      (init.method ?? "GET") === "GET" || headers.get("mcp-method") === "subscriptions/listen";
    return await (isStream ? heard : asked)(url, { ...init, headers });
  };
  return {
    fetch: async (input, init = {}) => {
      try {
        return await send(String(input), init);
      } catch (error) {
        if (error instanceof RuntimeError) failure = error;
        throw error;
      }
    },
    hide: (text) => createRedactor([...secrets]).text(text),
    failure: () => failure,
  };
}

function keepNewest(secrets: Set<string>): void {
  for (const one of secrets) {
    if (secrets.size <= SECRETS_MAX) return;
    secrets.delete(one);
  }
}
