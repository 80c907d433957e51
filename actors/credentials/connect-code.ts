// The short code that the page of a link can ask for: told beside the link and never in it, so that a link that
// is sent on is nothing by itself (the cross-device best current practice calls it out-of-band data).

import { randomInt } from "node:crypto";

/** No vowels, so that no words come of it (RFC 8628, 6.1). */
const ALPHABET = "BCDFGHJKLMNPQRSTVWXZ";
const LETTERS = 8;

/** Wrong codes in a row after which none is looked at for a while, and for how long, ms. */
export const connectCodeLimits = { wrong: 5, pauseMs: 10 * 60_000 } as const;

/** A new one: "BCDF-GHJK", one of 20^8 (34 bits). */
export function newConnectCode(): string {
  const letters = Array.from({ length: LETTERS }, () => ALPHABET[randomInt(ALPHABET.length)]);
  return `${letters.slice(0, LETTERS / 2).join("")}-${letters.slice(LETTERS / 2).join("")}`;
}

/** As it is compared: what people write between letters, and how large, says nothing. */
export function plainCode(text: string): string {
  return text.toUpperCase().replace(/[^A-Z0-9]/g, "");
}
