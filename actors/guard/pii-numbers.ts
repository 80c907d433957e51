// Personal data made of digits: cards, IBANs, US social security numbers, phone numbers, addresses of
// machines. Each is checked as its standard says, so that a number alone is not taken for one.

import { phoneLibrary } from "./libraries.ts";
import type { Hit } from "./scanner.ts";

const IBAN_LENGTHS: Readonly<Record<string, number>> = {
  ...{ AD: 24, AE: 23, AL: 28, AT: 20, AZ: 28, BA: 20, BE: 16, BG: 22, BH: 22, BI: 27, BR: 29 },
  ...{ BY: 28, CH: 21, CR: 22, CY: 28, CZ: 24, DE: 22, DJ: 27, DK: 18, DO: 28, EE: 20, EG: 29 },
  ...{ ES: 24, FI: 18, FK: 18, FO: 18, FR: 27, GB: 22, GE: 22, GI: 23, GL: 18, GR: 27, GT: 28 },
  ...{ HR: 21, HU: 28, IE: 22, IL: 23, IQ: 23, IS: 26, IT: 27, JO: 30, KW: 30, KZ: 20, LB: 28 },
  ...{ LC: 32, LI: 21, LT: 20, LU: 20, LV: 21, LY: 25, MC: 27, MD: 24, ME: 22, MK: 19, MN: 20 },
  ...{ MR: 27, MT: 31, MU: 30, NI: 28, NL: 18, NO: 15, OM: 23, PK: 24, PL: 28, PS: 29, PT: 25 },
  ...{ QA: 29, RO: 24, RS: 22, RU: 33, SA: 24, SC: 31, SD: 18, SE: 24, SI: 19, SK: 24, SM: 27 },
  ...{ SO: 23, ST: 25, SV: 28, TL: 23, TN: 24, TR: 26, UA: 29, VA: 22, VG: 24, XK: 20, YE: 30 },
};
const IBAN_START = /(?<![\p{L}\p{N}])[A-Za-z]{2}[0-9]{2}/gu;
const CARD_DIGITS = { min: 13, max: 19 } as const;
const SSN = /(?<![\p{L}\p{N}-])([0-9]{3})([- ])([0-9]{2})\2([0-9]{4})(?![\p{N}-]|[\p{L}])/gu;
/** Digits in groups, with one or two separators between. */
const GROUP = /[0-9]+/g;
const CARD_GAP = /^[ -]?$/;
const PHONE_GAP = /^[ \u00A0]?[-./()]{0,2}[ \u00A0]?$/;
/** Of E.164, with an access code before it. */
const PHONE_DIGITS = { min: 7, max: 17 } as const;
/** Numbers that are tried at one place, the longest first. */
const PHONE_TRIES = 3;
const IPV6_RUN = /(?<![0-9A-Za-z:])[0-9A-Fa-f:]{6,45}(?![0-9A-Za-z:])/g;
const IPV4_RUN = /(?<![0-9A-Za-z.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9A-Za-z]|\.[0-9])/g;

interface Group {
  readonly start: number;
  readonly end: number;
}

/** Cards: 13 to 19 digits in groups whose Luhn sum is right. */
export function cards(text: string): readonly Hit[] {
  const hits: Hit[] = [];
  eachRun(text, { gap: CARD_GAP, digitsMax: CARD_DIGITS.max, tries: CARD_DIGITS.max }, (groups) => {
    const digits = groups.map(({ start, end }) => text.slice(start, end)).join("");
    const [first, last] = [groups[0], groups.at(-1)];
    if (first === undefined || last === undefined) return false;
    const isCard = digits.length >= CARD_DIGITS.min && /^[2-6]/.test(digits) && luhn(digits);
    if (isCard && !/^(.)\1*$/.test(digits)) {
      hits.push({ start: first.start, end: last.end, type: "CARD" });
      return true;
    }
    return false;
  });
  return hits;
}

function luhn(digits: string): boolean {
  let sum = 0;
  for (let at = 0; at < digits.length; at += 1) {
    const digit = digits.charCodeAt(digits.length - 1 - at) - 48;
    const doubled = at % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** IBANs: the length of their country, and remainder 1 by 97. */
export function ibans(text: string): readonly Hit[] {
  const hits: Hit[] = [];
  for (const match of text.matchAll(IBAN_START)) {
    const start = match.index;
    if (start < (hits.at(-1)?.end ?? 0)) continue;
    const wanted = IBAN_LENGTHS[match[0].slice(0, 2).toUpperCase()];
    if (wanted === undefined) continue;
    const end = endOfIban(text, start, wanted);
    if (end === null) continue;
    const plain = text.slice(start, end).replaceAll(/[ -]/g, "").toUpperCase();
    if (remainder97(plain) === 1) hits.push({ start, end, type: "IBAN" });
  }
  return hits;
}

/** The end of so many letters and digits, with single separators between; none may follow. */
function endOfIban(text: string, start: number, wanted: number): number | null {
  let at = start;
  for (let count = 0; count < wanted; at += 1) {
    const unit = text.charAt(at);
    if (/[A-Za-z0-9]/.test(unit)) count += 1;
    else if (!/[ -]/.test(unit) || /[ -]/.test(text.charAt(at - 1))) return null;
  }
  return /[A-Za-z0-9]/.test(text.charAt(at)) ? null : at;
}

function remainder97(iban: string): number {
  let rest = 0;
  for (const unit of iban.slice(4) + iban.slice(0, 4)) {
    rest = Number(`${rest}${Number.parseInt(unit, 36)}`) % 97;
  }
  return rest;
}

/** US social security numbers with their separators, of areas that are given out. */
export function socialNumbers(text: string): readonly Hit[] {
  return [...text.matchAll(SSN)]
    .filter(([, area = "", , group, serial]) => {
      const isGiven = area !== "000" && area !== "666" && area < "900";
      return isGiven && group !== "00" && serial !== "0000";
    })
    .map((match) => ({ start: match.index, end: match.index + match[0].length, type: "SSN" }));
}

/** IPv4 and IPv6 addresses but those of this machine and of nothing. */
export function addresses(text: string): readonly Hit[] {
  const four = [...text.matchAll(IPV4_RUN)].filter(
    ([one]) =>
      one.split(".").every((part) => Number(part) <= 255 && !/^0\d/.test(part)) &&
      !/^(?:127\.|0\.|255\.255\.)/.test(one),
  );
  const six = [...text.matchAll(IPV6_RUN)].filter(
    ([one]) =>
      URL.canParse(`http://[${one}]/`) && one.split(":").filter((part) => part !== "").length >= 3,
  );
  return [...four, ...six].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
    type: "IP",
  }));
}

/**
 * Phone numbers that libphonenumber takes for valid ones: with + or 00 and the country, in the usual form of
 * North America, and as they are written within the given countries.
 */
export function phones(text: string, regions: readonly string[]): readonly Hit[] {
  const hits: Hit[] = [];
  eachRun(text, { gap: PHONE_GAP, digitsMax: PHONE_DIGITS.max, tries: PHONE_TRIES }, (groups) => {
    const [first, last] = [groups[0], groups.at(-1)];
    if (first === undefined || last === undefined) return false;
    const start = beginningOf(text, first.start);
    const written = text.slice(start, last.end);
    if (!isPhone(written, regions)) return false;
    hits.push({ start, end: last.end, type: "PHONE" });
    return true;
  });
  return hits;
}

/** With the + and the bracket before the first digit. */
function beginningOf(text: string, at: number): number {
  let start = at;
  if (text.charAt(start - 1) === "(") start -= 1;
  if (text.charAt(start - 1) === "+") start -= 1;
  return start;
}

const AMERICAN = /^(?:1[-. ])?\(?[2-9][0-9]{2}(?:\) ?|[-. ])[2-9][0-9]{2}[-. ][0-9]{4}$/;

function isPhone(written: string, regions: readonly string[]): boolean {
  const digits = written.replaceAll(/[^0-9]/g, "");
  if (digits.length < PHONE_DIGITS.min) return false;
  if (written.startsWith("+") || written.startsWith("(+")) return isValid(`+${digits}`);
  if (digits.startsWith("00")) return isValid(`+${digits.slice(2)}`);
  if (AMERICAN.test(written)) return isValid(written, "US");
  return regions.some((region) => isValid(written, region));
}

function isValid(written: string, region?: string): boolean {
  const { parsePhoneNumberFromString } = phoneLibrary();
  type Country = NonNullable<Parameters<typeof parsePhoneNumberFromString>[1]>;
  return parsePhoneNumberFromString(written, region as Country)?.isValid() ?? false;
}

/**
 * Shows runs of groups of digits with at most so many digits, the longest at each place first; a run that is
 * taken is gone. A run neither begins nor ends within a word.
 */
function eachRun(
  text: string,
  of: { readonly gap: RegExp; readonly digitsMax: number; readonly tries: number },
  take: (groups: readonly Group[]) => boolean,
): void {
  const groups = [...text.matchAll(GROUP)].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
  }));
  for (let at = 0; at < groups.length; at += 1) {
    const run = runFrom(text, groups, at, of);
    const least = Math.max(0, run.length - of.tries);
    for (let count = run.length; count > least; count -= 1) {
      const some = run.slice(0, count);
      const next = text.charAt(some.at(-1)?.end ?? 0);
      if (/[\p{L}_]/u.test(next)) continue;
      if (!take(some)) continue;
      at += count - 1;
      break;
    }
  }
}

function runFrom(
  text: string,
  groups: readonly Group[],
  at: number,
  { gap, digitsMax }: { readonly gap: RegExp; readonly digitsMax: number },
): readonly Group[] {
  const run: Group[] = [];
  const first = groups[at];
  if (first === undefined || /[\p{L}_]/u.test(text.charAt(first.start - 1))) return run;
  let digits = 0;
  for (let next = at; next < groups.length; next += 1) {
    const group = groups[next];
    if (group === undefined) break;
    const before = run.at(-1);
    if (before !== undefined && !isGap(text, before.end, group.start, gap)) break;
    digits += group.end - group.start;
    if (digits > digitsMax) break;
    run.push(group);
  }
  return run;
}

const GAP_CHARS_MAX = 4;

function isGap(text: string, from: number, to: number, gap: RegExp): boolean {
  return to - from <= GAP_CHARS_MAX && gap.test(text.slice(from, to));
}
