// Calls of the Bot API, and what its answers mean. The token is part of each address: no reason shows one.

import type { ChannelEnvironment, PlatformAnswer } from "../adapter.ts";
import { classOfStatus, type Failed, failedSend, jsonIn } from "../platform-answer.ts";
import { fieldsOf, memberOf, textIn } from "../sent-json.ts";
import { numberIn } from "./place.ts";
import { BOT_API_URL, type TelegramSettings } from "./settings.ts";

/** A bot's API. */
export interface Api {
  readonly environment: ChannelEnvironment;
  readonly settings: TelegramSettings;
  readonly secrets: readonly string[];
  /** Without the token, without a slash at its end. */
  readonly url: string;
}

/** The API of an account. */
export function apiOf(settings: TelegramSettings, environment: ChannelEnvironment): Api {
  const url = (settings.api_url ?? BOT_API_URL).replace(/\/+$/, "");
  const secrets = [settings.bot_token, ...settings.secret_token.split(",")];
  return { environment, settings, secrets, url };
}

/** What a method has given, or what became of it. */
export type Called =
  | { readonly ok: true; readonly result: unknown }
  | {
      readonly ok: false;
      readonly failed: Failed;
      /** The group goes by another id now. */
      readonly movedTo: number | null;
      readonly description: string;
    };

/** Calls a method with JSON, or with a form that has a file. */
export async function callMethod(
  api: Api,
  method: string,
  body: object | FormData,
  about: { readonly signal: AbortSignal; readonly attempt: number },
): Promise<Called> {
  const encoded =
    body instanceof FormData
      ? new Response(body)
      : new Response(JSON.stringify(body), { headers: { "content-type": "application/json" } });
  const answer = await api.environment.call({
    method: "POST",
    url: `${api.url}/bot${api.settings.bot_token}/${method}`,
    headers: { "content-type": encoded.headers.get("content-type") ?? "application/json" },
    body: new Uint8Array(await encoded.arrayBuffer()),
    signal: about.signal,
  });
  return calledFrom(api, answer, about.attempt);
}

function calledFrom(api: Api, answer: PlatformAnswer, attempt: number): Called {
  const none = { ok: false, movedTo: null, description: "" } as const;
  const nowMs = api.environment.nowMs();
  const about = { platform: "Telegram", attempt, nowMs, secrets: api.secrets };
  const body = answer.reached ? jsonIn(answer.body) : null;
  if (memberOf(body, "ok") === true) return { ok: true, result: memberOf(body, "result") };
  const isError = fieldsOf(body) !== null && memberOf(body, "ok") === false;
  if (!answer.reached || !isError) return { ...none, failed: failedSend(answer, about) };
  const description = textIn(body, "description", 250) ?? "";
  const code = numberIn(body, "error_code") ?? answer.status;
  const parameters = memberOf(body, "parameters");
  const known = {
    class: classOf(code, description),
    reason: description === "" ? undefined : `Telegram: ${description}`,
    retryAfter: numberIn(parameters, "retry_after")?.toString(),
  };
  return {
    ...none,
    description,
    movedTo: numberIn(parameters, "migrate_to_chat_id"),
    failed: failedSend(answer, about, known),
  };
}

// What is the conversation's end: core.telegram.org says codes, descriptions say which.
const GONE =
  /chat not found|user is deactivated|group is deactivated|not enough rights|have no rights|chat_write_forbidden|topic_closed|topic_deleted|message thread not found|peer_id_invalid|chat_restricted|need administrator rights/i;

function classOf(code: number, description: string): Failed["class"] {
  if (code === 401 || code === 404) return "auth";
  if (code === 403) return "gone";
  if (code === 429) return "rate";
  // Another program fetches the bot's updates: nothing is wrong with the message.
  if (code === 409) return "retry";
  if (code === 400) return GONE.test(description) ? "gone" : "format";
  return classOfStatus(code);
}
