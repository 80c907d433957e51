// Bytes of a named encoding into text.

/** What Windows-1252 has in place of control characters; five are none. */
const WINDOWS = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ";
const C1 = /[\u0080-\u009f]/g;

/** @throws TypeError when `fatal` is set and bytes mean nothing. */
export function decodeAs(
  bytes: Uint8Array,
  encoding: string,
  options: { readonly fatal?: boolean } = {},
): string {
  if (encoding === "utf-32le" || encoding === "utf-32be") return utf32(bytes, encoding);
  const text = new TextDecoder(encoding, options).decode(bytes);
  return encoding === "windows-1252" ? withWindowsMarks(text) : text;
}

/** Some versions of Node.js read Windows-1252 as Latin-1, where its marks are control characters. */
export function withWindowsMarks(text: string): string {
  return text.replace(C1, (one) => WINDOWS[one.charCodeAt(0) - 0x80] ?? one);
}

const REPLACEMENT = 0xfffd;
const MARK = 0xfeff;
const LAST = 0x10ffff;
/** Characters of one call: arguments are kept on the stack. */
const PIECE = 8_192;

/** No decoder of the platform reads it. A mark at the beginning is left out, as those do. */
function utf32(bytes: Uint8Array, encoding: "utf-32le" | "utf-32be"): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: string[] = [];
  let points: number[] = [];
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const point = view.getUint32(at, encoding === "utf-32le");
    if (at === 0 && point === MARK) continue;
    points.push(isCharacter(point) ? point : REPLACEMENT);
    if (points.length < PIECE) continue;
    parts.push(String.fromCodePoint(...points));
    points = [];
  }
  parts.push(String.fromCodePoint(...points));
  return parts.join("");
}

function isCharacter(point: number): boolean {
  return point <= LAST && (point < 0xd800 || point > 0xdfff);
}
