// Small facts that we hand to a client and believe when they come back: JSON with an HMAC. Made with the
// first of several secrets and taken with any, so that a secret can be changed while tokens are out.

import { createHmac } from "node:crypto";
import { isSigned } from "../signature.ts";

/** Longest token that is looked at, characters. */
const CHARS_MAX = 2_048;

/** A token for one purpose; what was made for another is not taken. */
export function makeToken(purpose: string, facts: object, secrets: readonly Uint8Array[]): string {
  const text = Buffer.from(JSON.stringify(facts)).toString("base64url");
  const [secret = new Uint8Array()] = secrets;
  return `${text}.${macOf(purpose, text, secret).toString("base64url")}`;
}

/** What a token says; null when it was not made here for this. */
export function readToken(
  purpose: string,
  token: string,
  secrets: readonly Uint8Array[],
): Readonly<Record<string, unknown>> | null {
  const [text = "", mac = "", ...more] = token.length > CHARS_MAX ? [] : token.split(".");
  if (text === "" || more.length > 0) return null;
  const of = [`${purpose}\n${text}`];
  if (!isSigned({ given: mac, of, secrets, encoding: "base64url" })) return null;
  return JSON.parse(Buffer.from(text, "base64url").toString()) as Readonly<Record<string, unknown>>;
}

function macOf(purpose: string, text: string, secret: Uint8Array): Buffer {
  return createHmac("sha256", secret).update(`${purpose}\n${text}`).digest();
}
