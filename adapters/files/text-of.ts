// Bytes of a file as text: UTF-8, or UTF-16 with its mark; everything else that has control characters is no text.

/** A piece as text. */
export interface PieceText {
  readonly text: string;
  /** Bytes that it took: a character that was cut in two is left to the next piece. */
  readonly bytes: number;
}

const MARK = "\uFEFF";
const LONGEST_CHARACTER = 4;

/** Null for bytes that are no text. @param isEnd whether there is nothing behind them. */
export function pieceText(bytes: Buffer, isEnd: boolean): PieceText | null {
  const utf16 = bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : null;
  if (utf16 !== null) {
    const whole = bytes.length - (bytes.length % 2);
    return { text: new TextDecoder(utf16).decode(bytes.subarray(0, whole)), bytes: bytes.length };
  }
  const kept = isEnd ? bytes : bytes.subarray(0, wholeCharacters(bytes));
  const text = utf8(kept);
  if (text === null || isNoise(text)) return null;
  return { text: text.startsWith(MARK) ? text.slice(1) : text, bytes: kept.length };
}

function utf8(bytes: Buffer): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Control characters that no text has, escapes of terminals and page breaks aside. */
function isNoise(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x20 && !(code >= 0x09 && code <= 0x0d) && code !== 0x1b) return true;
  }
  return false;
}

/** Bytes at the beginning that belong to a character before it. */
export function cutBytes(bytes: Buffer): number {
  const at = bytes.findIndex((byte) => (byte & 0xc0) !== 0x80);
  return at > 0 && at < LONGEST_CHARACTER ? at : 0;
}

/** Bytes up to where a character begins that is not whole. */
function wholeCharacters(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(LONGEST_CHARACTER, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}
