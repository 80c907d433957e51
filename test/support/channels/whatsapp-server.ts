// Meta's side of the WhatsApp Cloud API, on loopback: messages with the window of 24 hours and the limit of
// a pair, and webhooks, signed and delivered again until they are taken. Its time is virtual.

import { createHmac, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { type VirtualClock, virtualClock } from "./virtual-clock.ts";
import { type GraphError, graphErrors, wrongWith } from "./whatsapp-checks.ts";
import {
  answerCall,
  type GraphAnswer,
  type GraphCall,
  type GraphOptions,
  type GraphState,
  ok,
  readWhole,
  refusal,
} from "./whatsapp-graph.ts";

type Json = Record<string, unknown>;

/** A message that was taken. */
export interface TakenMessage {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly message: Json;
}

/** A webhook as it leaves. */
export interface Webhook {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** Somebody, as Meta knows them. */
export interface Customer {
  readonly phone?: string;
  readonly userId?: string;
  readonly name?: string;
}

/** The server. */
export interface WhatsAppServer extends GraphState {
  readonly clock: VirtualClock;
  readonly taken: TakenMessage[];
  readonly calls: GraphCall[];
  /** Deliveries of webhooks: when, and the status that came back. */
  readonly deliveries: { readonly atMs: number; readonly status: number }[];
  /** Answers a call instead of the server; null: it answers itself. `hang` never answers. */
  instead: ((call: GraphCall) => GraphAnswer | "hang" | null) | null;
  /** How long it takes to say what it has done, ms. Default 0. */
  answerMs: () => number;
  /** Whether a message outside of the window is refused at once, or by a status after it was taken. */
  windowRefusal: "now" | "later";
  /** Whom webhooks are given to; resolves to the HTTP status that came back. */
  deliver: ((webhook: Webhook) => Promise<number>) | null;
  /** Somebody says something: told by a webhook. @returns the id of the message. */
  say(from: Customer, message: Json): string;
  /** A webhook with these changes, exactly as they are. */
  tell(changes: readonly Json[]): void;
  stop(): Promise<void>;
}

/** What it is started with. */
export interface WhatsAppServerOptions extends GraphOptions {
  readonly startMs: number;
  readonly templates?: readonly string[];
}

const WINDOW_MS = 24 * 3_600_000;
const PAIR_MS = 6_000;
const PAIR_BURST = 45;
/** Nobody at WhatsApp has this number. */
export const NOBODY = "15550000404";
/** Between deliveries of a webhook that was not taken; for 7 days. */
const RETRY_MS = [60_000, 300_000, 900_000, 3_600_000, 6 * 3_600_000, 24 * 3_600_000];
const GIVE_UP_MS = 7 * 24 * 3_600_000;

/** Starts it on a free port. */
export async function startWhatsAppServer(options: WhatsAppServerOptions): Promise<WhatsAppServer> {
  const clock = virtualClock(options.startMs);
  const http = createServer();
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const lastSaid = new Map<string, number>();
  let count = 0;
  const server: WhatsAppServer = {
    url,
    clock,
    taken: [],
    read: new Map(),
    calls: [],
    deliveries: [],
    media: new Map(),
    instead: null,
    answerMs: () => 0,
    windowRefusal: "now",
    mediaUrl: null,
    subscribedApp: options.appId ?? null,
    deliver: null,
    say(from, message) {
      const id = newId();
      for (const known of [from.phone, from.userId]) {
        if (known !== undefined) lastSaid.set(known, clock.nowMs());
      }
      const said = { ...senderFields(from), id, timestamp: seconds(clock), ...message };
      server.tell([changeOf(options, { contacts: [contactOf(from)], messages: [said] })]);
      return id;
    },
    tell: (changes) => deliverUntilTaken(server, notificationOf(changes), options.appSecret),
    addMedia(bytes, mediaType, name = "file") {
      count += 1;
      const id = `${1_000_000 + count}`;
      server.media.set(id, { bytes: Buffer.from(bytes), mediaType, name });
      return id;
    },
    stop: () =>
      new Promise((resolve) => {
        clock.stop();
        http.closeAllConnections();
        http.close(() => resolve());
      }),
  };
  const takeMessage = taker(server, options, lastSaid);
  http.on("request", (request, response) => {
    const given = readWhole(request).then((call) => {
      server.calls.push(call);
      return server.instead?.(call) ?? answerCall(call, server, options, takeMessage);
    });
    given.then(
      async (answer) => {
        if (answer === "hang") return;
        const waitMs = server.answerMs();
        if (waitMs > 0) await pause(waitMs);
        const type = { "content-type": "application/json" };
        response.writeHead(answer.status, { ...type, ...answer.headers }).end(answer.body);
      },
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  return server;
}

// Takes or refuses a message, and tells by and by what becomes of it.
function taker(
  server: WhatsAppServer,
  options: WhatsAppServerOptions,
  lastSaid: ReadonlyMap<string, number>,
): (from: string, message: Json) => GraphAnswer {
  const { clock } = server;
  const pairs = new Map<string, { tokens: number; atMs: number }>();
  const isTooOften = (to: string): boolean => {
    const pair = pairs.get(to) ?? { tokens: PAIR_BURST, atMs: clock.nowMs() };
    const tokens = Math.min(PAIR_BURST, pair.tokens + (clock.nowMs() - pair.atMs) / PAIR_MS);
    pairs.set(to, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: clock.nowMs() });
    return tokens < 1;
  };
  const tell = (taken: TakenMessage, state: string, error?: GraphError) =>
    server.tell([changeOf(options, { statuses: [statusOf(taken, state, clock, error)] })]);
  return (from, message) => {
    const wrong = wrongWith(message, new Set(server.media.keys()));
    if (wrong !== null) return refusal(wrong);
    const to = String(message["to"] ?? message["recipient"]);
    if (to === NOBODY) return refusal(graphErrors.undeliverable);
    if (isTooOften(to)) return refusal(graphErrors.pair);
    const template = message["template"] as Json | undefined;
    if (template !== undefined && !options.templates?.includes(String(template["name"]))) {
      return refusal(graphErrors.template);
    }
    const saidMs = lastSaid.get(to) ?? Number.NEGATIVE_INFINITY;
    const isLate = template === undefined && clock.nowMs() - saidMs > WINDOW_MS;
    if (isLate && server.windowRefusal === "now") return refusal(graphErrors.window);
    const taken: TakenMessage = { id: newId(), from, to, message };
    server.taken.push(taken);
    if (isLate) clock.after(500, () => tell(taken, "failed", graphErrors.window));
    ["sent", "delivered", "read"].forEach((state, at) => {
      if (!isLate) clock.after(500 * (at + 1), () => tell(taken, state));
    });
    const contact = typeof message["recipient"] === "string" ? { user_id: to } : { wa_id: to };
    const messages = [{ id: taken.id }];
    return ok({ messaging_product: "whatsapp", contacts: [{ input: to, ...contact }], messages });
  };
}

function statusOf(
  { id, to, message }: TakenMessage,
  state: string,
  clock: VirtualClock,
  error: GraphError | undefined,
): Json {
  const isUserId = typeof message["recipient"] === "string";
  const key = message["biz_opaque_callback_data"];
  const title = error?.message.replace(/^\(#\d+\) /, "");
  return {
    id,
    status: state,
    timestamp: seconds(clock),
    ...(isUserId ? { recipient_user_id: to } : { recipient_id: to }),
    ...(key !== undefined && { biz_opaque_callback_data: key }),
    ...(error !== undefined && {
      errors: [{ code: error.code, title, message: title, error_data: { details: error.details } }],
    }),
  };
}

function deliverUntilTaken(server: WhatsAppServer, body: Buffer, appSecret: string): void {
  const { clock } = server;
  const webhook = { body, headers: signedHeaders(body, appSecret) };
  const firstMs = clock.nowMs();
  const attempt = async (n: number): Promise<void> => {
    const status = server.deliver === null ? 503 : await server.deliver(webhook).catch(() => 0);
    server.deliveries.push({ atMs: clock.nowMs(), status });
    if (status >= 200 && status < 300) return;
    const waitMs = RETRY_MS[Math.min(n, RETRY_MS.length - 1)] ?? 0;
    if (clock.nowMs() + waitMs - firstMs <= GIVE_UP_MS) clock.after(waitMs, () => attempt(n + 1));
  };
  clock.after(0, () => attempt(0));
}

/** Headers of a webhook with its signature. */
export function signedHeaders(body: Uint8Array, secret: string): Record<string, string> {
  const hex = createHmac("sha256", secret).update(body).digest("hex");
  return {
    "content-type": "application/json",
    "user-agent": "facebookexternalua",
    "x-hub-signature-256": `sha256=${hex}`,
  };
}

/** The body of a webhook. */
export function notificationOf(changes: readonly Json[]): Buffer {
  const entry = [{ id: "102290129340398", changes }];
  return Buffer.from(JSON.stringify({ object: "whatsapp_business_account", entry }));
}

/** A change of the field `messages`. */
export function changeOf(
  { phoneNumberId }: Pick<WhatsAppServerOptions, "phoneNumberId">,
  value: Json,
): Json {
  const metadata = { display_phone_number: "15550783881", phone_number_id: phoneNumberId };
  return { field: "messages", value: { messaging_product: "whatsapp", metadata, ...value } };
}

/** Somebody as a contact of a webhook. */
export function contactOf({ phone, userId, name = "Sheena Nelson" }: Customer): Json {
  return {
    profile: { name },
    ...(phone !== undefined && { wa_id: phone }),
    ...(userId !== undefined && { user_id: userId }),
  };
}

function senderFields({ phone, userId }: Customer): Json {
  return {
    ...(phone !== undefined && { from: phone }),
    ...(userId !== undefined && { from_user_id: userId }),
  };
}

function seconds(clock: VirtualClock): string {
  return String(Math.floor(clock.nowMs() / 1_000));
}

function newId(): string {
  return `wamid.${randomBytes(24).toString("base64")}`;
}
