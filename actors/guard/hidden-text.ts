// Text as a model reads it: without what people do not see, in one form of letters, with where each unit
// came from. Instructions are hidden from people in invisible characters and from filters in other forms.

/** A text in one form. */
export interface PlainText {
  readonly text: string;
  /** Place in the original of unit `at` of `text`; of its end the end of the original. */
  placeOf(at: number): number;
  /** Characters of the block of tags: a copy of ASCII that nobody sees. */
  readonly tags: number;
  /** Characters that turn the direction of writing over. */
  readonly overrides: number;
  /** Invisible characters between letters of scripts that need none. */
  readonly invisible: number;
}

const FLAG = 0x1f3f4;
const isTag = (code: number): boolean => code >= 0xe0000 && code <= 0xe007f;
const isOverride = (code: number): boolean => code === 0x202d || code === 0x202e;
const isInvisible = (code: number): boolean =>
  code === 0xad ||
  (code >= 0x200b && code <= 0x200f) ||
  (code >= 0x202a && code <= 0x202e) ||
  (code >= 0x2060 && code <= 0x2069) ||
  (code >= 0xfe00 && code <= 0xfe0f) ||
  code === 0xfeff ||
  (code >= 0xe0100 && code <= 0xe01ef);
const isLatin = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);

/** Lower case, compatibility forms unified, without invisible characters; tags as the letters they mean. */
export function plainText(original: string): PlainText {
  const parts: string[] = [];
  const places: number[] = [];
  let [tags, overrides, invisible] = [0, 0, 0];
  let isFlag = false;
  let before = 0;
  for (let at = 0; at < original.length; ) {
    const code = original.codePointAt(at) ?? 0;
    const size = code > 0xffff ? 2 : 1;
    isFlag = code === FLAG || (isFlag && isTag(code));
    if (isTag(code)) {
      // The flags of Scotland, Wales and England are written so.
      if (!isFlag) {
        tags += 1;
        push(parts, places, String.fromCharCode(code - 0xe0000).toLowerCase(), at);
      }
    } else if (isInvisible(code)) {
      if (isOverride(code)) overrides += 1;
      if (isLatin(before) && isLatin(original.charCodeAt(at + size))) invisible += 1;
    } else {
      push(parts, places, code < 0x80 ? asciiLower(code) : folded(code), at);
    }
    before = code;
    at += size;
  }
  return {
    text: parts.join(""),
    placeOf: (at) => places[at] ?? original.length,
    ...{ tags, overrides, invisible },
  };
}

function push(parts: string[], places: number[], text: string, at: number): void {
  parts.push(text);
  for (let unit = 0; unit < text.length; unit += 1) places.push(at);
}

function asciiLower(code: number): string {
  return String.fromCharCode(code >= 0x41 && code <= 0x5a ? code + 32 : code);
}

function folded(code: number): string {
  return String.fromCodePoint(code).normalize("NFKC").toLowerCase();
}
