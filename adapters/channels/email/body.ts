// Markdown as the two bodies of a mail.

import { escaped } from "../../markup.ts";

/** As text. */
export function plainText(markdown: string): string {
  return markdown;
}

/** As HTML. */
export function mailHtml(markdown: string): string {
  return markdown
    .split(/\n{2,}/)
    .map((part) => `<p>${escaped(part).replaceAll("\n", "<br>\n")}</p>`)
    .join("\n");
}
