// Bytes of a text file into text: by byte order mark, by declared charset, as UTF-8 when they are
// that, as UTF-16 or UTF-32 when it shows, else as the older encoding that they are most likely of, with a warning;
// in the end as Windows-1252, in which any byte but a few means something. Noise is refused.

import { decodeAs } from "./decode-as.ts";
import { legacyEncoding } from "./decode-legacy.ts";
import { wideEncoding } from "./decode-wide.ts";
import { unreadable } from "./limits.ts";

/** A decoded text. */
export interface Decoded {
  readonly text: string;
  /** As WHATWG names it, e.g. "utf-8", "utf-16le", "windows-1252". */
  readonly encoding: string;
  readonly warnings: readonly string[];
}

const REPLACEMENT = "\ufffd";
/** Of the first bytes, the share of control characters from which they are no text. */
const CONTROL_SHARE = 0.01;
const SAMPLE_BYTES = 256 * 1024;
/** Broken characters among those that are not ASCII, up to which a text still is UTF-8. */
const BROKEN_SHARE = 0.1;

/** @throws RuntimeError DOCUMENT_UNREADABLE (unsupported) when it is no text. */
export function decodeText(bytes: Uint8Array, charset?: string): Decoded {
  const marked = markedEncoding(bytes);
  if (marked !== undefined) return plain(decodeAs(bytes, marked), marked);
  const wide = bytes.includes(0) ? wideEncoding(bytes) : undefined;
  if (wide !== undefined) return plain(decodeAs(bytes, wide), wide);
  refuseNoise(bytes);
  const strict = strictUtf8(bytes);
  if (strict !== undefined) return plain(strict, "utf-8");
  const declared = charset === undefined ? undefined : knownCharset(charset);
  if (declared !== undefined && declared !== "utf-8") {
    return plain(decodeAs(bytes, declared), declared);
  }
  const loose = decodeAs(bytes, "utf-8");
  if (isMostlyUtf8(loose)) {
    return {
      text: loose,
      encoding: "utf-8",
      warnings: ["Some characters are not valid UTF-8 and were replaced."],
    };
  }
  const guessed = legacyEncoding(bytes);
  const encoding = guessed ?? "windows-1252";
  const warnings = guessed === undefined ? [] : [guessWarning(guessed)];
  return { text: decodeAs(bytes, encoding), encoding, warnings };
}

/** The charset of a declared media type, e.g. of "text/html; charset=utf-8". */
export function charsetOf(mediaType: string | undefined): string | undefined {
  return /;\s*charset\s*=\s*"?([\w.:-]{1,40})/i.exec(mediaType ?? "")?.[1];
}

/** Whether bytes are those of no text: null bytes or many other control characters. */
export function isNoise(bytes: Uint8Array): boolean {
  if (markedEncoding(bytes) !== undefined || wideEncoding(bytes) !== undefined) return false;
  const sample = bytes.subarray(0, SAMPLE_BYTES);
  let controls = 0;
  for (const byte of sample) {
    if (byte === 0) return true;
    if (byte < 0x20 && (byte < 0x09 || byte > 0x0d) && byte !== 0x1b) controls += 1;
  }
  return controls > sample.length * CONTROL_SHARE;
}

function refuseNoise(bytes: Uint8Array): void {
  if (!isNoise(bytes) && !bytes.includes(0)) return;
  throw unreadable(
    "unsupported",
    "The file is binary, not a text, and of no known format. PDF, DOCX, HTML, Markdown, text, CSV, JSON and source code can be read.",
  );
}

function guessWarning(encoding: string): string {
  return `The file does not say its encoding; it was read as ${encoding}. Save it as UTF-8 should that be wrong.`;
}

function plain(text: string, encoding: string): Decoded {
  return { text, encoding, warnings: [] };
}

function markedEncoding(bytes: Uint8Array): string | undefined {
  const [a, b, c, d] = bytes;
  // Before UTF-16, whose mark is the beginning of one of these.
  if (bytes.length % 4 === 0) {
    if (a === 0xff && b === 0xfe && c === 0 && d === 0) return "utf-32le";
    if (a === 0 && b === 0 && c === 0xfe && d === 0xff) return "utf-32be";
  }
  if (a === 0xef && b === 0xbb && c === 0xbf) return "utf-8";
  if (a === 0xff && b === 0xfe) return "utf-16le";
  if (a === 0xfe && b === 0xff) return "utf-16be";
  return undefined;
}

function strictUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function knownCharset(charset: string): string | undefined {
  try {
    return new TextDecoder(charset).encoding;
  } catch {
    return undefined;
  }
}

function isMostlyUtf8(text: string): boolean {
  let broken = 0;
  let other = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === REPLACEMENT) broken += 1;
    else if (text.charCodeAt(at) > 0x7f) other += 1;
  }
  return broken <= other * BROKEN_SHARE;
}
