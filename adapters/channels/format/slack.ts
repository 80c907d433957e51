// Slack's mrkdwn. Only & < > are escaped (docs.slack.dev, "Formatting message text"); what stands in <> is a
// link or a mention, so that nothing of the model may stand there but a web address.

import { fenced, marked, withoutCalls, wordSeam } from "./chat-marks.ts";
import { isBare, type Mark } from "./document.ts";
import { taskBox } from "./plain.ts";
import { quoted, renderer } from "./render.ts";

const marks: Readonly<Record<Mark, string>> = { strong: "*", emphasis: "_", strike: "~" };
const LINKED = /^(?:https?:\/\/|mailto:|tel:)/i;

/** mrkdwn, for `text` and for section blocks. */
export const slackText = renderer({
  text: (value) => withoutCalls(escapedSlack(value)),
  code: (value) => `\`${escapedSlack(value)}\``,
  mark: (mark, inner) => marked(inner, marks[mark]),
  link: (_, url, words) => slackLink(url, words),
  heading: (inner) => marked(inner, "*"),
  bullet: (number, isDone) => `${number === null ? "•" : `${number}.`} ${taskBox(isDone)}`,
  fence: (value) => fenced(escapedSlack(value)),
  quote: (body) => quoted(body),
  rule: "---",
  seam: wordSeam,
});

/** Its words without marks: none is read within <>. */
function slackLink(url: string, words: string): string {
  const label = withoutCalls(escapedSlack(words.replaceAll("\n", " ")));
  if (!LINKED.test(url))
    return isBare(words, url) ? label : `${label} (${withoutCalls(escapedSlack(url))})`;
  const address = escapedSlack(url.replaceAll(/[|<>]/g, encodeURIComponent));
  return `<${address}|${label.replaceAll("|", "¦")}>`;
}

/** Text as Slack takes it. */
export function escapedSlack(text: string): string {
  if (!/[&<>]/.test(text)) return text;
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
