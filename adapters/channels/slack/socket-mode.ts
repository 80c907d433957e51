// Socket Mode: Slack hands events over a WebSocket that we open, for servers without a public address
// (docs.slack.dev/apis/events-api/using-socket-mode). An envelope is acknowledged when its events are on
// disk; what was not Slack delivers again. Connections are recycled every few hours: the next one is open
// before the last one goes.

import { setTimeout as pause } from "node:timers/promises";
import type { Inbound } from "../../../actors/channels/inbound.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { parseJson } from "../../http/body.ts";
import type { ChannelEnvironment, Parked, PlatformSocket, Sink } from "../adapter.ts";
import { type Fields, fieldsOf, memberOf, textIn } from "../sent-json.ts";
import type { SlackApi } from "./api.ts";
import { type ApiFailure, asError } from "./classify.ts";
import { readEvent } from "./events.ts";
import { objectIn } from "./fields.ts";
import { readCommand, readInteraction } from "./forms.ts";
import { isSlackAddress } from "./hosts.ts";
import { slackLimits } from "./limits.ts";
import { noteRateLimit, type RequestParts, shownToOne } from "./requests.ts";

/** What it runs with. */
export interface SocketModeParts extends Omit<RequestParts, "secrets"> {
  readonly api: SlackApi;
  readonly apiUrl: string;
  readonly appToken: string;
  readonly environment: ChannelEnvironment;
  /** First wait before a new connection, ms. Default `slackLimits.reconnectMinMs`. */
  readonly reconnectMinMs?: number;
}

/** Takes events in until `signal`. @throws RuntimeError UNAUTHENTICATED when the app's token is refused. */
export async function runSocketMode(
  sink: Sink,
  signal: AbortSignal,
  parts: SocketModeParts,
): Promise<void> {
  const last = new Set<Promise<void>>();
  let failures = 0;
  while (!signal.aborted) {
    try {
      const socket = await openSocket(parts, signal);
      const link = new Link(socket, sink, { ...parts, ours: () => last.size });
      const read = link.read();
      last.add(read);
      // What one throws is thrown below, when the next one is opened or all are over.
      read.then(
        () => last.delete(read),
        () => undefined,
      );
      if (await link.leaving) failures = 0;
      else failures += 1;
    } catch (error) {
      if (signal.aborted) break;
      if (!(error instanceof RuntimeError) || error.code === "UNAUTHENTICATED") throw error;
      failures += 1;
      sink.status("disconnected", error.message);
    }
    if (failures > 0) await waitBefore(failures, signal, parts);
  }
  await Promise.all(last);
}

/** Asks where a connection may be opened. */
export async function openSocketAddress(
  api: SlackApi,
  appToken: string,
  signal: AbortSignal,
): Promise<{ readonly ok: true; readonly url: string } | { ok: false; failure: ApiFailure }> {
  const opened = await api.callWith(appToken, "apps.connections.open", signal);
  if (!opened.ok) return { ok: false, failure: opened };
  const url = textIn(opened.body, "url", 4_000);
  if (url !== null) return { ok: true, url };
  const reason = "Slack's apps.connections.open: an answer without an address";
  return { ok: false, failure: { ok: false, class: "retry", code: "", reason } };
}

async function openSocket(parts: SocketModeParts, signal: AbortSignal): Promise<PlatformSocket> {
  const { api, appToken, environment, apiUrl } = parts;
  const opened = await openSocketAddress(api, appToken, signal);
  if (!opened.ok) throw asError(opened.failure);
  // It carries a ticket: no other house is given that.
  if (environment.connect === undefined || !isSlackAddress(asHttp(opened.url), apiUrl)) {
    throw new RuntimeError("EGRESS_REFUSED", "Slack's address for Socket Mode is not opened here.");
  }
  return await environment.connect({ url: opened.url, signal });
}

const asHttp = (url: string) => url.replace(/^ws/i, "http");

async function waitBefore(
  failures: number,
  signal: AbortSignal,
  { reconnectMinMs = slackLimits.reconnectMinMs }: SocketModeParts,
): Promise<void> {
  const waitMs = Math.min(
    slackLimits.reconnectMaxMs,
    reconnectMinMs * 2 ** Math.min(failures - 1, 20),
  );
  // By chance up to a half more: many servers lose their connections at the same time.
  await pause(waitMs * (1 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
}

/** What one connection works with. */
interface LinkParts extends SocketModeParts {
  /** Connections that are open here, with this one. */
  ours(): number;
}

/** Slack gives each event to one of an app's connections: what another process gets never comes here. */
function noticeOf(hello: unknown, ours: number): string | undefined {
  const all = memberOf(hello, "num_connections");
  if (typeof all !== "number" || !(all > ours)) return undefined;
  return (
    `Slack counts ${all} connections of this app, of which ${ours} are open here: another server, ` +
    "or one that broke just now, gets a part of what is said. Let one server have the app."
  );
}

/** One connection. */
class Link {
  /** It goes, or is gone: true when it had been greeted. The next one may be opened. */
  readonly leaving: Promise<boolean>;
  readonly #socket: PlatformSocket;
  readonly #sink: Sink;
  readonly #parts: LinkParts;
  #timer: NodeJS.Timeout | undefined;
  #leave: (isGreeted: boolean) => void = () => undefined;
  #isGreeted = false;
  #isLeaving = false;

  constructor(socket: PlatformSocket, sink: Sink, parts: LinkParts) {
    this.#socket = socket;
    this.#sink = sink;
    this.#parts = parts;
    this.leaving = new Promise((resolve) => {
      this.#leave = resolve;
    });
    this.#closeLater();
  }

  /** Reads to the end of it. Never throws for what was sent. */
  async read(): Promise<void> {
    try {
      for await (const text of this.#socket.messages) await this.#take(text);
    } finally {
      clearTimeout(this.#timer);
      if (!this.#isLeaving) this.#sink.status("disconnected", "The connection was closed.");
      this.#leave(this.#isGreeted);
    }
  }

  async #take(text: string): Promise<void> {
    const frame = frameOf(text);
    const type = textIn(frame, "type");
    if (type === "hello") {
      this.#isGreeted = true;
      clearTimeout(this.#timer);
      this.#sink.status("connected", noticeOf(frame, this.#parts.ours()));
    } else if (type === "disconnect") {
      this.#disconnect(textIn(frame, "reason") ?? "");
    } else {
      await this.#takeEnvelope(frame, type);
    }
  }

  /** Until it is greeted, and again when it was told to go. */
  #closeLater(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#socket.close(), slackLimits.helloMs);
    this.#timer.unref();
  }

  #disconnect(reason: string): void {
    const { log, account } = this.#parts;
    if (reason === "link_disabled") {
      const text = "Socket Mode is switched off for this app; switch it on or take app_token out.";
      this.#sink.status("disconnected", text);
      // Counted as a failure: a new connection would end like this one.
      this.#isGreeted = false;
    }
    log.write("info", "Slack asks for a new connection of Socket Mode.", { account, reason });
    this.#isLeaving = true;
    // What is on its way still comes by this one, which Slack closes in a moment.
    this.#closeLater();
    this.#leave(this.#isGreeted);
  }

  async #takeEnvelope(frame: Fields, type: string | null): Promise<void> {
    const id = textIn(frame, "envelope_id", 200);
    if (id === null) return;
    const payload = objectIn(frame, "payload");
    const { events, parked, texts } = await readPayload(type, payload, this.#parts);
    const canSay = texts !== undefined && memberOf(frame, "accepts_response_payload") === true;
    const acknowledge = (text: string | undefined) => {
      const said = canSay && text !== undefined ? { payload: shownToOne(text) } : {};
      this.#socket.send(JSON.stringify({ envelope_id: id, ...said }));
    };
    try {
      if (events.length + parked.length > 0) await this.#sink.commit(events, {}, parked);
    } catch (error) {
      const about = { account: this.#parts.account, type, error: String(error).slice(0, 300) };
      this.#parts.log.write(
        "warn",
        "An event of Slack could not be stored; it comes again.",
        about,
      );
      // A command does not come again: whoever gave it is told.
      if (canSay) acknowledge(texts?.nack);
      return;
    }
    acknowledge(texts?.ack);
  }
}

interface ReadPayload {
  readonly events: readonly Inbound[];
  readonly parked: readonly Parked[];
  readonly texts?: RequestParts["texts"];
}

async function readPayload(
  type: string | null,
  payload: Fields,
  parts: SocketModeParts,
): Promise<ReadPayload> {
  switch (type) {
    case "events_api":
      if (textIn(payload, "type") === "app_rate_limited") noteRateLimit(payload, parts);
      return readEvent(payload, parts.self);
    case "slash_commands": {
      const command = readCommand(payload, parts.nowMs());
      const events = await parts.replies.keep(command === null ? [] : [command], payload);
      return { events, parked: [], texts: parts.texts };
    }
    case "interactive":
      return {
        events: await parts.replies.keep(readInteraction(payload, parts.nowMs()), payload),
        parked: [],
      };
    default:
      return { events: [], parked: [] };
  }
}

function frameOf(text: string): Fields {
  try {
    return fieldsOf(parseJson(Buffer.from(text))) ?? {};
  } catch (error) {
    // What cannot be read cannot be acknowledged either: Slack sends it again, over whatever connection.
    if (error instanceof RuntimeError) return {};
    throw error;
  }
}
