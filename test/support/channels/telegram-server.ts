// Telegram's side of the Bot API, on loopback: messages and edits with the limits of a chat, files, and updates
// that are delivered again until they are taken. Its time is virtual. grammy, the library, is its oracle
// (test/adapters/channels/telegram/oracle.test.ts).

import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { readHtml } from "./telegram-html.ts";
import { type VirtualClock, virtualClock } from "./virtual-clock.ts";

type Json = Record<string, unknown>;

/** A call of a method. */
export interface MethodCall {
  readonly method: string;
  readonly fields: Json;
}

/** What a method answers. */
export type MethodAnswer =
  | { readonly result: unknown }
  | { readonly code: number; readonly description: string; readonly parameters?: Json };

/** An update as it leaves. */
export interface Delivery {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** The server. */
export interface TelegramServer {
  readonly url: string;
  readonly clock: VirtualClock;
  readonly calls: MethodCall[];
  /** Messages of the bot by "chat/number". */
  readonly sent: Map<string, Json>;
  /** Chats that take nothing: what is answered there. */
  readonly refusing: Map<number, MethodAnswer>;
  readonly files: Map<string, Buffer>;
  webhook: Json;
  /** Answers instead of the server: a status and a body as they are, or a method's answer; null: it answers itself. */
  instead:
    | ((call: MethodCall) => MethodAnswer | { status: number; body: string } | "hang" | null)
    | null;
  /** Whom updates are given to; resolves to the status and body that came back. */
  deliver: ((delivery: Delivery) => Promise<{ status: number; body: string }>) | null;
  /** Sends an update. @returns its id. */
  update(fields: Json): number;
  stop(): Promise<void>;
}

/** What it is started with. */
export interface TelegramServerOptions {
  readonly token: string;
  readonly secretToken: string;
  readonly username: string;
  readonly startMs: number;
}

const WAIT_MS = 60_000;
const GIVE_UP_MS = 24 * 3_600_000;
const BURST = 20;
const BURST_MS = 60_000;

/** Starts it on a free port. */
export async function startTelegramServer(options: TelegramServerOptions): Promise<TelegramServer> {
  const clock = virtualClock(options.startMs);
  const http = createServer();
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  let updates = 1_000;
  const server: TelegramServer = {
    url,
    clock,
    calls: [],
    sent: new Map(),
    refusing: new Map(),
    files: new Map(),
    webhook: { url: "https://example.com/hook", pending_update_count: 0 },
    instead: null,
    deliver: null,
    update(fields) {
      updates += 1;
      const body = Buffer.from(JSON.stringify({ update_id: updates, ...fields }));
      const headers = {
        "content-type": "application/json",
        "x-telegram-bot-api-secret-token": options.secretToken,
      };
      const firstMs = clock.nowMs();
      const attempt = async (): Promise<void> => {
        const lost = { status: 0, body: "" };
        const answer = (await server.deliver?.({ body, headers }).catch(() => lost)) ?? lost;
        if (answer.status >= 200 && answer.status < 300) acted(answer.body);
        else if (clock.nowMs() + WAIT_MS - firstMs <= GIVE_UP_MS) clock.after(WAIT_MS, attempt);
      };
      clock.after(0, attempt);
      return updates;
    },
    stop: () =>
      new Promise((resolve) => {
        clock.stop();
        http.closeAllConnections();
        http.close(() => resolve());
      }),
  };
  // An answer to an update may be a call.
  const acted = (body: string): void => {
    if (body === "") return;
    const { method, ...fields } = JSON.parse(body) as Json & { method: string };
    server.calls.push({ method, fields });
  };
  const take = taker(server, options);
  http.on("request", (request, response) => {
    const end = (status: number, body: string | Buffer) =>
      response.writeHead(status, { "content-type": "application/json" }).end(body);
    const path = request.url ?? "";
    const file = server.files.get(path.replace(`/file/bot${options.token}/`, ""));
    if (path.startsWith("/file/")) {
      end(file === undefined ? 404 : 200, file ?? "{}");
      return;
    }
    callOf(request).then(
      (call) => {
        server.calls.push(call);
        const given = server.instead?.(call);
        if (given === "hang") return response;
        if (given !== null && given !== undefined && "status" in given) {
          return end(given.status, given.body);
        }
        const isOurs = path.startsWith(`/bot${options.token}/`);
        const unknown = { code: 401, description: "Unauthorized" };
        const answer = given ?? (isOurs ? take(call) : unknown);
        if ("result" in answer) return end(200, JSON.stringify({ ok: true, ...answer }));
        const { code, ...error } = answer;
        return end(code, JSON.stringify({ ok: false, error_code: code, ...error }));
      },
      (error: unknown) => end(500, String(error)),
    );
  });
  return server;
}

function taker(
  server: TelegramServer,
  options: TelegramServerOptions,
): (call: MethodCall) => MethodAnswer {
  const { clock } = server;
  const numbers = new Map<number, number>();
  const spoken = new Map<number, number[]>();
  const me = {
    id: Number(options.token.split(":")[0]),
    is_bot: true,
    first_name: "Bot",
    username: options.username,
  };
  const asMessage = (chat: number, number: number, fields: Json): Json => ({
    message_id: number,
    from: me,
    chat: { id: chat, type: chat > 0 ? "private" : "supergroup" },
    date: Math.floor(clock.nowMs() / 1_000),
    text: fields["shown"],
  });
  const send = (fields: Json, shown: string): MethodAnswer => {
    const chat = Number(fields["chat_id"]);
    const refusal = server.refusing.get(chat);
    if (refusal !== undefined) return refusal;
    const recent = (spoken.get(chat) ?? []).filter((atMs) => atMs > clock.nowMs() - BURST_MS);
    const [first = 0] = recent;
    if (recent.length >= BURST) {
      const seconds = Math.ceil((first + BURST_MS - clock.nowMs()) / 1_000);
      const description = `Too Many Requests: retry after ${seconds}`;
      return { code: 429, description, parameters: { retry_after: seconds } };
    }
    spoken.set(chat, [...recent, clock.nowMs()]);
    const number = (numbers.get(chat) ?? 0) + 1;
    numbers.set(chat, number);
    server.sent.set(`${chat}/${number}`, { ...fields, shown });
    return { result: asMessage(chat, number, { shown }) };
  };
  const edit = (fields: Json, shown: string): MethodAnswer => {
    const [chat, number] = [Number(fields["chat_id"]), Number(fields["message_id"])];
    const before = server.sent.get(`${chat}/${number}`);
    if (before === undefined) return bad("message to edit not found");
    const same = JSON.stringify([before["shown"], before["reply_markup"]]);
    if (same === JSON.stringify([shown, fields["reply_markup"]])) {
      return bad(
        "message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message",
      );
    }
    server.sent.set(`${chat}/${number}`, { ...fields, shown });
    return { result: asMessage(chat, number, { shown }) };
  };
  return ({ method, fields }) => {
    switch (method) {
      case "getMe":
        return { result: { ...me, can_read_all_group_messages: false } };
      case "getWebhookInfo":
        return { result: server.webhook };
      case "sendMessage":
      case "editMessageText": {
        const read = shownOf(fields);
        if ("wrong" in read) return bad(read.wrong);
        return method === "sendMessage" ? send(fields, read.shown) : edit(fields, read.shown);
      }
      case "sendPhoto":
      case "sendAudio":
      case "sendVideo":
      case "sendDocument":
        return send(fields, "");
      case "getFile": {
        const path = String(fields["file_id"]);
        const file = server.files.get(path);
        if (file === undefined) return bad("wrong file_id or the file is temporarily unavailable");
        return { result: { file_id: path, file_path: path, file_size: file.length } };
      }
      case "sendChatAction":
      case "answerCallbackQuery":
        return { result: true };
      default:
        return { code: 404, description: "Not Found: method not found" };
    }
  };
}

function shownOf(fields: Json): { shown: string } | { wrong: string } {
  const text = String(fields["text"] ?? "");
  const read = fields["parse_mode"] === "HTML" ? readHtml(text) : { shown: text };
  if ("wrong" in read) return read;
  if (read.shown.trim() === "") return { wrong: "message text is empty" };
  if (read.shown.length > 4_096) return { wrong: "message is too long" };
  const markup = fields["reply_markup"] as { inline_keyboard?: Json[][] } | undefined;
  for (const key of (markup?.inline_keyboard ?? []).flat()) {
    if (Buffer.byteLength(String(key["callback_data"])) > 64)
      return { wrong: "BUTTON_DATA_INVALID" };
    if (String(key["text"]).trim() === "") return { wrong: "Text buttons are unallowed" };
  }
  return read;
}

function bad(description: string): MethodAnswer {
  return { code: 400, description: `Bad Request: ${description}` };
}

async function callOf(request: IncomingMessage): Promise<MethodCall> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const method = (request.url ?? "").split("/").at(-1) ?? "";
  const body = Buffer.concat(chunks);
  const type = request.headers["content-type"] ?? "";
  if (!type.startsWith("multipart/form-data")) {
    return { method, fields: body.length === 0 ? {} : JSON.parse(body.toString("utf8")) };
  }
  const form = await new Response(new Uint8Array(body), {
    headers: { "content-type": type },
  }).formData();
  return { method, fields: Object.fromEntries(form) };
}
