// What others have written as a terminal may show it: one line, and nothing that a terminal would obey.

/** Control characters, line breaks of all kinds, and marks that turn the direction of writing. */
const unsafe = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** The text with those as `\uXXXX`. */
export const printable = (text: string): string =>
  text.replace(unsafe, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
