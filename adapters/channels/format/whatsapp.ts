// WhatsApp's marks (faq.whatsapp.com, "How to format your messages"). Nothing can be escaped there, and a
// link is its address.

import { fenced, marked, wordSeam } from "./chat-marks.ts";
import { isBare, type Mark } from "./document.ts";
import { taskBox } from "./plain.ts";
import { quoted, renderer } from "./render.ts";

const marks: Readonly<Record<Mark, string>> = { strong: "*", emphasis: "_", strike: "~" };

/** A message's text. */
export const whatsappText = renderer({
  text: (value) => value,
  code: (value) => `\`\`\`${value}\`\`\``,
  mark: (mark, inner) => marked(inner, marks[mark]),
  link: (label, url, words) => (isBare(words, url) ? words : `${label} (${url})`),
  heading: (inner) => marked(inner, "*"),
  bullet: (number, isDone) => `${number === null ? "-" : `${number}.`} ${taskBox(isDone)}`,
  fence: (value) => fenced(value),
  quote: quoted,
  rule: "---",
  seam: wordSeam,
});
