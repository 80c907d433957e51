// Calls of the Bot Connector, and what its answers mean. The service's address comes with each activity: it is
// looked at once more before the bot's token goes there.

import type { SendFailure } from "../../../actors/channels/outgoing.ts";
import type { ChannelEnvironment, PlatformAnswer, PlatformRequest } from "../adapter.ts";
import {
  type Failed,
  jsonIn,
  retryAfterMs,
  unreached,
  withoutSecrets,
} from "../platform-answer.ts";
import { memberOf, textIn } from "../sent-json.ts";
import { isServiceAddress } from "./hosts.ts";
import type { TeamsAddress } from "./place.ts";
import type { Tokens } from "./tokens.ts";

/** One call. */
export interface ConnectorCall {
  /** "sending a message". */
  readonly what: string;
  readonly method: PlatformRequest["method"];
  readonly to: TeamsAddress;
  /** Of an activity that is changed. */
  readonly activity?: string;
  readonly body: object;
  readonly signal: AbortSignal;
}

/** What a call gave. */
export type Called =
  | { readonly ok: true; readonly body: unknown }
  | { readonly ok: false; readonly status: number; readonly failed: Failed };

/** The Connector of an account. */
export interface Connector {
  call(call: ConnectorCall): Promise<Called>;
}

/** What it calls with. */
export interface ConnectorParts {
  readonly tokens: Tokens;
  readonly environment: ChannelEnvironment;
  readonly serviceHosts: readonly string[];
}

/** Of the service's words those that say more than the status. */
const classes: Readonly<Record<string, SendFailure>> = {
  ConversationNotFound: "gone",
  BotNotInConversationRoster: "gone",
  ConversationBlockedByUser: "gone",
  MessageWritesBlocked: "gone",
  BotDisabledByAdmin: "gone",
  ActivityNotFoundInConversation: "gone",
  Forbidden: "gone",
  MessageSizeTooBig: "format",
  BadSyntax: "format",
  BadArgument: "format",
  Throttled: "rate",
};

/** Calls with the bot's token, which is renewed once when it is refused. */
export function createConnector({ tokens, environment, serviceHosts }: ConnectorParts): Connector {
  const once = (token: string, { method, to, activity, body, signal }: ConnectorCall) => {
    const base = `${to.serviceUrl.replace(/\/+$/, "")}/v3/conversations`;
    const below = activity === undefined ? "" : `/${encodeURIComponent(activity)}`;
    return environment.call({
      ...{ method, signal, body: JSON.stringify(body) },
      url: `${base}/${encodeURIComponent(to.conversation)}/activities${below}`,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    });
  };
  return {
    async call(call) {
      if (!isServiceAddress(call.to.serviceUrl, serviceHosts)) {
        const reason =
          "The conversation's serviceUrl is none of Microsoft's, nor in service_hosts.";
        return { ok: false, status: 0, failed: { ok: false, class: "gone", reason } };
      }
      const first = await tokens.current();
      if (!first.ok) return { ok: false, status: 0, failed: first.failed };
      const answer = await once(first.token, call);
      if (!answer.reached || answer.status !== 401) return called(answer, call, first.token);
      // Refused before anything was done: it may be asked for again.
      const second = await tokens.renewed(first.token);
      if (!second.ok) return { ok: false, status: 401, failed: second.failed };
      return called(await once(second.token, call), call, second.token);
    },
  };

  function called(answer: PlatformAnswer, { what }: ConnectorCall, token: string): Called {
    if (!answer.reached) return { ok: false, status: 0, failed: unreached(answer, [token]) };
    const { status, headers } = answer;
    const body = jsonIn(answer.body);
    if (status >= 200 && status < 300) return { ok: true, body };
    const error = memberOf(body, "error");
    const code = textIn(error, "code", 100) ?? "";
    const known = Object.hasOwn(classes, code) ? classes[code] : undefined;
    const failed = status === 429 ? "rate" : (known ?? classOfStatus(status, error !== undefined));
    const words = [`status ${status}`, code, textIn(error, "message", 200)].filter(Boolean);
    const reason = withoutSecrets(`Teams, ${what}: ${words.join(", ")}`, [token]);
    const waitMs = retryAfterMs(headers["retry-after"], environment.nowMs());
    const wait = failed === "rate" && waitMs !== undefined ? { retryAfterMs: waitMs } : {};
    return { ok: false, status, failed: { ok: false, class: failed, reason, ...wait } };
  }
}

function classOfStatus(status: number, isServices: boolean): SendFailure {
  if (status === 401) return "auth";
  // Of a conversation where the service says it; of somebody on the way it says nothing of it.
  if (status === 403) return isServices ? "gone" : "auth";
  if (status === 404 || status === 410) return isServices ? "gone" : "retry";
  // "Retry with exponential backoff", says the service of 412.
  if (status === 408 || status === 412 || status === 503) return "retry";
  if (status >= 500) return "unknown";
  return status < 400 ? "retry" : "format";
}
