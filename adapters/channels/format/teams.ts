// Markdown as Teams reads it in a message with `textFormat: "markdown"`: it knows tags too, so that
// < and & are entities, and a line ends with two spaces.

import { fenced, withoutCalls, wordSeam } from "./chat-marks.ts";
import { isBare, type Mark } from "./document.ts";
import { taskBox } from "./plain.ts";
import { quoted, renderer } from "./render.ts";
import { codeSpan } from "./write.ts";

const marks: Readonly<Record<Mark, string>> = { strong: "**", emphasis: "_", strike: "~~" };
const LINKED = /^(?:https?:\/\/|mailto:)/i;

/** A message's text. */
export const teamsText = renderer({
  text: (value) => withoutCalls(shownText(value)),
  code: (value) => codeSpan(entities(value)),
  mark: (mark, inner) => `${marks[mark]}${inner}${marks[mark]}`,
  link: (label, url, words) => {
    if (!LINKED.test(url)) return isBare(words, url) ? label : `${label} (${shownText(url)})`;
    return `[${label}](${url.replaceAll(/[<>()\\|]/g, percent)})`;
  },
  heading: (inner) => `**${inner.replaceAll("\n", " ")}**`,
  bullet: (number, isDone) => `${number === null ? "-" : `${number}.`} ${taskBox(isDone)}`,
  fence: (value, lang) => fenced(entities(value), lang),
  quote: quoted,
  rule: "\\---",
  seam: wordSeam,
  lineBreak: "  \n",
  paragraph: (inner) =>
    inner.replaceAll(/^([#+-])/gm, "\\$1").replaceAll(/^(\d{1,9})(?=[.)])/gm, "$1\\"),
});

function shownText(value: string): string {
  return entities(value.replaceAll(/[\\*_~`|[\]]/g, "\\$&"));
}

function entities(value: string): string {
  return value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function percent(mark: string): string {
  return `%${mark.charCodeAt(0).toString(16).toUpperCase()}`;
}
