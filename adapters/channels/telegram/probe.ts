// Looks at a bot from outside: token and name, and whether Telegram tells us anything.

import type { Finding } from "../adapter.ts";
import { listIn, memberOf, textIn } from "../sent-json.ts";
import { type Api, callMethod } from "./api.ts";
import { numberIn } from "./place.ts";

const NEEDED = ["message", "callback_query"];

/** What was found. */
export async function probeAccount(api: Api, signal: AbortSignal): Promise<Finding[]> {
  const me = await callMethod(api, "getMe", {}, { signal, attempt: 1 });
  if (!me.ok) {
    const text = `The bot cannot be asked. ${me.failed.reason}`;
    return [{ ok: false, text, help: "Check bot_token: BotFather shows it with /token." }];
  }
  return [nameOf(api, me.result), await webhookOf(api, signal)];
}

function nameOf(api: Api, me: unknown): Finding {
  const name = textIn(me, "username", 64) ?? "";
  if (name.toLowerCase() === api.settings.bot_username.toLowerCase()) {
    const reads = memberOf(me, "can_read_all_group_messages") === true ? "all" : "its own";
    return { ok: true, text: `The bot is @${name}; in groups it hears ${reads} messages.` };
  }
  return { ok: false, text: `The token is of @${name}.`, help: "Set bot_username to that." };
}

async function webhookOf(api: Api, signal: AbortSignal): Promise<Finding> {
  const called = await callMethod(api, "getWebhookInfo", {}, { signal, attempt: 1 });
  if (!called.ok) return { ok: false, text: `The webhook is not known. ${called.failed.reason}` };
  const info = called.result;
  const help =
    "Call setWebhook with the channel's address, its secret_token and allowed_updates message, edited_message and callback_query.";
  if (textIn(info, "url") === null) {
    return { ok: false, text: "No webhook is set: no message arrives.", help };
  }
  const allowed = listIn(info, "allowed_updates");
  const missing = NEEDED.filter((kind) => allowed.length > 0 && !allowed.includes(kind));
  if (missing.length > 0) {
    return { ok: false, text: `Updates are not delivered: ${missing.join(", ")}.`, help };
  }
  const waiting = numberIn(info, "pending_update_count") ?? 0;
  const error = textIn(info, "last_error_message", 200);
  if (waiting > 0 && error !== null) {
    return {
      ok: false,
      text: `${waiting} updates wait; the last delivery failed: ${error}.`,
      help,
    };
  }
  return { ok: true, text: "The webhook is set and its updates are taken." };
}
