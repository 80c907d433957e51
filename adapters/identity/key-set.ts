// The keys that an issuer signs with (RFC 7517), fetched through the way out of the server, kept, and
// fetched anew when they are old or a token names one that is not among them. Tokens never say where
// keys are: what they have in `jku`, `x5u` or `jwk` is not read.

import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Egress } from "../egress.ts";

/** Keys are fetched anew in the background once they are so old, ms. */
export const KEYS_FRESH_MS = 10 * 60_000;
/** Least time between two fetches, whatever tokens name, ms. */
export const KEYS_INTERVAL_MS = 30_000;
/** Keys of an issuer that cannot be reached are taken for so long after they were fetched, ms. */
export const KEYS_KEPT_MS = 24 * 60 * 60_000;
/** A key set, or what says where it is. */
const limits = { firstByteMs: 5_000, idleMs: 5_000, totalMs: 10_000, bytesMax: 256 * 1_024 };
/** Keys of one issuer that are looked at. */
export const KEYS_MAX = 100;

/** Where an issuer's keys are. */
export interface KeySource {
  readonly issuer: string;
  /** Null: what discovery says. */
  readonly jwksUri: string | null;
}

interface Kept {
  readonly find: JWTVerifyGetKey;
  readonly atMs: number;
}

/**
 * Finds the key of a token's header. What it throws is jose's, or RuntimeError ISSUER_UNAVAILABLE when
 * there are no keys and the issuer cannot be reached.
 */
export function createKeySet(
  source: KeySource,
  { egress, now }: { readonly egress: Pick<Egress, "request">; readonly now: () => number },
): JWTVerifyGetKey {
  let kept: Kept | null = null;
  let triedMs = Number.NEGATIVE_INFINITY;
  let underWay: Promise<void> | null = null;

  async function fetchKeys(): Promise<void> {
    const uri = source.jwksUri ?? (await discovered(egress, source.issuer));
    const found = await fetchJson(egress, uri);
    const { keys } = found as Partial<JSONWebKeySet>;
    if (!Array.isArray(keys)) throw new Error("It has no keys.");
    // Of a shared secret nothing is taken: who could verify with it could sign too.
    const some = keys.filter((key) => key?.kty !== "oct").slice(0, KEYS_MAX);
    kept = { find: createLocalJWKSet({ keys: some }), atMs: now() };
  }

  /** Whether a fetch was made, or had been begun; its failure leaves what there is. */
  async function renew(): Promise<boolean> {
    if (underWay === null && now() - triedMs < KEYS_INTERVAL_MS) return false;
    if (underWay === null) {
      triedMs = now();
      underWay = fetchKeys()
        .catch(() => undefined)
        .finally(() => {
          underWay = null;
        });
    }
    await underWay;
    return true;
  }

  function current(): Kept | null {
    return kept !== null && now() - kept.atMs < KEYS_KEPT_MS ? kept : null;
  }

  return async (header, token) => {
    if (current() === null) await renew();
    const first = current();
    if (first === null) {
      const message = "The keys of the issuer of this token cannot be fetched at the moment.";
      throw new RuntimeError("ISSUER_UNAVAILABLE", message, { retryAfterMs: KEYS_INTERVAL_MS });
    }
    if (now() - first.atMs >= KEYS_FRESH_MS) void renew();
    try {
      return await first.find(header, token);
    } catch (error) {
      const isUnknown = error instanceof errors.JWKSNoMatchingKey;
      if (!isUnknown || !(await renew())) throw error;
      return await (current() ?? first).find(header, token);
    }
  };
}

/** OpenID Connect Discovery 1.0: the document must be of the issuer that was asked. */
async function discovered(egress: Pick<Egress, "request">, issuer: string): Promise<string> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const found = (await fetchJson(egress, url)) as { issuer?: unknown; jwks_uri?: unknown };
  if (found.issuer !== issuer || typeof found.jwks_uri !== "string") {
    throw new Error("What it says of itself is of another issuer, or names no keys.");
  }
  return found.jwks_uri;
}

async function fetchJson(egress: Pick<Egress, "request">, url: string): Promise<object> {
  const headers = { Accept: "application/json" };
  const response = await egress.request({ url, method: "GET", headers, limits });
  if (response.status !== 200) {
    response.discard();
    throw new Error(`It answered ${response.status}.`);
  }
  const value: unknown = JSON.parse(await response.text());
  if (typeof value === "object" && value !== null) return value;
  throw new Error("It is no object.");
}
