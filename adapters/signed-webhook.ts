// Whether a delivery is of somebody who has one of some secrets: Standard Webhooks 1.0
// (https://github.com/standard-webhooks/standard-webhooks), or a header with the body's HMAC alone, as GitHub's.
// The bytes are signed, not the text: the library that makes these signatures decodes them first, so it
// signs what we send and is no judge of what comes.

import { RuntimeError } from "../runtime/errors.ts";
import { isSigned } from "./signature.ts";

/** Limits of signed deliveries. */
export const signedLimits = {
  /** Difference of a signed delivery's time and ours, s. */
  toleranceS: 300,
  /** Signatures of one delivery that are looked at, and secrets that are good at once. */
  signatures: 10,
  secrets: 5,
  /** Bytes of a secret: what Standard Webhooks asks for. */
  secretBytesMin: 24,
  secretBytesMax: 64,
  /** Characters of a secret of the other kind. */
  headerSecretCharsMin: 16,
} as const;

/** What deliveries are proved by. */
export interface SigningRules {
  /** Of Standard Webhooks. */
  readonly keys: readonly Uint8Array[];
  /** The header with the body's HMAC alone, in lower case; null: none is taken. */
  readonly legacyHeader: string | null;
  readonly legacyKeys: readonly Uint8Array[];
}

/** A delivery as it came; names of headers in lower case. */
export interface SignedDelivery {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** A verified request: the id of its delivery and when it was signed, where that is signed too. */
export type Verified =
  | { readonly ok: true; readonly id: string | null; readonly atMs: number | null }
  /** Why, for the answer; never what was expected. */
  | { readonly ok: false; readonly reason: string };

const ID = /^[\x21-\x7e]{1,256}$/;
const SECONDS = /^[0-9]{1,12}$/;
const LEGACY = /^sha256=([0-9a-f]{64})$/i;

/** Checks a delivery's signature. */
export function verify(
  { headers, body }: SignedDelivery,
  rules: SigningRules,
  nowMs: number,
): Verified {
  const signatures = headers["webhook-signature"];
  if (signatures !== undefined) return verifyStandard(headers, body, signatures, rules.keys, nowMs);
  const legacy = rules.legacyHeader === null ? undefined : headers[rules.legacyHeader];
  if (legacy === undefined) return refused("It has no webhook-signature.");
  const given = LEGACY.exec(legacy)?.[1]?.toLowerCase();
  const isOurs = isSigned({ given, of: [body], secrets: rules.legacyKeys });
  return isOurs ? { ok: true, id: null, atMs: null } : refused("Its signature is not ours.");
}

/** The secrets that a text has, with spaces between them. @throws INVALID with the pointer. */
export function secretsIn(text: string | undefined, pointer: string): readonly string[] {
  const secrets = (text ?? "").split(/\s+/).filter((word) => word !== "");
  if (secrets.length <= signedLimits.secrets) return secrets;
  throw invalid(`There are at most ${signedLimits.secrets} secrets at once.`, pointer);
}

/** The key that a secret of Standard Webhooks is. @throws INVALID with the pointer. */
export function standardKey(secret: string, pointer: string): Uint8Array {
  const text = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1] ?? "";
  const bytes = Buffer.from(text, "base64");
  const { secretBytesMin, secretBytesMax } = signedLimits;
  if (bytes.length >= secretBytesMin && bytes.length <= secretBytesMax) return bytes;
  const message = `A secret is whsec_ and the base64 of ${secretBytesMin} to ${secretBytesMax} bytes.`;
  throw invalid(message, pointer);
}

/** The key that a secret of the other kind is. @throws INVALID with the pointer. */
export function headerKey(secret: string, pointer: string): Uint8Array {
  const { headerSecretCharsMin } = signedLimits;
  if (secret.length >= headerSecretCharsMin) return Buffer.from(secret);
  throw invalid(`A secret has at least ${headerSecretCharsMin} characters.`, pointer);
}

function verifyStandard(
  headers: SignedDelivery["headers"],
  body: Uint8Array,
  signatures: string,
  keys: readonly Uint8Array[],
  nowMs: number,
): Verified {
  const { "webhook-id": id = "", "webhook-timestamp": time = "" } = headers;
  if (!ID.test(id)) return refused("webhook-id is missing or no id.");
  if (!SECONDS.test(time)) return refused("webhook-timestamp is missing or no count of seconds.");
  const { toleranceS } = signedLimits;
  if (Math.abs(nowMs / 1_000 - Number(time)) > toleranceS) {
    return refused(`webhook-timestamp is more than ${toleranceS} s from now.`);
  }
  const of = [`${id}.${time}.`, body];
  const isOurs = signatures
    .split(" ", signedLimits.signatures)
    .filter((signature) => signature.startsWith("v1,"))
    .map((signature) => signature.slice("v1,".length))
    .some((given) => isSigned({ given, of, secrets: keys, encoding: "base64" }));
  return isOurs
    ? { ok: true, id, atMs: Number(time) * 1_000 }
    : refused("None of its signatures is ours.");
}

function refused(reason: string): Verified {
  return { ok: false, reason };
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
