// One connection to the Gateway: greeting, identify or resume, heartbeats, events in order. An event's number is
// ours only when it is on disk: what could not be stored is told again when the session goes on.

import type { ChannelEnvironment, PlatformSocket, Sink } from "../adapter.ts";
import { wellFormed } from "../hidden-secrets.ts";
import type { SealedTexts } from "../sealed-text.ts";
import { type Fields, fieldsOf, memberOf, textIn } from "../sent-json.ts";
import type { DiscordApi } from "./api.ts";
import { type EventParts, readEvent } from "./events.ts";
import { type Position, positionData } from "./gateway-position.ts";
import { withSealedToken } from "./interaction-tokens.ts";
import { type ReadInteraction, readInteraction } from "./interactions.ts";
import { discordLimits } from "./limits.ts";
import { idIn, isToken } from "./place.ts";

const DISPATCH = 0;
const HEARTBEAT = 1;
const IDENTIFY = 2;
const RESUME = 6;
const RECONNECT = 7;
const INVALID_SESSION = 9;
const HELLO = 10;
const HEARTBEAT_ACK = 11;

/** Codes after which a session cannot go on: a wrong number, and one that has timed out. */
const sessionOver: readonly (number | null)[] = [4_007, 4_009];
/** Discord wants to be left alone for so long after it refused a session, ms; by chance up to five times. */
const REFUSED_PAUSE_MS = 1_000;

/** What the Gateway is read with. */
export interface GatewayParts extends EventParts {
  readonly api: DiscordApi;
  readonly environment: ChannelEnvironment;
  readonly botToken: string;
  readonly intents: number;
  readonly nackText: string;
  readonly sealed: SealedTexts;
  /** First wait before a new connection, ms. Default `discordLimits.reconnectMinMs`. */
  readonly reconnectMinMs?: number;
}

/** How a connection ended. */
export interface Ended {
  /** From where to go on; null: anew. */
  readonly position: Position | null;
  /** It was taken in. */
  readonly isGreeted: boolean;
  /** By which the other side closed it; null: it did not say. */
  readonly code: number | null;
  readonly why: string;
  /** Wait before the next, ms. */
  readonly pauseMs: number;
}

/** What a connection works with. */
export interface LinkParts {
  readonly socket: PlatformSocket;
  readonly sink: Sink;
  readonly parts: GatewayParts;
  readonly position: Position | null;
  /** Breaks it off without a farewell: the session stays, and goes on. */
  readonly cut: () => void;
}

/** One connection. */
export class GatewayLink {
  readonly #of: LinkParts;
  #position: Position | null;
  #sequence: number | null;
  #greeting: NodeJS.Timeout | undefined;
  #beat: NodeJS.Timeout | undefined;
  #isBeatHeard = true;
  #isGreeted = false;
  #isLeft = false;
  #why = "The connection was closed.";
  #pauseMs = 0;

  constructor(of: LinkParts) {
    this.#of = of;
    this.#position = of.position;
    this.#sequence = of.position?.sequence ?? null;
  }

  /** Reads to the end of it. Never throws for what was sent. */
  async run(): Promise<Ended> {
    const { socket } = this.#of;
    this.#greeting = setTimeout(
      () => this.#leave("The Gateway did not greet."),
      discordLimits.helloMs,
    );
    this.#greeting.unref();
    try {
      for await (const text of socket.messages) {
        await this.#take(text);
        // What has come behind it is told again: nothing may overtake an event that was not stored.
        if (this.#isLeft) break;
      }
    } finally {
      clearTimeout(this.#greeting);
      clearTimeout(this.#beat);
    }
    const code = socket.closeCode?.() ?? null;
    return {
      position: sessionOver.includes(code) ? null : this.#position,
      ...{ isGreeted: this.#isGreeted, code, why: this.#why, pauseMs: this.#pauseMs },
    };
  }

  async #take(text: string): Promise<void> {
    const frame = frameOf(text);
    const data = memberOf(frame, "d");
    const op = memberOf(frame, "op");
    if (op === HELLO) this.#hello(data);
    else if (op === HEARTBEAT) this.#sendBeat();
    else if (op === HEARTBEAT_ACK) this.#isBeatHeard = true;
    else if (op === RECONNECT) this.#leave("The Gateway asks for a new connection.");
    else if (op === INVALID_SESSION) this.#refused(data === true);
    else if (op === DISPATCH) await this.#dispatch(frame, data);
  }

  #hello(data: unknown): void {
    const { botToken: token, intents } = this.#of.parts;
    const said = memberOf(data, "heartbeat_interval");
    const { heartbeatMinMs, heartbeatMaxMs } = discordLimits;
    const asked = typeof said === "number" && said > 0 ? said : heartbeatMaxMs;
    const intervalMs = Math.min(heartbeatMaxMs, Math.max(heartbeatMinMs, asked));
    clearTimeout(this.#beat);
    // The first one at some time by chance, as Discord wants it.
    this.#beatAfter(intervalMs * Math.random(), intervalMs);
    if (this.#position === null) {
      const properties = { os: process.platform, browser: "troupe", device: "troupe" };
      this.#say(IDENTIFY, { token, intents, properties });
    } else {
      const { session, sequence } = this.#position;
      this.#say(RESUME, { token, session_id: session, seq: sequence });
    }
  }

  #beatAfter(ms: number, intervalMs: number): void {
    this.#beat = setTimeout(() => {
      if (!this.#isBeatHeard) return this.#leave("The Gateway has fallen silent.");
      this.#isBeatHeard = false;
      this.#sendBeat();
      this.#beatAfter(intervalMs, intervalMs);
    }, ms);
    this.#beat.unref();
  }

  #sendBeat(): void {
    this.#say(HEARTBEAT, this.#sequence);
  }

  #refused(canResume: boolean): void {
    if (!canResume) this.#position = null;
    this.#pauseMs = REFUSED_PAUSE_MS * (1 + 4 * Math.random());
    this.#leave("The Gateway does not know the session any more.");
  }

  async #dispatch(frame: Fields, data: unknown): Promise<void> {
    const sequence = memberOf(frame, "s");
    const name = textIn(frame, "t", 100);
    const { sink, parts } = this.#of;
    if (name === "READY") this.#ready(data);
    if (name === "READY" || name === "RESUMED") {
      this.#isGreeted = true;
      clearTimeout(this.#greeting);
      sink.status("connected");
    }
    const position = this.#positionAt(sequence);
    if (name === "INTERACTION_CREATE") await this.#interaction(data, position);
    else {
      const events = readEvent(name, data, parts);
      if (events.length > 0 && !(await this.#stored(events, position))) return;
    }
    this.#position = position;
    this.#sequence = position?.sequence ?? this.#sequence;
  }

  #ready(data: unknown): void {
    this.#of.parts.self.learn(idIn(memberOf(data, "user"), "id"));
    const session = textIn(data, "session_id", 200);
    const url = textIn(data, "resume_gateway_url", 1_000);
    if (session !== null && url !== null && URL.canParse(url)) {
      this.#position = { session, url, sequence: 0 };
    }
  }

  #positionAt(sequence: unknown): Position | null {
    if (this.#position === null || typeof sequence !== "number") return this.#position;
    return { ...this.#position, sequence };
  }

  async #stored(events: Parameters<Sink["commit"]>[0], at: Position | null): Promise<boolean> {
    const { sink, parts } = this.#of;
    try {
      await sink.commit(events, at === null ? {} : positionData(at));
      return true;
    } catch (error) {
      const about = { account: parts.environment.account, error: String(error).slice(0, 300) };
      const text = "An event of Discord could not be stored; it comes again.";
      parts.environment.log.write("warn", text, about);
      this.#pauseMs = REFUSED_PAUSE_MS;
      this.#leave(text);
      return false;
    }
  }

  /** Where no endpoint is configured: the same as over HTTP, answered by a call. It is told once only. */
  async #interaction(data: unknown, at: Position | null): Promise<void> {
    const { sink, parts } = this.#of;
    const { environment, nackText, sealed } = parts;
    const interaction = fieldsOf(data) ?? {};
    const read = readInteraction(interaction, nackText, environment.nowMs());
    if (read === null) return;
    let { ack } = read;
    try {
      if (read.event !== null) {
        const event = await withSealedToken(read.event, sealed);
        await sink.commit([event], at === null ? {} : positionData(at));
      }
    } catch (error) {
      const about = { account: environment.account, error: String(error).slice(0, 300) };
      environment.log.write("warn", "A command of Discord could not be stored.", about);
      ack = read.nack ?? ack;
    }
    await this.#answer(interaction, ack);
  }

  async #answer(interaction: Fields, ack: ReadInteraction["ack"]): Promise<void> {
    const id = idIn(interaction, "id");
    const token = textIn(interaction, "token", 1_001) ?? "";
    if (id === null || !isToken(token)) return;
    const { api, environment } = this.#of.parts;
    const path = `/interactions/${id}/${token}/callback`;
    const signal = AbortSignal.timeout(discordLimits.callbackMs);
    const what = "taking an interaction";
    const said = await api.call({ what, method: "POST", path, body: ack, token, signal });
    if (said.ok) return;
    const about = { account: environment.account, reason: said.failed.reason };
    environment.log.write("warn", "Discord was not told that a command was taken.", about);
  }

  #say(op: number, d: unknown): void {
    this.#of.socket.send(JSON.stringify({ op, d }));
  }

  #leave(why: string): void {
    this.#isLeft = true;
    this.#why = why;
    this.#of.cut();
  }
}

function frameOf(text: string): Fields {
  try {
    // Storage takes no half of a character, and what it refuses would come again for ever.
    const clean = (_: string, value: unknown) =>
      typeof value === "string" ? wellFormed(value) : value;
    return fieldsOf(JSON.parse(text, clean)) ?? {};
  } catch {
    // Its number is not known either: the session goes on behind the last event that was read.
    return {};
  }
}
