// An answer in the messages that Telegram takes. Pure: the same answer gives the same parts.

import type { Button, Outgoing, OutgoingFile, Part } from "../../../actors/channels/outgoing.ts";
import { pieces } from "../format/pieces.ts";
import { telegramHtml } from "../format/telegram.ts";
import { telegramLimits } from "./limits.ts";

/** A key of an inline keyboard. */
export interface Key {
  readonly text: string;
  readonly callback_data: string;
}

/** What `send` makes a call of. */
export type Body =
  | {
      readonly kind: "text";
      readonly text: string;
      readonly isHtml: boolean;
      readonly keyboard?: readonly (readonly Key[])[];
      readonly answers?: string;
    }
  | { readonly kind: "file"; readonly file: OutgoingFile; readonly answers?: string };

/** Labels up to so many characters stand beside each other, three in a row. */
const SHORT_LABEL = 12;
const KEYS_IN_ROW = 3;
/** Where there are buttons and no text: Telegram takes no empty message. */
const NO_TEXT = "…";

/** The parts of an answer: its text with the buttons under the last piece, then its files. */
export function partsOf(outgoing: Outgoing, isPlain: boolean): Part[] {
  const said = pieces(outgoing.text, {
    max: telegramLimits.text,
    unit: "utf16",
    render: telegramHtml,
  }).filter(({ text, plain }) => text.trim() !== "" && plain.trim() !== "");
  const keyboard = keyboardOf(outgoing.buttons ?? []);
  if (keyboard.length > 0 && said.length === 0) said.push({ text: NO_TEXT, plain: NO_TEXT });
  const bodies: { body: Body; plain: string }[] = said.map(({ text: html, plain }, at) => {
    const isLast = at === said.length - 1 && keyboard.length > 0;
    const text = isPlain ? plain : html;
    const body: Body = { kind: "text", text, isHtml: !isPlain, ...(isLast && { keyboard }) };
    return { body, plain };
  });
  for (const file of outgoing.files ?? []) bodies.push(filePart(file));
  if (bodies.length === 0)
    bodies.push({ body: { kind: "text", text: "", isHtml: false }, plain: "" });
  const { answers } = outgoing;
  return bodies.map(({ body, plain }, at) => ({
    body: { ...body, ...(at === 0 && answers !== undefined && { answers }) },
    plain,
  }));
}

function filePart(file: OutgoingFile): { body: Body; plain: string } {
  const named = `[${file.name}]`;
  if (file.bytes > 0 && file.bytes <= telegramLimits.fileBytes) {
    return { body: { kind: "file", file }, plain: named };
  }
  const text = `${named.slice(0, 300)} could not be sent here: it has ${file.bytes} bytes.`;
  return { body: { kind: "text", text, isHtml: false }, plain: text };
}

function keyboardOf(buttons: readonly Button[]): Key[][] {
  const keys = buttons.slice(0, telegramLimits.buttons).map(({ action, label }) => ({
    text: label.trim() === "" ? action : label,
    callback_data: action,
  }));
  const isShort = keys.every(({ text }) => text.length <= SHORT_LABEL);
  const width = isShort ? KEYS_IN_ROW : 1;
  const rows: Key[][] = [];
  for (let at = 0; at < keys.length; at += width) rows.push(keys.slice(at, at + width));
  return rows;
}
