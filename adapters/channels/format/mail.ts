// HTML for mails: a fragment whose looks are in its tags, as mail programs drop style sheets. No HTML of the
// model passes, and a link goes to the web or to a mailbox.

import { escaped } from "../../markup.ts";
import { isBare, type List, type Mark } from "./document.ts";
import { readMarkdown } from "./read.ts";
import { type Render, renderer } from "./render.ts";

const LINKED = /^(?:https?:\/\/|mailto:)/i;
const tags: Readonly<Record<Mark, string>> = { strong: "strong", emphasis: "em", strike: "del" };
const MONOSPACE = "font-family:Consolas,Menlo,monospace;font-size:13px";
const styles = {
  all: "font-family:Helvetica,Arial,sans-serif;font-size:14px;line-height:1.5;color:#1f2328",
  p: "margin:0 0 12px",
  list: "margin:0 0 12px;padding-left:24px",
  h: "margin:20px 0 8px;line-height:1.3",
  code: `${MONOSPACE};background:#f0f1f3;padding:1px 4px`,
  pre: `${MONOSPACE};background:#f6f8fa;margin:0 0 12px;padding:12px;white-space:pre-wrap`,
  blockquote: "margin:0 0 12px;padding:0 12px;border-left:3px solid #d0d7de;color:#57606a",
  table: "border-collapse:collapse;margin:0 0 12px",
  cell: "border:1px solid #d0d7de;padding:4px 10px;text-align:left",
  hr: "border:0;border-top:1px solid #d0d7de;margin:16px 0",
} as const;

const P = `<p style="${styles.p}">`;

const fragment = renderer({
  text: escaped,
  code: (value) => `<code style="${styles.code}">${escaped(value)}</code>`,
  mark: (mark, inner) => `<${tags[mark]}>${inner}</${tags[mark]}>`,
  link: (label, url, words) => {
    if (LINKED.test(url)) return `<a href="${escaped(url)}" rel="noopener noreferrer">${label}</a>`;
    return isBare(words, url) ? label : `${label} (${escaped(url)})`;
  },
  heading: (inner, depth) => `<h${depth} style="${styles.h}">${inner}</h${depth}>`,
  paragraph: (inner) => `${P}${inner}</p>`,
  lineBreak: "<br>\n",
  bullet: () => "",
  list: (items, list) => listHtml(items, list),
  fence: (value) => `<pre style="${styles.pre}">${escaped(value)}</pre>`,
  quote: (body) => `<blockquote style="${styles.blockquote}">\n${body}\n</blockquote>`,
  table: tableHtml,
  rule: `<hr style="${styles.hr}">`,
});

/** A fragment to put into a mail's body: whole, whatever the text. */
export const mailHtml: Render = Object.assign(
  (markdown: string) => wrapped(fragment.blocks(readMarkdown(markdown))),
  { blocks: (blocks: Parameters<Render["blocks"]>[0]) => wrapped(fragment.blocks(blocks)) },
);

function wrapped(html: string): string {
  return `<div dir="auto" style="${styles.all}">\n${html}\n</div>`;
}

function listHtml(items: readonly string[], list: List): string {
  const rows = items.map((item, at) => {
    const isDone = list.items[at]?.isDone ?? null;
    const box = isDone === null ? "" : isDone ? "☑ " : "☐ ";
    // An item's first paragraph needs no room below it.
    return `<li>${box}${item.startsWith(P) ? item.slice(P.length).replace("</p>", "") : item}</li>`;
  });
  const start = list.start === null || list.start === 1 ? "" : ` start="${list.start}"`;
  const tag = list.start === null ? "ul" : "ol";
  return `<${tag}${start} style="${styles.list}">\n${rows.join("\n")}\n</${tag}>`;
}

function tableHtml(rows: readonly string[][]): string {
  const [head = [], ...body] = rows;
  const row = (cells: readonly string[], tag: "td" | "th") =>
    `<tr>${cells.map((cell) => `<${tag} style="${styles.cell}">${cell}</${tag}>`).join("")}</tr>`;
  const shown = head.some((cell) => cell !== "") ? [row(head, "th")] : [];
  const all = [...shown, ...body.map((cells) => row(cells, "td"))];
  return `<table style="${styles.table}">\n${all.join("\n")}\n</table>`;
}
