// Telegram keeps what every adapter promises.

import type { ChannelRequest } from "../../../../adapters/channels/adapter.ts";
import { telegram } from "../../../../adapters/channels/telegram/adapter.ts";
import { SETTINGS } from "../../../support/channels/telegram-account.ts";
import { readHtml } from "../../../support/channels/telegram-html.ts";
import { conforms, jsonAnswer } from "../conformance.ts";

const refused = (code: number, description: string) => () =>
  jsonAnswer(code, { ok: false, error_code: code, description });

function delivered(): ChannelRequest {
  const from = { id: 111, is_bot: false, first_name: "Ada" };
  const chat = { id: 111, type: "private" };
  const message = { message_id: 7, from, chat, date: 1_763_899_200, text: "hello" };
  const body = Buffer.from(JSON.stringify({ update_id: 1, message }));
  const headers = { "x-telegram-bot-api-secret-token": SETTINGS.secret_token };
  return { method: "POST", path: "", headers, query: new URLSearchParams(), body, publicUrl: "" };
}

conforms({
  adapter: telegram,
  settings: SETTINGS,
  required: ["bot_username", "bot_token", "secret_token"],
  deliveries: () => [delivered()],
  // Its secret is a word beside the bytes.
  provesBody: false,
  address: { chat: 111, topic: null },
  textOf: ({ body }) => {
    const read = readHtml(String(body["text"]));
    return body["isHtml"] === true && "shown" in read ? read.shown : String(body["text"]);
  },
  answers: {
    ok: () => jsonAnswer(200, { ok: true, result: { message_id: 8 } }),
    rate: refused(429, "Too Many Requests: retry after 5"),
    retry: refused(500, "Internal Server Error"),
    auth: refused(401, "Unauthorized"),
    gone: refused(403, "Forbidden: bot was blocked by the user"),
    format: refused(400, "Bad Request: can't parse entities"),
    unknown: () => jsonAnswer(200, "<html>"),
  },
});
