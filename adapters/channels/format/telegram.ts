// Telegram's HTML (core.telegram.org/bots/api, "HTML style"): its few tags, all else escaped. It counts
// what is read, after its tags and entities.

import { escaped } from "../../markup.ts";
import { withoutCalls } from "./chat-marks.ts";
import { isBare, type Mark } from "./document.ts";
import { taskBox } from "./plain.ts";
import { renderer } from "./render.ts";

const tags: Readonly<Record<Mark, string>> = { strong: "b", emphasis: "i", strike: "s" };
const characters: Readonly<Record<string, string>> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#39;": "'",
};
/** A link to `tg://user` would call a person. */
const LINKED = /^https?:\/\//i;

/** For `parse_mode: "HTML"`. */
export const telegramHtml = renderer(
  {
    text: (value) => withoutCalls(escaped(value)),
    code: (value) => `<code>${escaped(value)}</code>`,
    mark: (mark, inner) => `<${tags[mark]}>${inner}</${tags[mark]}>`,
    link: (label, url, words) => {
      if (LINKED.test(url)) return `<a href="${escaped(url)}">${label}</a>`;
      return isBare(words, url) ? label : `${label} (${escaped(url)})`;
    },
    heading: (inner) => `<b>${inner}</b>`,
    bullet: (number, isDone) => `${number === null ? "•" : `${number}.`} ${taskBox(isDone)}`,
    fence: (value, lang) =>
      lang === ""
        ? `<pre>${escaped(value)}</pre>`
        : `<pre><code class="language-${escaped(lang)}">${escaped(value)}</code></pre>`,
    // Quotes cannot be nested.
    quote: (body) => `<blockquote>${body.replaceAll(/<\/?blockquote>/g, "")}</blockquote>`,
    rule: "---",
  },
  (written) =>
    written
      .replaceAll(/<[^>]*>/g, "")
      .replaceAll(/&(?:amp|lt|gt|quot|#39);/g, (entity) => characters[entity] ?? entity),
);
