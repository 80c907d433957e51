// Encodings from before UTF-8, told by how often their bytes and pairs of bytes are used in languages.

import chardet from "chardet";
import { shortBytes, shortEncoding } from "./decode-short.ts";

const SAMPLE_BYTES = 64 * 1024;
/** In percent, as the library is sure. Of two bytes a character: such texts hardly fit by accident. */
const PAIRS_LEAST = 80;
const SINGLES_LEAST = 20;
const pairs = new Set(["Shift_JIS", "EUC-JP", "EUC-KR", "Big5", "GB18030"]);
const latin = new TextDecoder("windows-1252");
const western = new Set(["ISO-8859-1", "windows-1252"]);
/** What texts that use an older standard are in by now; those are its supersets. */
const supersets: Readonly<Record<string, string>> = {
  "ISO-8859-7": "windows-1253",
  "ISO-8859-8": "windows-1255",
  "ISO-8859-9": "windows-1254",
};
/** Control characters that no text has, and what stands for bytes that mean nothing. */
const WRONG = /[\u0080-\u009f\ufffd]/;

/** The encoding of a text that is no UTF-8, or undefined when it is Western or cannot be told. */
export function legacyEncoding(bytes: Uint8Array): string | undefined {
  if (isShort(bytes)) {
    const short = shortEncoding(bytes);
    if (short !== undefined) return short;
  }
  const sample = bytes.subarray(0, SAMPLE_BYTES);
  for (const { name, confidence } of chardet.analyse(sample)) {
    if (western.has(name)) return undefined;
    if (confidence < (pairs.has(name) ? PAIRS_LEAST : SINGLES_LEAST)) continue;
    const encoding = known(supersets[name] ?? name);
    // The sample may end within a character.
    const text = encoding?.decode(sample, { stream: true });
    if (encoding === undefined || text === undefined || WRONG.test(text)) continue;
    return text === latin.decode(sample) ? undefined : encoding.encoding;
  }
  return undefined;
}

function isShort(bytes: Uint8Array): boolean {
  let count = 0;
  for (const byte of bytes) {
    if (byte >= 0x80) count += 1;
    if (count > shortBytes) return false;
  }
  return true;
}

function known(name: string): InstanceType<typeof TextDecoder> | undefined {
  try {
    return new TextDecoder(name);
  } catch {
    return undefined;
  }
}
