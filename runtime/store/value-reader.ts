// Reads what value-writer.ts has written.

import { RuntimeError } from "../errors.ts";
import { isoText } from "./iso-time.ts";
import {
  AGAIN,
  AGAIN_CHARS_MIN,
  AGAIN_MAX,
  ALPHABET,
  DECIMALS,
  ID_CHARS,
  LIST,
  OBJECT,
  TAGS,
  TEXT,
  TIME_MS_BYTES,
  WORD,
} from "./value-format.ts";
import { FREQUENT_WORDS, ID_PREFIXES, OTHER_WORDS } from "./words.ts";

const VARINT = 128;
/** Up to so many characters are joined one by one: the call of a native function costs more. */
const JOINED_CHARS_MAX = 12;

const ascii = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));
const idBytes = Buffer.alloc(ID_CHARS, "_");
const digits = Buffer.from(ALPHABET);

let source: Buffer = Buffer.alloc(0);
let at = 0;
let texts: string[] = [];

/** The value that begins at `from`. @throws RuntimeError FOREIGN_DATA for what was not written so. */
export function readValue(bytes: Uint8Array, from: number): unknown {
  source = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  at = from;
  if (texts.length > 0) texts = [];
  return read();
}

/** The first item of the list that begins at `from`: the others are not looked at. */
export function readFirst(bytes: Uint8Array, from: number): unknown {
  const tag = bytes[from] ?? TAGS.null;
  const isShort = tag >= LIST && tag < TAGS.null;
  if (!isShort && tag !== TAGS.list) return unreadable("what is no list");
  // What stands before the first item: the tag, and of a long list its length.
  let first = from + 1;
  if (!isShort) while ((bytes[first++] ?? 0) >= VARINT);
  return readValue(bytes, first);
}

function read(): unknown {
  const tag = next();
  if (tag < WORD) return tag;
  if (tag < OBJECT || tag === TAGS.otherWord) return readText(tag);
  if (tag < LIST) return readFields(tag - OBJECT);
  if (tag < TAGS.null) return readItems(tag - LIST);
  switch (tag) {
    case TAGS.null:
      return null;
    case TAGS.undefined:
      return undefined;
    case TAGS.false:
      return false;
    case TAGS.true:
      return true;
    case TAGS.float:
      return source.readDoubleBE(skip(8));
    case TAGS.integer:
      return readVarint();
    case TAGS.negative:
      return -1 - readVarint();
    case TAGS.decimal:
      return readDecimal();
    case TAGS.object:
      return readFields(readVarint());
    case TAGS.list:
      return readItems(readVarint());
    case TAGS.bytes: {
      const length = readVarint();
      const from = skip(length);
      // A copy: the row may be memory that changes.
      return new Uint8Array(source.subarray(from, from + length));
    }
    case TAGS.date:
      return new Date(source.readDoubleBE(skip(8)));
    default:
      return readText(tag);
  }
}

function readText(tag: number): string {
  if (tag < AGAIN) return FREQUENT_WORDS[tag - WORD] ?? unreadable(`the word ${tag - WORD}`);
  if (tag < TEXT) return texts[tag - AGAIN] ?? unreadable(`the text ${tag - AGAIN}`);
  if (tag < OBJECT) return kept(readLatin(tag - TEXT));
  switch (tag) {
    case TAGS.otherWord: {
      const word = next();
      return OTHER_WORDS[word] ?? unreadable(`the word ${word} of the second list`);
    }
    case TAGS.again: {
      const place = readVarint();
      return texts[place] ?? unreadable(`the text ${place}`);
    }
    case TAGS.latin:
      return kept(readLatin(readVarint()));
    case TAGS.wide: {
      const length = readVarint();
      const from = skip(length);
      return kept(source.toString("utf16le", from, from + length));
    }
    case TAGS.id:
      return kept(readId());
    case TAGS.time:
      return kept(isoText(source.readUIntBE(skip(TIME_MS_BYTES), TIME_MS_BYTES)));
    default:
      return unreadable(`an item of type ${tag}`);
  }
}

function kept(text: string): string {
  if (text.length >= AGAIN_CHARS_MIN && texts.length < AGAIN_MAX) texts.push(text);
  return text;
}

function readLatin(length: number): string {
  const from = skip(length);
  if (length > JOINED_CHARS_MAX) return source.toString("latin1", from, from + length);
  let text = "";
  for (let index = from; index < from + length; index += 1) {
    const code = source[index] ?? 0;
    text += ascii[code] ?? String.fromCharCode(code);
  }
  return text;
}

function readId(): string {
  const prefix = ID_PREFIXES[next()] ?? unreadable("an id's prefix");
  let from = skip(16);
  idBytes[0] = prefix.charCodeAt(0);
  idBytes[1] = prefix.charCodeAt(1);
  const first = source[from++] ?? 0;
  idBytes[3] = digits[first >> 5] ?? 0;
  idBytes[4] = digits[first & 31] ?? 0;
  for (let to = 5; to < ID_CHARS; to += 8) {
    const high = source.readUIntBE(from, 3);
    const low = source.readUInt16BE(from + 3);
    from += 5;
    writeDigits(to, high >> 4);
    writeDigits(to + 4, ((high & 15) << 16) | low);
  }
  return idBytes.toString("latin1", 0, ID_CHARS);
}

function writeDigits(to: number, bits: number): void {
  idBytes[to] = digits[bits >> 15] ?? 0;
  idBytes[to + 1] = digits[(bits >> 10) & 31] ?? 0;
  idBytes[to + 2] = digits[(bits >> 5) & 31] ?? 0;
  idBytes[to + 3] = digits[bits & 31] ?? 0;
}

function readFields(count: number): Record<string, unknown> {
  checkCount(2 * count);
  const value: Record<string, unknown> = {};
  for (let left = count; left > 0; left -= 1) {
    const field = readText(next());
    value[field] = read();
  }
  return value;
}

function readItems(count: number): unknown[] {
  checkCount(count);
  const items: unknown[] = [];
  for (let left = count; left > 0; left -= 1) items.push(read());
  return items;
}

/** Every item takes a byte at least: a damaged count must not fill the memory. */
function checkCount(bytes: number): void {
  if (at + bytes > source.length) unreadable("more items than bytes");
}

function readDecimal(): number {
  const bits = readVarint();
  const scaled = Math.floor(bits / 2);
  return (bits % 2 === 1 ? -scaled : scaled) / DECIMALS;
}

function readVarint(): number {
  let value = 0;
  for (let factor = 1; ; factor *= VARINT) {
    const byte = next();
    if (byte < VARINT) return value + byte * factor;
    value += (byte - VARINT) * factor;
  }
}

function next(): number {
  const byte = source[at];
  at += 1;
  return byte ?? unreadable("an item past its end");
}

/** Where so many bytes begin, which are read. */
function skip(bytes: number): number {
  const from = at;
  at += bytes;
  return at <= source.length ? from : unreadable("an item past its end");
}

function unreadable(what: string): never {
  throw new RuntimeError("FOREIGN_DATA", `A stored value names ${what}: it is damaged or newer.`);
}
