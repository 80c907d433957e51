// The bot's token, which Microsoft's directory gives for an hour (OAuth 2.0 client credentials). It is kept, and
// renewed by one call at a time.

import { createHash } from "node:crypto";
import type { ChannelEnvironment } from "../adapter.ts";
import {
  type Failed,
  jsonIn,
  retryAfterMs,
  unreached,
  withoutSecrets,
} from "../platform-answer.ts";
import { memberOf, textIn } from "../sent-json.ts";
import { teamsLimits } from "./limits.ts";
import { addressesOf, type TeamsSettings } from "./settings.ts";

/** Where it is kept. */
const KEPT = "token";
const SCOPE = "https://api.botframework.com/.default";

/** A token, or why there is none. */
export type TokenResult =
  | { readonly ok: true; readonly token: string }
  | { readonly ok: false; readonly failed: Failed };

/** The token of an account. */
export interface Tokens {
  /** The one in use; one that is about to end is renewed before. */
  current(): Promise<TokenResult>;
  /** One that is not `refused`: renewed, unless somebody else has done so meanwhile. */
  renewed(refused: string): Promise<TokenResult>;
}

interface Stored {
  readonly token: string;
  readonly endsAtMs: number;
  /** Of the settings it was given for: for others it is worth nothing. */
  readonly origin: string;
}

/** Carries a failure out of `kept.update`, which stores nothing then. */
class NotGiven extends Error {
  readonly failed: Failed;
  constructor(failed: Failed) {
    super(failed.reason);
    this.failed = failed;
  }
}

/** The tokens that settings give. */
export function createTokens(settings: TeamsSettings, environment: ChannelEnvironment): Tokens {
  const { token: url } = addressesOf(settings);
  const { app_id: id, app_password: password } = settings;
  const origin = createHash("sha256").update(`${url} ${id} ${password}`).digest("base64url");
  const give = async (isGood: (stored: Stored) => boolean): Promise<TokenResult> => {
    try {
      const kept = await environment.kept.update(KEPT, async (before) => {
        const stored = storedIn(before, origin);
        if (before !== null && stored !== null && isGood(stored)) return before;
        return JSON.stringify({ ...(await fetched(url, settings, environment)), origin });
      });
      return { ok: true, token: storedIn(kept, origin)?.token ?? "" };
    } catch (error) {
      if (error instanceof NotGiven) return { ok: false, failed: error.failed };
      throw error;
    }
  };
  const lasts = ({ endsAtMs }: Stored) =>
    endsAtMs - teamsLimits.renewBeforeMs > environment.nowMs();
  return {
    async current() {
      const stored = storedIn(await environment.kept.get(KEPT), origin);
      return stored !== null && lasts(stored) ? { ok: true, token: stored.token } : give(lasts);
    },
    renewed: (refused) => give((stored) => stored.token !== refused && lasts(stored)),
  };
}

/** Not under the signal of whoever asks: others wait for it as well. */
async function fetched(
  url: string,
  { app_id: id, app_password: password }: TeamsSettings,
  environment: ChannelEnvironment,
): Promise<Omit<Stored, "origin">> {
  const form = { client_id: id, client_secret: password, scope: SCOPE };
  const answer = await environment.call({
    ...{ method: "POST", url },
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ grant_type: "client_credentials", ...form }).toString(),
    signal: AbortSignal.timeout(teamsLimits.renewMs),
  });
  // Nothing was said in the conversation, whatever became of this call.
  if (!answer.reached) throw new NotGiven({ ...unreached(answer, [password]), class: "retry" });
  const body = jsonIn(answer.body);
  const token = textIn(body, "access_token", 15_001);
  const seconds = memberOf(body, "expires_in");
  if (answer.status === 200 && token !== null && /^[\x21-\x7e]{1,15000}$/.test(token)) {
    const lastsS = typeof seconds === "number" && seconds > 0 ? Math.min(seconds, 86_400) : 3_600;
    return { token, endsAtMs: environment.nowMs() + lastsS * 1_000 };
  }
  const code = textIn(body, "error", 100) ?? "";
  const said = [`status ${answer.status}`, /^\w+$/.test(code) ? code : ""].filter(Boolean);
  const reason = withoutSecrets(`Microsoft gives no token: ${said.join(", ")}`, [password]);
  const waitMs = retryAfterMs(answer.headers["retry-after"], environment.nowMs());
  const failed = answer.status === 429 ? "rate" : classOf(answer.status, code);
  throw new NotGiven({
    ...{ ok: false, class: failed, reason },
    ...(failed === "rate" && waitMs !== undefined && { retryAfterMs: waitMs }),
  });
}

function classOf(status: number, code: string): Failed["class"] {
  if (code === "temporarily_unavailable" || status >= 500) return "retry";
  return status === 400 || status === 401 || status === 403 ? "auth" : "retry";
}

function storedIn(text: string | null, origin: string): Stored | null {
  const value = text === null ? null : jsonIn(Buffer.from(text));
  const token = textIn(value, "token", 20_000);
  const endsAtMs = memberOf(value, "endsAtMs");
  if (token === null || typeof endsAtMs !== "number") return null;
  return textIn(value, "origin", 100) === origin ? { token, endsAtMs, origin } : null;
}
