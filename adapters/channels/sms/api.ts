// Calls of Twilio's REST API with the account's token.

import type { ChannelEnvironment, PlatformAnswer } from "../adapter.ts";
import { type SmsSettings, TWILIO_URL } from "./settings.ts";

/** An account's API. */
export interface Api {
  readonly environment: ChannelEnvironment;
  readonly settings: SmsSettings;
  /** The one in use first. */
  readonly tokens: readonly string[];
  /** Without a slash at its end. */
  readonly url: string;
  readonly authorization: string;
}

/** The API of an account. */
export function apiOf(settings: SmsSettings, environment: ChannelEnvironment): Api {
  const tokens = settings.auth_token.split(",");
  const basic = Buffer.from(`${settings.account_sid}:${tokens[0]}`).toString("base64");
  const url = (settings.api_url ?? TWILIO_URL).replace(/\/+$/, "");
  return { environment, settings, tokens, url, authorization: `Basic ${basic}` };
}

/** What no reason may show. */
export function secretsOf({ tokens, authorization }: Api): string[] {
  return [...tokens, authorization.slice("Basic ".length)];
}

/** A call below the account; a form is posted. */
export function callTwilio(
  { environment, settings, url, authorization }: Api,
  path: string,
  signal: AbortSignal,
  form?: URLSearchParams,
): Promise<PlatformAnswer> {
  const address = `${url}/2010-04-01/Accounts/${settings.account_sid}${path}`;
  if (form === undefined) {
    return environment.call({ method: "GET", url: address, headers: { authorization }, signal });
  }
  return environment.call({
    method: "POST",
    url: address,
    headers: { authorization, "content-type": "application/x-www-form-urlencoded" },
    body: form.toString(),
    signal,
  });
}
