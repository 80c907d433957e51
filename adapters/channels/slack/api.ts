// Calls of the Web API, with the bot's token. Arguments go as a form, as every method takes them.

import type { ChannelEnvironment } from "../adapter.ts";
import { type ApiResult, apiResult } from "./classify.ts";
import { expiredCodes, type TokenResult, type Tokens } from "./tokens.ts";

/** Values of a call: objects and lists are written as JSON; what is undefined is left out. */
export type ApiArguments = Readonly<Record<string, unknown>>;

/** The Web API of one account. */
export interface SlackApi {
  call(method: string, of: ApiArguments, signal: AbortSignal): Promise<ApiResult>;
  /** With another token than the bot's (Socket Mode). */
  callWith(token: string, method: string, signal: AbortSignal): Promise<ApiResult>;
  /** The bot's token, for what is no method: files. */
  token(): Promise<TokenResult>;
}

/** What calls are made with. */
export interface ApiParts {
  readonly url: string;
  readonly tokens: Tokens;
  readonly environment: ChannelEnvironment;
}

/** The Web API behind an address. */
export function createApi({ url, tokens, environment }: ApiParts): SlackApi {
  const once = async (token: string, method: string, of: ApiArguments, signal: AbortSignal) => {
    const answer = await environment.call({
      method: "POST",
      url: `${url}/${method}`,
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
      },
      body: formOf(of),
      signal,
    });
    return apiResult(method, answer, environment.nowMs());
  };
  return {
    async call(method, of, signal) {
      const now = await tokens.current();
      if (!now.ok) return now.failure;
      const result = await once(now.token, method, of, signal);
      if (result.ok || !expiredCodes.has(result.code)) return result;
      // Refused before anything was done: it may be asked for again.
      const renewed = await tokens.renewed(now.token);
      if (renewed === null) return result;
      return renewed.ok ? await once(renewed.token, method, of, signal) : renewed.failure;
    },
    callWith: (token, method, signal) => once(token, method, {}, signal),
    token: () => tokens.current(),
  };
}

function formOf(of: ApiArguments): string {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(of)) {
    if (value === undefined || value === null) continue;
    form.set(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return form.toString();
}
