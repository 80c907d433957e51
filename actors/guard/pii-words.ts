// Personal data and secrets made of letters: e-mail addresses, keys and tokens of known services, private
// keys, and what stands behind a name such as "password" and looks drawn at random.

import type { Hit } from "./scanner.ts";

/** Scripts without spaces: none of what is found has their letters in it, so that text may be cut there. */
export const UNSPACED = /[\u2E80-\u9FFF\uAC00-\uD7AF\uF900-\uFAFF\uFF00-\uFFEF]/;
const LOCAL_CHARS = 64;
const DOMAIN_CHARS = 255;
const LOCAL = /[\p{L}\p{N}.!#$%&'*+/=?^_`{|}~-]/u;
const DOMAIN = /[\p{L}\p{N}.-]/u;
const LABELS =
  /^(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?\.)+(?:\p{L}{2,63}|xn--[a-z0-9-]{1,59})$/u;

const isPart = (of: RegExp, unit: string): boolean => of.test(unit) && !UNSPACED.test(unit);

/** E-mail addresses. */
export function emails(text: string): readonly Hit[] {
  const hits: Hit[] = [];
  for (let at = text.indexOf("@"); at !== -1; at = text.indexOf("@", at + 1)) {
    let start = at;
    const least = Math.max(at - LOCAL_CHARS, hits.at(-1)?.end ?? 0);
    while (start > least && isPart(LOCAL, text.charAt(start - 1))) start -= 1;
    // Punctuation around an address is none of it.
    while (start < at && /[^\p{L}\p{N}_+-]/u.test(text.charAt(start))) start += 1;
    let end = at + 1;
    const most = Math.min(text.length, at + 1 + DOMAIN_CHARS);
    while (end < most && isPart(DOMAIN, text.charAt(end))) end += 1;
    while (end > at + 1 && /[.-]/.test(text.charAt(end - 1))) end -= 1;
    const domain = text.slice(at + 1, end);
    if (start < at && LABELS.test(domain)) hits.push({ start, end, type: "EMAIL" });
  }
  return hits;
}

/** Longest key or token that is taken as one, units; what is longer is found by its beginning. */
export const SECRET_CHARS = 4_096;

/** Keys by how their makers begin them: nothing else looks so. */
const KNOWN = new RegExp(
  `(?<![A-Za-z0-9_-])(?:${[
    "sk-[A-Za-z0-9_-]{20,256}",
    "(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,128}",
    "gh[pousr]_[A-Za-z0-9]{36,255}",
    "github_pat_[A-Za-z0-9_]{22,255}",
    "glpat-[A-Za-z0-9_-]{20,64}",
    "xox[abeprs]-[A-Za-z0-9-]{10,250}",
    "(?:AKIA|ASIA|AROA)[A-Z0-9]{16}",
    "AIza[A-Za-z0-9_-]{35}",
    "ya29\\.[A-Za-z0-9_-]{20,256}",
    "npm_[A-Za-z0-9]{36}",
    "pypi-[A-Za-z0-9_-]{50,256}",
    "hf_[A-Za-z0-9]{30,64}",
    "SG\\.[A-Za-z0-9_-]{16,64}\\.[A-Za-z0-9_-]{16,64}",
    "whsec_[A-Za-z0-9+/=]{24,128}",
    "dop_v1_[a-f0-9]{64}",
    "troupe_[a-z0-9]{26}_[a-z0-9]{32,128}",
    "admin_[A-Za-z0-9_-]{43}",
    "shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",
    "eyJ[A-Za-z0-9_-]{10,2048}\\.eyJ[A-Za-z0-9_-]{10,2048}\\.[A-Za-z0-9_-]{10,1024}",
  ].join("|")})(?![A-Za-z0-9])`,
  "g",
);

const NAMED =
  /(?<![\p{L}\p{N}])(?:api[_ -]?key|access[_ -]?key|secret[_ -]?key|client[_ -]?secret|secret|auth[_ -]?token|access[_ -]?token|token|passwor[dt]|passwd|pwd|mot de passe|contraseña|kennwort|passwort|пароль|密码)["']?[ \t]{0,3}(?:[:=：]|=>| is | ist | lautet )[ \t]{0,3}["']?/giu;
const BEARER = /(?<![\p{L}\p{N}])bearer[ \t]{1,3}/giu;
const VALUE = /[^\s"'`,;<>()[\]{}\u2E80-\u9FFF\uAC00-\uD7AF\uF900-\uFAFF\uFF00-\uFFEF]{8,512}/y;
/** Bits of entropy a character from which a value is taken for drawn at random. */
const ENTROPY_MIN = 2.75;

const KEY_BEGIN = "-----BEGIN ";
const KEY_HEAD = /^-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/;
const KEY_END = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/;

/** Secrets. */
export function secrets(text: string): readonly Hit[] {
  const known = [...text.matchAll(KNOWN)].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
    type: "SECRET",
  }));
  const named = [...behind(text, NAMED), ...behind(text, BEARER), ...inAddresses(text)];
  return [...known, ...named, ...privateKeys(text)];
}

/** The password of an address such as `postgres://user:password@host`. */
const USER_INFO = /[^\s:@/?#]{0,64}:([^\s@/?#]{1,256})@[^\s@]/y;
const BEHIND_SCHEME = "://";

function inAddresses(text: string): readonly Hit[] {
  const hits: Hit[] = [];
  for (let at = text.indexOf(BEHIND_SCHEME); at !== -1; at = text.indexOf(BEHIND_SCHEME, at + 1)) {
    USER_INFO.lastIndex = at + BEHIND_SCHEME.length;
    const [all = "", password = ""] = USER_INFO.exec(text) ?? [];
    if (password === "" || PLACE.test(password)) continue;
    const end = USER_INFO.lastIndex - 2;
    if (all !== "") hits.push({ start: end - password.length, end, type: "SECRET" });
  }
  return hits;
}

function behind(text: string, name: RegExp): readonly Hit[] {
  const hits: Hit[] = [];
  for (const match of text.matchAll(name)) {
    const start = match.index + match[0].length;
    VALUE.lastIndex = start;
    const value = VALUE.exec(text)?.[0].replace(/[.?:]+$/, "") ?? "";
    if (!isDrawn(value)) continue;
    hits.push({ start, end: start + value.length, type: "SECRET" });
  }
  return hits;
}

/** What stands where a value is to be put in. */
const PLACE = /^[[<{$%]/;

/** Letters with digits or signs, and no word repeated: no prose, no placeholder such as "xxxxxxxx". */
function isDrawn(value: string): boolean {
  const isMixed = /\p{L}/u.test(value) && /[\p{N}\p{S}\p{P}]/u.test(value);
  return value.length >= 8 && isMixed && !PLACE.test(value) && entropyOf(value) >= ENTROPY_MIN;
}

function entropyOf(value: string): number {
  const counts = new Map<string, number>();
  for (const unit of value) counts.set(unit, (counts.get(unit) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) {
    const share = count / value.length;
    bits -= share * Math.log2(share);
  }
  return bits;
}

function privateKeys(text: string): readonly Hit[] {
  const hits: Hit[] = [];
  for (let at = text.indexOf(KEY_BEGIN); at !== -1; ) {
    const part = text.slice(at, at + SECRET_CHARS);
    let end = at + KEY_BEGIN.length;
    if (KEY_HEAD.test(part)) {
      const tail = KEY_END.exec(part);
      end = at + (tail === null ? part.length : tail.index + tail[0].length);
      hits.push({ start: at, end, type: "SECRET" });
    }
    at = text.indexOf(KEY_BEGIN, end);
  }
  return hits;
}
