// Bearer tokens of issuers that the configuration trusts (RFC 7519, RFC 8725): what is cheap to look at is
// looked at first, then the signature, then the claims. A token that was right is remembered for a few
// seconds by its digest, so that it costs no signature a request.

import { createHash } from "node:crypto";
import { jwtVerify } from "jose";
import { RuntimeError } from "../../runtime/errors.ts";
import type { IssuerConfig } from "../config-identity.ts";
import type { Egress } from "../egress.ts";
import { parseJson } from "../http/body.ts";
import { type Claimed, claimedOf } from "./claims.ts";
import { createKeySet } from "./key-set.ts";

/** Longest token that is looked at. */
export const TOKEN_CHARS_MAX = 8_192;
/** Tokens remembered at once, and for how long, ms: a tenant that is gone is seen after that. */
export const TOKENS_KEPT_MAX = 10_000;
export const TOKEN_KEPT_MS = 5_000;

const SHAPE = /^([\w-]+)\.([\w-]+)\.([\w-]*)$/;
/** Types that are no tokens to be let in with (ID tokens have none, or JWT): RFC 9068, RFC 8725 3.11. */
const TYPES: ReadonlySet<string> = new Set(["jwt", "at+jwt", "application/at+jwt"]);
const KID_CHARS_MAX = 256;

/** Who a right token speaks for, and until when, in ms since the epoch. */
export interface Bearer extends Claimed {
  readonly untilMs: number;
}

/** Verifies tokens. */
export interface Tokens {
  /** Whether this is in the form of a token, right or not. */
  isToken(text: string): boolean;
  /** What memory says of it. */
  known(text: string): Bearer | null;
  /** Null when it is not right; why is nobody's business. @throws ISSUER_UNAVAILABLE. */
  verify(text: string): Promise<Bearer | null>;
}

interface Issuer {
  readonly config: IssuerConfig;
  readonly keys: ReturnType<typeof createKeySet>;
}

/** @param egress reaches the hosts of the issuers, also those on private networks. */
export function createTokens(
  configs: readonly IssuerConfig[],
  parts: { readonly egress: Pick<Egress, "request">; readonly now?: () => number },
): Tokens {
  const { egress, now = Date.now } = parts;
  const issuers = new Map(
    configs.map((config): [string, Issuer] => [
      config.issuer,
      { config, keys: createKeySet(config, { egress, now }) },
    ]),
  );
  const kept = new Map<string, { readonly bearer: Bearer; readonly untilMs: number }>();

  return {
    isToken: (text) => SHAPE.test(text),
    known: (text) => {
      if (kept.size === 0 || text.length > TOKEN_CHARS_MAX || !SHAPE.test(text)) return null;
      const digest = digestOf(text);
      const entry = kept.get(digest);
      if (entry === undefined) return null;
      if (entry.untilMs > now()) return entry.bearer;
      kept.delete(digest);
      return null;
    },
    verify: async (text) => {
      const issuer = text.length > TOKEN_CHARS_MAX ? null : issuerOf(issuers, text);
      const bearer = issuer === null ? null : await verified(issuer, text, now());
      if (bearer === null) return null;
      if (kept.size >= TOKENS_KEPT_MAX) kept.clear();
      const untilMs = Math.min(bearer.untilMs, now() + TOKEN_KEPT_MS);
      kept.set(digestOf(text), { bearer, untilMs });
      return bearer;
    },
  };
}

const digestOf = (text: string): string => createHash("sha256").update(text).digest("base64");

/** The issuer that a token names, if all that can be seen before its signature is as it should be. */
function issuerOf(issuers: ReadonlyMap<string, Issuer>, text: string): Issuer | null {
  const [, head = "", body = ""] = SHAPE.exec(text) ?? [];
  const header = jsonOf(head);
  const payload = jsonOf(body);
  const named = payload?.["iss"];
  const issuer = typeof named === "string" ? issuers.get(named) : undefined;
  if (header === null || issuer === undefined) return null;
  const { alg, kid, typ, crit, b64 } = header;
  if (typeof alg !== "string" || !issuer.config.algorithms.includes(alg)) return null;
  if (kid !== undefined && (typeof kid !== "string" || kid.length > KID_CHARS_MAX)) return null;
  const isType = typ === undefined || (typeof typ === "string" && TYPES.has(typ.toLowerCase()));
  return isType && crit === undefined && b64 === undefined ? issuer : null;
}

/** As strict as bodies are read: a name that stands twice means two things to two readers. */
function jsonOf(part: string): Readonly<Record<string, unknown>> | null {
  try {
    const value = parseJson(Buffer.from(part, "base64url"));
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Readonly<Record<string, unknown>>) : null;
  } catch {
    return null;
  }
}

/** The last moment that a date can say. */
const DATE_MS_MAX = 8.64e15;

async function verified(
  { config, keys }: Issuer,
  text: string,
  nowMs: number,
): Promise<Bearer | null> {
  try {
    const { payload } = await jwtVerify(text, keys, {
      issuer: config.issuer,
      audience: config.audience,
      algorithms: [...config.algorithms],
      clockTolerance: config.clockSkewS,
      requiredClaims: ["exp", "sub"],
      currentDate: new Date(nowMs),
    });
    const skewMs = config.clockSkewS * 1_000;
    const { exp = 0, iat } = payload;
    if (iat !== undefined && !(iat * 1_000 <= nowMs + skewMs)) return null;
    const untilMs = exp * 1_000 + skewMs;
    if (untilMs > DATE_MS_MAX) return null;
    const claimed = claimedOf(config, payload);
    return claimed && { ...claimed, untilMs };
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    return null;
  }
}
