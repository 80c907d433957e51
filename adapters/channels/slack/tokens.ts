// The bot's token: as configured, or one of a row of tokens that live for 12 hours each. The token that
// renews it can be used once, so that only one renewal may be under way (docs.slack.dev/authentication/using-token-rotation).

import { createHash } from "node:crypto";
import type { ChannelEnvironment } from "../adapter.ts";
import { memberOf, textIn } from "../sent-json.ts";
import { type ApiFailure, apiResult } from "./classify.ts";
import { slackLimits } from "./limits.ts";
import { apiUrlOf, type SlackSettings } from "./settings.ts";

/** Where they are kept. */
const KEPT = "tokens";
/** Codes that a renewed token may help against. */
export const expiredCodes: ReadonlySet<string> = new Set(["token_expired", "invalid_auth"]);

/** A token, or why there is none. */
export type TokenResult =
  | { readonly ok: true; readonly token: string }
  | { readonly ok: false; readonly failure: ApiFailure };

/** The tokens of an account. */
export interface Tokens {
  /** The one in use; one that is about to end is renewed before. */
  current(): Promise<TokenResult>;
  /** One that is not `refused`: renewed, unless somebody else has done so meanwhile. Null: nothing renews it. */
  renewed(refused: string): Promise<TokenResult | null>;
}

interface Pair {
  readonly access: string;
  readonly refresh: string;
  /** Ms since the epoch; 0: not known. */
  readonly endsAtMs: number;
  /** Of the settings it began with: new ones begin anew. */
  readonly origin: string;
}

/** The tokens that settings give. */
export function createTokens(settings: SlackSettings, environment: ChannelEnvironment): Tokens {
  const { bot_token: token, refresh_token: refresh } = settings;
  if (refresh === undefined) {
    return { current: async () => ({ ok: true, token }), renewed: async () => null };
  }
  const origin = createHash("sha256").update(`${token} ${refresh}`).digest("base64url");
  const first: Pair = { access: token, refresh, endsAtMs: 0, origin };
  // What renews a token works once, and what came of it would be lost here.
  const isLook = environment.looksOnly === true;
  const renew = (refused: string) => renewPair(refused, { settings, environment, first });
  return {
    async current() {
      const pair = pairOf(await environment.kept.get(KEPT), first);
      const isEnding =
        pair.endsAtMs > 0 && pair.endsAtMs - slackLimits.renewBeforeMs <= environment.nowMs();
      if (!isEnding || isLook) return { ok: true, token: pair.access };
      const renewed = await renew(pair.access);
      // It has not ended yet: should it not be renewed now, then by the next call.
      const isUsable = !renewed.ok && pair.endsAtMs > environment.nowMs();
      return isUsable ? { ok: true, token: pair.access } : renewed;
    },
    renewed: isLook ? async () => null : renew,
  };
}

interface Renewal {
  readonly settings: SlackSettings;
  readonly environment: ChannelEnvironment;
  readonly first: Pair;
}

/** Carries a failure out of `kept.update`, which stores nothing then. */
class NotRenewed extends Error {
  readonly failure: ApiFailure;
  constructor(failure: ApiFailure) {
    super(failure.reason);
    this.failure = failure;
  }
}

async function renewPair(refused: string, renewal: Renewal): Promise<TokenResult> {
  const { environment, first } = renewal;
  try {
    const stored = await environment.kept.update(KEPT, async (before) => {
      const pair = pairOf(before, first);
      // Another call was refused with the same token, and was first.
      if (pair.access !== refused) return JSON.stringify(pair);
      return JSON.stringify(await exchange(pair, renewal));
    });
    return { ok: true, token: pairOf(stored, first).access };
  } catch (error) {
    if (error instanceof NotRenewed) return { ok: false, failure: error.failure };
    throw error;
  }
}

/** Not under the signal of whoever asks: an answer that nobody waits for would be the end of the row. */
async function exchange(pair: Pair, { settings, environment }: Renewal): Promise<Pair> {
  const form = new URLSearchParams({
    client_id: settings.client_id ?? "",
    client_secret: settings.client_secret ?? "",
    grant_type: "refresh_token",
    refresh_token: pair.refresh,
  });
  const answer = await environment.call({
    method: "POST",
    url: `${apiUrlOf(settings)}/oauth.v2.access`,
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: form.toString(),
    signal: AbortSignal.timeout(slackLimits.renewMs),
  });
  const result = apiResult("oauth.v2.access", answer, environment.nowMs());
  // Nothing was said in the conversation, whatever became of this call.
  if (!result.ok)
    throw new NotRenewed(result.class === "unknown" ? { ...result, class: "retry" } : result);
  const access = textIn(result.body, "access_token", 20_000);
  const refresh = textIn(result.body, "refresh_token", 20_000);
  const seconds = memberOf(result.body, "expires_in");
  if (access === null || refresh === null) {
    const reason = "Slack's oauth.v2.access: an answer without both tokens";
    throw new NotRenewed({ ok: false, class: "auth", code: "", reason });
  }
  const endsAtMs = typeof seconds === "number" ? environment.nowMs() + seconds * 1_000 : 0;
  return { access, refresh, endsAtMs, origin: pair.origin };
}

/** What is kept, unless it began with other settings. */
function pairOf(stored: string | null, first: Pair): Pair {
  if (stored === null) return first;
  const value: unknown = JSON.parse(stored);
  const [access, refresh] = [textIn(value, "access", 20_000), textIn(value, "refresh", 20_000)];
  const endsAtMs = memberOf(value, "endsAtMs");
  const isOurs = textIn(value, "origin") === first.origin;
  if (!isOurs || access === null || refresh === null) return first;
  return {
    access,
    refresh,
    endsAtMs: typeof endsAtMs === "number" ? endsAtMs : 0,
    origin: first.origin,
  };
}
