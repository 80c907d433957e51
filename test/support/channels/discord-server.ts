// A fake Discord on loopback: its API with error codes, limits and tokens that end, and its Gateway with
// sessions that are resumed. Interactions are signed as Discord signs them.

import { generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { ChannelRequest } from "../../../adapters/channels/adapter.ts";
import { type DiscordGateway, startGateway } from "./discord-gateway.ts";
import { rawRequest } from "./raw-request.ts";

type Json = Record<string, unknown>;

/** The application and its bot. */
export const BOT = { id: "100000000000000001", application: "100000000000000002", name: "troupe" };
/** Its token begins with its id. */
export const TOKEN = `${Buffer.from(BOT.id).toString("base64url")}.fake.secret-bot-token`;

const keys = generateKeyPairSync("ed25519");
/** The application's public key. */
export const PUBLIC_KEY = keys.publicKey
  .export({ format: "der", type: "spki" })
  .subarray(-32)
  .toString("hex");

/** A request as Discord signs it. */
export function signed(body: object | string, nowMs = Date.now(), path = ""): ChannelRequest {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const time = String(Math.floor(nowMs / 1_000));
  const signature = sign(null, Buffer.from(`${time}${text}`), keys.privateKey).toString("hex");
  const headers = { "x-signature-timestamp": time, "x-signature-ed25519": signature };
  return rawRequest({ path, headers, body: text });
}

let ids = 0;
/** A new id, of now. */
export function newId(atMs = Date.now()): string {
  ids += 1;
  return String(((BigInt(atMs) - 1_420_070_400_000n) << 22n) + BigInt(ids));
}

/** An interaction of Anna's in a room. */
export function interactionOf(more: Json): Json {
  const id = newId();
  return {
    ...{ id, application_id: BOT.application, token: `token-${id}`, version: 1 },
    ...{ channel_id: "500", guild_id: "400", context: 0 },
    member: { nick: "Anna", user: { id: "700", username: "anna" } },
    ...more,
  };
}

/** A slash command. */
export function commandOf(name: string, text?: string): Json {
  const options = text === undefined ? [] : [{ name: "text", type: 3, value: text }];
  return interactionOf({ type: 2, data: { id: "1", name, type: 1, options } });
}

/** What becomes of a call instead of an answer. */
export interface Fault {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** "cut": the connection ends without an answer. */
  readonly body?: object | string;
  /** Whether what was asked for is done all the same. */
  readonly isDone?: boolean;
}

/** A call that has come. */
export interface SeenCall {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: Json;
  readonly file: string | null;
}

/** A webhook of an interaction. */
interface Hook {
  original: string | null;
  readonly channel: string;
  ends: number;
}

/** The running fake. */
export interface DiscordServer {
  readonly apiUrl: string;
  readonly calls: SeenCall[];
  /** Messages by channel, oldest first. */
  readonly messages: Map<string, Json[]>;
  readonly application: Json;
  readonly gateway: DiscordGateway;
  /** The next calls whose "METHOD /path" begins so meet these, in order. */
  fault(call: string, ...faults: Fault[]): void;
  /** An interaction was acknowledged: a deferred message stands there. */
  acknowledge(interaction: Json, ack: unknown): void;
  /** Its token is over. */
  end(interaction: Json): void;
  stop(): Promise<void>;
}

/** Starts it on a free port. */
export async function startDiscord(): Promise<DiscordServer> {
  const faults = new Map<string, Fault[]>();
  const calls: SeenCall[] = [];
  const messages = new Map<string, Json[]>([
    ["500", []],
    ["600", []],
  ]);
  const hooks = new Map<string, Hook>();
  const http = createServer((request, response) => void serve(request, response));
  const application: Json = { id: BOT.application, verify_key: PUBLIC_KEY, flags: 1 << 19 };
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const apiUrl = `http://127.0.0.1:${(http.address() as AddressInfo).port}/api/v10`;
  const gateway = startGateway(http, TOKEN, BOT.id);

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", apiUrl);
    if (url.pathname.startsWith("/attachments/")) return void response.end("file of Anna");
    const path = url.pathname.replace("/api/v10", "");
    const call = await readCall(request, path);
    calls.push(call);
    const wanted = `${call.method} ${path}`;
    const fault = [...faults].find(([start]) => wanted.startsWith(start))?.[1]?.shift();
    const answer = fault === undefined || fault.isDone ? answerTo(call, url) : null;
    const shown = fault ?? answer ?? { status: 500 };
    if (shown.body === "cut") return void response.destroy();
    response.writeHead(shown.status, {
      "content-type": "application/json",
      ...(shown as Fault).headers,
    });
    response.end(typeof shown.body === "string" ? shown.body : JSON.stringify(shown.body ?? null));
  }

  function answerTo(call: SeenCall, url: URL): Fault {
    const [, first, second = "", third = "", fourth = "", fifth] = call.path.split("/");
    if (first === "webhooks") return ofHook(call, third, fourth === "messages" ? fifth : undefined);
    if (first === "interactions") {
      acknowledge({ id: second, token: third, channel_id: "500" }, call.body);
      return { status: 204 };
    }
    if (call.authorization !== `Bot ${TOKEN}`) return refused(401, 0, "401: Unauthorized");
    if (call.path === "/users/@me") return ok({ id: BOT.id, username: BOT.name, bot: true });
    if (call.path === "/applications/@me") return ok(application);
    if (call.path === "/gateway/bot") {
      const session_start_limit = { total: 1000, remaining: 999, reset_after: 0 };
      return ok({ url: `${apiUrl.replace("http", "ws")}/gateway`, session_start_limit });
    }
    if (first === "channels") return ofChannel(call, url, second, third, fourth);
    return refused(404, 0, "404: Not Found");
  }

  function ofChannel(call: SeenCall, url: URL, channel: string, what: string, id: string): Fault {
    const room = messages.get(channel);
    if (room === undefined) return refused(404, 10_003, "Unknown Channel");
    if (what === "typing") return { status: 204 };
    if (call.method === "GET") {
      const after = BigInt(url.searchParams.get("after") ?? "0");
      return ok(room.filter((one) => BigInt(String(one["id"])) > after).reverse());
    }
    const wrong = wrongWith(call);
    if (wrong !== null) return wrong;
    if (call.method === "PATCH") return change(room, id, call);
    const { nonce } = call.body;
    const same = room.find((one) => one["nonce"] === nonce && nonce !== undefined);
    if (same !== undefined && call.body["enforce_nonce"] === true) return ok(same);
    return ok(said(room, channel, call, { nonce }));
  }

  function ofHook(call: SeenCall, token: string, message: string | undefined): Fault {
    const hook = hooks.get(token);
    if (hook === undefined) return refused(404, 10_015, "Unknown Webhook");
    if (hook.ends <= Date.now()) return refused(401, 50_027, "Invalid Webhook Token");
    const room = messages.get(hook.channel) ?? [];
    const id = message === "@original" ? (hook.original ?? "") : (message ?? "");
    if (call.method === "GET") {
      const found = room.find((one) => one["id"] === id);
      return found === undefined ? refused(404, 10_008, "Unknown Message") : ok(found);
    }
    const wrong = wrongWith(call);
    if (wrong !== null) return wrong;
    if (call.method === "PATCH") return change(room, id, call);
    return ok(said(room, hook.channel, call, { webhook_id: BOT.application }));
  }

  function said(room: Json[], channel: string, call: SeenCall, more: Json): Json {
    const message: Json = {
      ...{ id: newId(), channel_id: channel, content: call.body["content"], flags: 4 },
      author: { id: BOT.id, bot: true },
      application_id: BOT.application,
      components: call.body["components"],
      attachments: call.file === null ? [] : [{ id: newId(), filename: call.file }],
      ...more,
    };
    room.push(message);
    return message;
  }

  function change(room: Json[], id: string, { body, file }: SeenCall): Fault {
    const found = room.find((one) => one["id"] === id);
    if (found === undefined) return refused(404, 10_008, "Unknown Message");
    const attachments = file === null ? [] : [{ id: newId(), filename: file }];
    Object.assign(found, { content: body["content"], components: body["components"] });
    Object.assign(found, { flags: 4, attachments, edited_timestamp: new Date().toISOString() });
    return ok(found);
  }

  function acknowledge(interaction: Json, ack: unknown): void {
    const channel = String(interaction["channel_id"]);
    const token = String(interaction["token"]);
    if (hooks.has(token)) return;
    const isAwaited = (ack as Json)["type"] === 5;
    const id = newId();
    hooks.set(token, { original: isAwaited ? id : null, channel, ends: Number.POSITIVE_INFINITY });
    const author = { id: BOT.id, bot: true };
    const waiting = { id, channel_id: channel, content: "", flags: 128, author, attachments: [] };
    if (isAwaited) messages.get(channel)?.push({ ...waiting, application_id: BOT.application });
  }

  return {
    ...{ apiUrl, calls, messages, application, gateway, acknowledge },
    fault: (call, ...more) => faults.set(call, [...(faults.get(call) ?? []), ...more]),
    end(interaction) {
      const hook = hooks.get(String(interaction["token"]));
      if (hook !== undefined) hook.ends = 0;
    },
    stop: () =>
      new Promise((resolve) => {
        gateway.stop();
        http.closeAllConnections();
        http.close(() => resolve());
      }),
  };
}

/** What Discord refuses of a message. */
function wrongWith({ body, file }: SeenCall): Fault | null {
  const content = String(body["content"] ?? "");
  const components = (body["components"] ?? []) as unknown[];
  if ([...content].length > 2_000) return refused(400, 50_035, "Invalid Form Body");
  if (content.trim() === "" && components.length === 0 && file === null) {
    return refused(400, 50_006, "Cannot send an empty message");
  }
  const nonce = body["nonce"];
  if (nonce !== undefined && String(nonce).length > 25) {
    return refused(400, 50_035, "Invalid Form Body");
  }
  return null;
}

const ok = (body: unknown): Fault => ({ status: 200, body: body as object });
const refused = (status: number, code: number, message: string): Fault => ({
  ...{ status, body: { code, message } },
});

async function readCall(request: IncomingMessage, path: string): Promise<SeenCall> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const raw = Buffer.concat(pieces);
  const type = request.headers["content-type"] ?? "";
  const { method = "" } = request;
  const { authorization } = request.headers;
  const base = { method, path, authorization };
  if (!type.startsWith("multipart/")) {
    return { ...base, body: raw.length === 0 ? {} : JSON.parse(String(raw)), file: null };
  }
  const form = await new Response(new Uint8Array(raw), {
    headers: { "content-type": type },
  }).formData();
  const file = form.get("files[0]");
  const body = JSON.parse(String(form.get("payload_json")));
  return { ...base, body, file: file instanceof File ? file.name : null };
}
