// Discord's Markdown. Calls are broken here and are not allowed by the request either (allowed_mentions).

import { fenced, NOTHING, withoutCalls, wordSeam } from "./chat-marks.ts";
import { isBare, type Mark } from "./document.ts";
import { taskBox } from "./plain.ts";
import { quoted, renderer } from "./render.ts";
import { codeSpan } from "./write.ts";

const marks: Readonly<Record<Mark, string>> = { strong: "**", emphasis: "_", strike: "~~" };
/** Discord knows headings of three sizes. */
const HEADINGS = 3;
const LINKED = /^https?:\/\//i;

/** A message's content. */
export const discordText = renderer({
  text: shownText,
  code: codeSpan,
  mark: (mark, inner) => `${marks[mark]}${inner}${marks[mark]}`,
  link: (label, url, words) => {
    if (!LINKED.test(url)) return isBare(words, url) ? label : `${label} (${shownText(url)})`;
    const address = url.replaceAll(/[<>\\|]/g, encodeURIComponent);
    return isBare(words, url) ? address : `[${label}](<${address}>)`;
  },
  heading: (inner, depth) => {
    const line = inner.replaceAll("\n", " ");
    return depth > HEADINGS ? `**${line}**` : `${"#".repeat(depth)} ${line}`;
  },
  bullet: (number, isDone) => `${number === null ? "-" : `${number}.`} ${taskBox(isDone)}`,
  fence: fenced,
  quote: quoted,
  rule: "\\---",
  seam: wordSeam,
  paragraph: (inner) =>
    inner.replaceAll(/^([#>-])/gm, "\\$1").replaceAll(/^(\d{1,9})(?=[.)])/gm, "$1\\"),
});

function shownText(value: string): string {
  const escaped = value.replaceAll(/[\\*_~`|[\]<]/g, "\\$&");
  return withoutCalls(escaped).replaceAll(/(?<=<)(?=[@#&])|(?<=<@)/g, NOTHING);
}
