// What chats have in common. What a model writes must not call people together: names that platforms read
// as a call to everybody are broken with a space of no width, and so is what would end a fence. A person
// reads the same.

/** Zero width space. */
export const NOTHING = "\u200b";

const EVERYBODY = /@(?=(?:everyone|here|channel|all)\b)/gi;

/** The text without a call to everybody in it. */
export function withoutCalls(text: string): string {
  return !text.includes("@") ? text : text.replaceAll(EVERYBODY, `@${NOTHING}`);
}

/** Whether two pieces meet within a word, where platforms take no mark for one: a NOTHING is put there. */
export function wordSeam(before: string, after: string): string {
  return /[\p{L}\p{N}*_~`]$/u.test(before) && /^[\p{L}\p{N}*_~`]/u.test(after) ? NOTHING : "";
}

/** A mark on each of the lines: in chats none reaches beyond its own. */
export function marked(inner: string, mark: string): string {
  return inner.replaceAll(/[^\n]+/g, (line) => `${mark}${line}${mark}`);
}

/** A fence around lines, which do not end it. */
export function fenced(body: string, lang = ""): string {
  return `\`\`\`${lang}\n${body.replaceAll("```", `\`${NOTHING}\`\``)}\n\`\`\``;
}
