// How a stored value is written: one tag byte for each item, then what the tag says. Small numbers,
// words, repeated texts and the heads of short texts, lists and objects are the tag byte alone. The
// tags are the format: a change of one raises the format in codec.ts.

import { FREQUENT_WORDS, ID_PREFIXES, OTHER_WORDS } from "./words.ts";

/** First tag of each range; a range ends where the next one begins. */
export const INTEGER = 0x00; // 0..63
export const WORD = 0x40; // 64 words
export const AGAIN = 0x80; // the texts 0..31 of this value
export const TEXT = 0xa0; // ASCII of 0..31 characters
export const OBJECT = 0xc0; // 0..15 fields, each a text and an item
export const LIST = 0xd0; // 0..15 items

export const TAGS = {
  null: 0xe0,
  undefined: 0xe1,
  false: 0xe2,
  true: 0xe3,
  /** 8 bytes, big-endian. */
  float: 0xe4,
  /** Varint, at least 64. */
  integer: 0xe5,
  /** Varint of -1 - n. */
  negative: 0xe6,
  /** Varint of n x 10,000, twice and plus one when it is negative. */
  decimal: 0xe7,
  /** One byte. */
  otherWord: 0xe8,
  /** Varint. */
  again: 0xe9,
  /** Varint of bytes, then Latin-1. */
  latin: 0xea,
  /** Varint of bytes, then UTF-16, little-endian. */
  wide: 0xeb,
  /** Varint of fields. */
  object: 0xec,
  /** Varint of items. */
  list: 0xed,
  /** Varint of bytes. */
  bytes: 0xee,
  /** Milliseconds as a float. */
  date: 0xef,
  /** Place of the prefix, then 128 bits. */
  id: 0xf0,
  /** A time as `Date.toISOString` writes it: 6 bytes of milliseconds. */
  time: 0xf1,
} as const;

export const SMALL_INTEGERS = 64;
export const SHORT_AGAIN = 32;
export const SHORT_TEXT = 32;
export const SHORT_HEAD = 16;
export const DECIMALS = 10_000;
/** Texts shorter than this are written again: naming them would save nothing. */
export const AGAIN_CHARS_MIN = 3;
/** Texts of one value that can be named again. */
export const AGAIN_MAX = 4_096;

/** `xx_` and 26 characters of base 32, the first at most 7: 128 bits. */
export const ID_CHARS = 29;
export const ID_BYTES = 18;
export const TIME_CHARS = 24;
export const TIME_MS_BYTES = 6;
export const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** Tag byte of each frequent word, and the byte after the tag of each other one. */
export const wordTags: ReadonlyMap<string, number> = new Map([
  ...OTHER_WORDS.map((word, at) => [word, TAGS.otherWord * 256 + at] as const),
  ...FREQUENT_WORDS.map((word, at) => [word, WORD + at] as const),
]);
export const WORD_CHARS_MAX = Math.max(...[...wordTags.keys()].map((word) => word.length));
/** Place of an id's prefix, by its two character codes. */
export const prefixPlaces: ReadonlyMap<number, number> = new Map(
  ID_PREFIXES.map((prefix, at) => [prefix.charCodeAt(0) * 256 + prefix.charCodeAt(1), at]),
);
