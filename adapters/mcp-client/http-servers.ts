// Servers that are asked over HTTP: one connection for each server and whoever asks it, kept while it is used. The
// current revision is asked for first, then those before it (streamable HTTP), then HTTP with server-sent events.

import type { Client, Transport } from "@modelcontextprotocol/client";
import type { McpAnswer, McpServer, McpServers } from "../../actors/mcp/port.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { type ClientOptions, connectMs, createClient, loadLibrary } from "./client.ts";
import { type Guarded, type GuardOptions, guardedFetch } from "./guarded-fetch.ts";
import { Session } from "./session.ts";
import { closingStreams, type Sending, type Streams } from "./streams.ts";
import { isForgotten, isOlder, isUnauthorized, wordsOf } from "./words.ts";

/** Connections of one engine; one more closes the one that was not used for the longest time. */
const SESSIONS_MAX = 200;
/** One that is not used is closed after this. */
const IDLE_MS = 120_000;
const SWEEP_MS = 30_000;
/** The server is told that a session ends, and not waited for longer. */
const GOODBYE_MS = 2_000;
/** Errors that say enough by themselves. */
const plain: ReadonlySet<string> = new Set([
  "AUTH_REQUIRED",
  "EGRESS_REFUSED",
  "CANCELLED",
  "POOL_FULL",
]);

/** Loaded when the first one is asked. */
export function createHttpServers(options: GuardOptions): McpServers {
  const sessions = new Map<string, Promise<Session>>();
  let sweep: NodeJS.Timeout | undefined;
  const drop = (key: string, session: Session): void => {
    sessions.delete(key);
    session.retire();
  };
  const sweepIdle = async (): Promise<void> => {
    for (const [key, one] of sessions) {
      const session = await one.catch(() => null);
      if (session === null || session.calls > 0) continue;
      if (session.isOver || Date.now() - session.usedMs > IDLE_MS) drop(key, session);
    }
    if (sessions.size > 0) return;
    clearInterval(sweep);
    sweep = undefined;
  };
  const open = async (key: string, of: McpServer): Promise<Session> => {
    const known = await sessions.get(key);
    if (known !== undefined) {
      if (!known.isOver) return known;
      if ((await sessions.get(key)) === known) drop(key, known);
      return await open(key, of);
    }
    if (sessions.size >= SESSIONS_MAX) await makeRoom(sessions, drop);
    const opening = connect(of, options);
    sessions.set(key, opening);
    opening.catch(() => {
      if (sessions.get(key) === opening) sessions.delete(key);
    });
    sweep ??= setInterval(() => void sweepIdle(), SWEEP_MS).unref();
    return await opening;
  };
  /** A server that has forgotten the session has done nothing: it is asked once more in a new one. */
  const asked = async <T>(of: McpServer, ask: (session: Session) => Promise<T>): Promise<T> => {
    const { tenant, url, headers, auth, domains } = of;
    // A session is shared by who may reach its server; it goes nowhere else.
    if (domains !== undefined) options.egress.check(url ?? "", domains);
    const key = JSON.stringify([tenant, url, headers, auth]);
    const session = await open(key, of);
    try {
      return await ask(session);
    } catch (error) {
      if (!isForgotten(error)) throw error;
      if ((await sessions.get(key)) === session) drop(key, session);
      return await ask(await open(key, of));
    }
  };
  return {
    list: async (of, signal) => await asked(of, (session) => session.list(of.tools, signal)),
    call: async (of, signal) => {
      let isOpen = false;
      try {
        return await asked(of, (session) => {
          isOpen = true;
          return session.call(of, signal);
        });
      } catch (error) {
        if (isOpen) throw error;
        return unopened(error);
      }
    },
  };
}

/** Nothing was called, and that is said: a call that may have happened is another thing. */
function unopened(error: unknown): McpAnswer {
  if (isUnauthorized(error)) return { status: "unauthorized" };
  if (!(error instanceof RuntimeError) || plain.has(error.code)) throw error;
  const message = `${error.message} Nothing was called.`;
  throw new RuntimeError("PROVIDER_FAILED", message, error.details, { cause: error });
}

async function makeRoom(
  sessions: ReadonlyMap<string, Promise<Session>>,
  drop: (key: string, session: Session) => void,
): Promise<void> {
  let oldest: readonly [string, Session] | undefined;
  for (const [key, one] of sessions) {
    const session = await one.catch(() => null);
    if (session === null || session.calls > 0) continue;
    if (oldest === undefined || session.usedMs < oldest[1].usedMs) oldest = [key, session];
  }
  if (oldest !== undefined) return drop(...oldest);
  const message = `${SESSIONS_MAX} connections to servers of tools are in use; one more is refused.`;
  throw new RuntimeError("POOL_FULL", message, { retryAfterMs: 1_000 });
}

async function connect(of: McpServer, options: GuardOptions): Promise<Session> {
  const called = new URL(of.url ?? "").host;
  const guard = guardedFetch(of, options);
  try {
    return await connectNewer(of, guard, called);
  } catch (error) {
    if (!isOlder(error)) throw wordsOf(guard.failure() ?? error, called, guard.hide);
    return await connectOldest(of, guard, called).catch((): never => {
      // It is no server of that revision either: the first answer says more.
      throw wordsOf(error, called, guard.hide);
    });
  }
}

async function connectNewer(of: McpServer, guard: Guarded, called: string): Promise<Session> {
  const library = await loadLibrary();
  const transport = new library.StreamableHTTPClientTransport(new URL(of.url ?? ""), {
    fetch: guard.fetch,
  });
  const streams = closingStreams(transport as unknown as Sending, called);
  const goodbye = () => transport.terminateSession();
  return await opened(transport, { called, guard, era: "ask", streams, goodbye });
}

async function connectOldest(of: McpServer, guard: Guarded, called: string): Promise<Session> {
  const library = await loadLibrary();
  const transport = new library.SSEClientTransport(new URL(of.url ?? ""), { fetch: guard.fetch });
  return await opened(transport, { called, guard, era: "older", isOneStream: true });
}

interface Opening extends Pick<ClientOptions, "era"> {
  readonly called: string;
  readonly guard: Guarded;
  readonly streams?: Streams;
  /** Answers come over one stream: when that is cut, so is the connection. */
  readonly isOneStream?: boolean;
  goodbye?(): Promise<void>;
}

async function opened(transport: Transport, opening: Opening): Promise<Session> {
  const { called, guard, era, streams, isOneStream = false, goodbye } = opening;
  const own: { session?: Session } = {};
  const onChanged = (): void => own.session?.forget();
  const client = createClient(await loadLibrary(), { era, onChanged });
  const end = async (): Promise<void> => {
    await within(GOODBYE_MS, goodbye?.()).catch(() => undefined);
    await client.close();
  };
  try {
    await within(connectMs.whole, client.connect(transport, { timeout: connectMs.whole }));
  } catch (error) {
    await closed(client, transport);
    throw error;
  }
  const session = new Session({
    ...{ client, called, end, hide: guard.hide },
    ...(streams && { streams }),
  });
  own.session = session;
  if (isOneStream) client.onerror = () => void session.close();
  return session;
}

/** What has not been connected yet is not the client's to close. */
async function closed(client: Client, transport: Transport): Promise<void> {
  await client.close().catch(() => undefined);
  await transport.close().catch(() => undefined);
}

async function within<T>(ms: number, work: Promise<T> | undefined): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new RuntimeError("DEADLINE", `The server has not answered within ${ms} ms.`);
    timer = setTimeout(() => reject(error), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
