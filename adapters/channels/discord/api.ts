// Calls of Discord's API: with the bot's token, or with an interaction's as a part of the address. What Discord
// said of its limits is kept to without asking again: ten thousand refused calls close the door to an address.

import type { ChannelEnvironment, PlatformRequest } from "../adapter.ts";
import { jsonIn } from "../platform-answer.ts";
import { memberOf } from "../sent-json.ts";
import { type ApiResult, apiResult, secondsMs } from "./classify.ts";
import { discordLimits } from "./limits.ts";

/** One call. */
export interface ApiCall {
  /** "posting a message". */
  readonly what: string;
  readonly method: PlatformRequest["method"];
  /** Below the API's address. */
  readonly path: string;
  /** JSON, or a form that has files. */
  readonly body?: object | FormData;
  /** An interaction's token: it stands in the path and in no reason. Absent: the bot's is sent. */
  readonly token?: string;
  readonly signal: AbortSignal;
}

/** The API of one account. */
export interface DiscordApi {
  readonly url: string;
  call(call: ApiCall): Promise<ApiResult>;
}

/** The API behind an address. */
export function createApi(
  url: string,
  botToken: string,
  environment: ChannelEnvironment,
): DiscordApi {
  const busy = new BusyRoutes();
  return {
    url,
    async call({ what, method, path, body, token, signal }) {
      const nowMs = environment.nowMs();
      const waitMs = busy.waitMs(`${method} ${path}`, nowMs);
      if (waitMs > 0) return tooSoon(what, waitMs);
      const encoded = await encodedBody(body);
      const answer = await environment.call({
        ...{ method, url: `${url}${path}`, signal },
        ...(encoded !== null && { body: encoded.bytes }),
        headers: {
          "user-agent": "DiscordBot (https://discord.com, 10)",
          ...(token === undefined && { authorization: `Bot ${botToken}` }),
          ...(encoded !== null && { "content-type": encoded.type }),
        },
      });
      const secrets = token === undefined ? [botToken] : [botToken, token];
      const result = apiResult(answer, { what, secrets, nowMs });
      if (answer.reached) {
        const wait = result.ok ? undefined : result.failed.retryAfterMs;
        const isGlobal = memberOf(jsonIn(answer.body), "global") === true && !result.ok;
        const used = usedUpMs(answer.headers);
        const until = nowMs + Math.max(wait ?? 0, used ?? 0);
        if (until > nowMs) busy.note(isGlobal ? "" : `${method} ${path}`, until);
      }
      return result;
    },
  };
}

/** How long nothing more may come, when this was the last of its bucket. */
function usedUpMs(headers: Readonly<Record<string, string>>): number | undefined {
  if (headers["x-ratelimit-remaining"] !== "0") return undefined;
  return secondsMs(headers["x-ratelimit-reset-after"]);
}

/** Routes that are not free yet; "" is all of them. */
class BusyRoutes {
  readonly #until = new Map<string, number>();

  waitMs(route: string, nowMs: number): number {
    return Math.max(this.#until.get(route) ?? 0, this.#until.get("") ?? 0) - nowMs;
  }

  note(route: string, untilMs: number): void {
    this.#until.delete(route);
    if (this.#until.size >= discordLimits.routes) {
      for (const oldest of this.#until.keys()) {
        this.#until.delete(oldest);
        break;
      }
    }
    this.#until.set(route, untilMs);
  }
}

function tooSoon(what: string, waitMs: number): ApiResult {
  const reason = `Discord, ${what}: its limit is used up for ${waitMs} ms`;
  const failed = { ok: false, class: "rate", reason, retryAfterMs: waitMs } as const;
  return { ok: false, status: 429, code: 0, failed };
}

async function encodedBody(
  body: object | FormData | undefined,
): Promise<{ readonly bytes: Uint8Array; readonly type: string } | null> {
  if (body === undefined) return null;
  if (!(body instanceof FormData)) {
    return { bytes: Buffer.from(JSON.stringify(body)), type: "application/json" };
  }
  const encoded = new Response(body);
  const type = encoded.headers.get("content-type") ?? "multipart/form-data";
  return { bytes: new Uint8Array(await encoded.arrayBuffer()), type };
}
