// UTF-16 and UTF-32 without a byte order mark, as some programs write them: told by their null bytes, of
// which most stand at even or most at odd places (or in three places of four), and by what they say when
// they are read as that.

import { decodeAs } from "./decode-as.ts";

const SAMPLE_BYTES = 64 * 1024;
/** Some characters have their null byte on the other side. */
const OTHER_SHARE = 0.2;
/** Of the characters, those that texts are made of; and of them the ones between words. */
const COMMON_SHARE = 0.95;
const SPACE_SHARE = 0.005;
const COMMON =
  /[\t\n\r\x20-\x7e\u00a0-\u024f\u0370-\u06ff\u0900-\u0e7f\u1e00-\u1fff\u2010-\u203a\u20ac\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff00-\uffef]/g;
const SPACE = /[\t\n\r \u3000-\u3002\uff0c]/g;

/** "utf-16le", "utf-32be" ... when bytes are such a text, else undefined. */
export function wideEncoding(bytes: Uint8Array): string | undefined {
  if (bytes.length % 2 !== 0) return undefined;
  const four = bytes.length % 4 === 0 ? fourEncoding(bytes.subarray(0, SAMPLE_BYTES)) : undefined;
  if (four !== undefined) return four;
  const sample = bytes.subarray(0, SAMPLE_BYTES);
  const nulls = [0, 0];
  for (const [at, byte] of sample.entries()) {
    if (byte === 0) nulls[at % 2] = (nulls[at % 2] ?? 0) + 1;
  }
  const [even = 0, odd = 0] = nulls;
  if (Math.min(even, odd) > Math.max(even, odd) * OTHER_SHARE) return undefined;
  const encoding = even > odd ? "utf-16be" : "utf-16le";
  return isText(new TextDecoder(encoding).decode(sample)) ? encoding : undefined;
}

/** No character has a first byte, and few have a second one. */
function fourEncoding(sample: Uint8Array): string | undefined {
  const nulls = [0, 0, 0, 0];
  for (const [at, byte] of sample.entries()) {
    if (byte === 0) nulls[at % 4] = (nulls[at % 4] ?? 0) + 1;
  }
  const all = sample.length / 4;
  const [first = 0, second = 0, third = 0, fourth = 0] = nulls;
  const isOf = (empty: number, mostly: number): boolean =>
    empty === all && mostly >= all * (1 - OTHER_SHARE);
  for (const [encoding, is] of [
    ["utf-32le", isOf(fourth, third)],
    ["utf-32be", isOf(first, second)],
  ] as const) {
    if (is && isText(decodeAs(sample, encoding))) return encoding;
  }
  return undefined;
}

function isText(text: string): boolean {
  const common = text.match(COMMON)?.length ?? 0;
  const spaces = text.match(SPACE)?.length ?? 0;
  return common >= text.length * COMMON_SHARE && spaces > text.length * SPACE_SHARE;
}
