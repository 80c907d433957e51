// What is said, as the body of a mail: text, and the same as HTML. Pure.

import type { Button, Outgoing, OutgoingFile, Part } from "../../../actors/channels/outgoing.ts";
import { escaped } from "../../markup.ts";
import { mailHtml } from "../format/mail.ts";
import { plainText } from "../format/plain.ts";
import { readMarkdown } from "../format/read.ts";
import { choiceLines } from "./choice.ts";

/** What is sent, but for what depends on whom it is sent to. */
export interface MailBody {
  readonly text: string;
  readonly html?: string;
  readonly files: readonly OutgoingFile[];
}

/** One mail, however long: what is too long for a mail is cut by the limit of answers long before. */
export function renderMail(outgoing: Outgoing, withMarks: boolean): readonly Part[] {
  const { text, buttons = [], files = [] } = outgoing;
  const read = withMarks ? readMarkdown(text) : null;
  const shown = read === null ? text : plainText.blocks(read);
  const plain = buttons.length === 0 ? shown : `${shown}\n\n${choiceLines(buttons)}`;
  const html = read === null ? {} : { html: `${mailHtml.blocks(read)}${choicesHtml(buttons)}` };
  const body: MailBody = { text: plain, ...html, files };
  return [{ body: { ...body }, plain }];
}

function choicesHtml(buttons: readonly Button[]): string {
  if (buttons.length === 0) return "";
  const lines = escaped(choiceLines(buttons)).replaceAll("\n", "<br>\n");
  return `<p style="border-top:1px solid #ccc;padding-top:8px">${lines}</p>`;
}
