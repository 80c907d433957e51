// Personal data and secrets in a text. Streamed text is cut between words: what it finds is of one word, of
// digits with single signs between, or of a name and its value.

import type { PiiEntity } from "../records/guardrail.ts";
import { addresses, cards, ibans, phones, socialNumbers } from "./pii-numbers.ts";
import { emails, SECRET_CHARS, secrets, UNSPACED } from "./pii-words.ts";
import { plainSigns } from "./plain-signs.ts";
import { type Hit, type Scanner, withoutOverlaps } from "./scanner.ts";

const WINDOW_CHARS = SECRET_CHARS;
const STRIDE_CHARS = 512;

/** All that is looked for unless a rule names some. */
export const allEntities: readonly PiiEntity[] = [
  ...(["secret", "email", "iban", "card", "ssn", "phone", "ip"] as const),
];

/** @param regions countries whose national phone numbers count. */
export function piiScanner(
  entities: readonly PiiEntity[] = allEntities,
  regions: readonly string[] = [],
): Scanner {
  const wanted = new Set(entities);
  // In the order of how sure they are: of two that begin together the first counts.
  const finders: readonly [PiiEntity, (text: string) => readonly Hit[]][] = [
    ["secret", secrets],
    ["email", emails],
    ["iban", ibans],
    ["card", cards],
    ["ssn", socialNumbers],
    ["ip", addresses],
    ["phone", (text) => phones(text, regions)],
  ];
  const used = finders.filter(([entity]) => wanted.has(entity)).map(([, find]) => find);
  return {
    windowChars: WINDOW_CHARS,
    strideChars: STRIDE_CHARS,
    cut: (text, from) => cut(plainSigns(text), from),
    scan(text, from) {
      const plain = plainSigns(text);
      return withoutOverlaps(
        used.flatMap((find) => find(plain).filter(({ start }) => start >= from)),
      );
    },
  };
}

const SPACE = /\s/;
/** The Chinese word for a password, and the sign behind it. */
function joinsUnspaced(text: string, at: number): boolean {
  return (
    text.charAt(at - 1) === "：" || /^(?:密码|[\p{L}][:=：\s])/u.test(text.slice(at - 1, at + 1))
  );
}

const JOINS = /(?:[\d:=>(+]|bearer|is|ist|lautet|api|access|secret|client|auth|mot|de|key)["']?$/i;
/** Units of the word before a place that are looked at. */
const BEFORE_CHARS = 24;

function cut(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at += 1) {
    const unit = text.charAt(at - 1);
    if (UNSPACED.test(unit) && !joinsUnspaced(text, at)) return at;
    if (!SPACE.test(unit) || SPACE.test(text.charAt(at))) continue;
    const left = text.slice(Math.max(from, at - BEFORE_CHARS), at).trimEnd();
    if (left.endsWith("-----BEGIN")) return cutAfterKey(text, from);
    // Nothing goes over the end of a line but a private key.
    if (text.slice(Math.max(from, at - BEFORE_CHARS), at).endsWith("\n")) return at;
    if (JOINS.test(left)) continue;
    const next = wordAt(text, at);
    // Whether the word behind it has a digit is known when it has ended.
    if (next === null) return -1;
    if (!/\d/.test(next) && !/^(?:[:=(+]|is$|ist$|lautet$)/.test(next)) return at;
    // Letters before digits may begin an IBAN, a bracket a phone number.
    if (!/[\dA-Z)./-]$/.test(left)) return at;
  }
  return -1;
}

const WORD_CHARS = 64;

/** The word that begins there, as far as it counts; null while it may go on. */
function wordAt(text: string, at: number): string | null {
  const part = text.slice(at, at + WORD_CHARS);
  const end = part.search(SPACE);
  if (end !== -1) return part.slice(0, end);
  return part.length === WORD_CHARS ? part : null;
}

const DASHES = "-----";

function cutAfterKey(text: string, from: number): number {
  const end = text.indexOf("-----END ", from);
  const close = end === -1 ? -1 : text.indexOf(DASHES, end + DASHES.length);
  return close === -1 ? -1 : close + DASHES.length;
}
