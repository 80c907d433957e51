// Whether something was signed, or is the word that was agreed on: compared so that the time it takes says
// nothing of what would have been right.

import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** A signature, and what it should be of. */
export interface Signature {
  /** As it was given; undefined and what is no `encoding` of anything are never right. */
  readonly given: string | undefined;
  /** What is signed: these, one after the other, as bytes. */
  readonly of: readonly (string | Uint8Array)[];
  /** Any of them may have signed: several while one is replaced. */
  readonly secrets: readonly (string | Uint8Array)[];
  /** Of the HMAC. Default sha256. */
  readonly hash?: "sha256" | "sha1";
  /** Default hex, in lower case. */
  readonly encoding?: "hex" | "base64" | "base64url";
}

/** Whether one of the secrets has made a signature. All are tried, so that time says nothing of which it was. */
export function isSigned({ given, of, secrets, hash = "sha256", ...as }: Signature): boolean {
  const { encoding = "hex" } = as;
  const bytes = Buffer.from(given ?? "", encoding);
  // Encodings have several spellings of the same bytes: one is taken.
  if (bytes.toString(encoding) !== given) return false;
  let isRight = false;
  for (const secret of secrets) {
    const hmac = createHmac(hash, secret);
    for (const piece of of) hmac.update(piece);
    const right = hmac.digest();
    if (bytes.length === right.length && timingSafeEqual(bytes, right)) isRight = true;
  }
  return isRight;
}

/** Whether a word is the one that was agreed on. */
export function isSameWord(given: string, right: string): boolean {
  // Of equal length once hashed, so that the time says nothing of the length either.
  const hashOf = (word: string) => createHash("sha256").update(word, "utf8").digest();
  return timingSafeEqual(hashOf(given), hashOf(right));
}
