// What makes a step of connecting an account provable: random names of which only a hash is stored, the
// cookie that a browser is known by, and the proof that a form was shown to that browser.

import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";

const SECRET_BYTES = 32;
const TENANT = /^[A-Za-z0-9_]{1,64}$/;
const COOKIE = /^[A-Za-z0-9_-]{43}$/;

/** 256 random bits, base64url. */
export function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString("base64url");
}

/** A name that ends with its time: "tn_x.1760000000000.random". */
export function newTimedName(tenant: string, untilMs: number): string {
  return `${tenant}.${untilMs}.${newSecret()}`;
}

/** Id of the row of such a name: sorts by its end, and says nothing of the name. */
export function timedId(name: string): string {
  const [, until = "0"] = name.split(".");
  return `${until
    .slice(0, 15)
    .padStart(15, "0")
    .replace(/[^0-9]/g, "0")}.${hashOf(name)}`;
}

/** `tenant.rest`; "" for what is not so. */
export function partsOf(text: string): readonly [string, string] {
  const at = text.indexOf(".");
  const tenant = text.slice(0, Math.max(0, at));
  const rest = text.slice(at + 1);
  const isRight = TENANT.test(tenant) && /^[\x21-\x7d]{1,200}$/.test(rest);
  return isRight ? [tenant, rest] : ["", ""];
}

/** SHA-256, hex. */
export function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** In constant time. */
export function isHashOf(text: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashOf(text)), Buffer.from(hash));
}

/** The cookie of a browser as it was sent; null for one that was not set here. */
export function knownCookie(cookie: string | null): string | null {
  return cookie !== null && COOKIE.test(cookie) ? cookie : null;
}

/** What the form of a link has in it, and no other page can: made of the cookie, which only this browser sends. */
export function proofOf(cookie: string, link: string): string {
  return createHmac("sha256", cookie).update(`connect ${link}`).digest("base64url");
}

/** Whether the form was shown to this browser, for this link. In constant time. */
export function isProof(given: string, cookie: string, link: string): boolean {
  return isHashOf(given, hashOf(proofOf(cookie, link)));
}
