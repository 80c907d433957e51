// A mail's HTML as Markdown: the text of documents, with the addresses of its links.

import { htmlText } from "../../parse/html.ts";

/** Markdown of HTML: headings, lists, tables and code stay; scripts, styles and what is hidden do not. */
export function fromHtml(html: string): string {
  return htmlText(html, { hasAddresses: true }).text.trim();
}
