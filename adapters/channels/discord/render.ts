// What is to be said, as messages of Discord: its Markdown, buttons as components, files by themselves. Pure:
// the same gives the same parts. Nobody is called by what a model writes, and no address of it is fetched.

import type { Button, Outgoing, OutgoingFile, Part } from "../../../actors/channels/outgoing.ts";
import { chunksOf, shortened } from "../format/button-rows.ts";
import { discordText } from "../format/discord.ts";
import { type Piece, pieces } from "../format/pieces.ts";
import { ACTION_PREFIX } from "./interactions.ts";
import { discordLimits } from "./limits.ts";

/** What a part is. */
export interface DiscordPart {
  readonly content: string;
  readonly components?: readonly object[];
  readonly file?: OutgoingFile;
  /** It may fill the message that is waited for. */
  readonly isFirst?: boolean;
  /** The message it answers. */
  readonly answers?: string;
}

const ROW = 1;
const BUTTON = 2;
const STYLES = { primary: 1, danger: 4 } as const;
const SECONDARY = 2;
const NO_TEXT: Piece = { text: "", plain: "" };

/** The parts of what is to be said. */
export function renderDiscord(outgoing: Outgoing): Part[] {
  return partsOf(outgoing, ({ text }) => text);
}

/** The same without marks: what would be one is shown as it stands. */
export function renderDiscordPlain(outgoing: Outgoing): Part[] {
  return partsOf(outgoing, ({ plain }) => unmarked(plain));
}

/** Parts are made here and stored by the server: they come back as they were. */
export function bodyOf(part: Part): DiscordPart {
  return part.body as unknown as DiscordPart;
}

/** Nothing in it is a mark, where there is room to say so. */
function unmarked(plain: string): string {
  const escaped = plain.replaceAll(/[\\*_~`|<>[\]#-]/g, "\\$&");
  return escaped.length <= discordLimits.text ? escaped : plain;
}

function partsOf(
  { text, buttons = [], files = [], answers }: Outgoing,
  write: (piece: Piece) => string,
): Part[] {
  const { rowButtons, rows } = discordLimits;
  const options = { max: discordLimits.text, unit: "utf16", render: discordText } as const;
  const texts = pieces(text, options);
  const groups = chunksOf(buttons, rowButtons * rows);
  const last = groups.length > 0 ? (texts.pop() ?? NO_TEXT) : NO_TEXT;
  const said = [
    ...texts.map((one) => messagePart(one, [], write)),
    // Buttons stand below the end of the text; more than one message takes are messages of their own.
    ...groups.map((group, at) => messagePart(at === 0 ? last : NO_TEXT, group, write)),
  ];
  const isEmpty = files.length > 0 && text.trim() === "" && groups.length === 0;
  const all = [...(isEmpty ? [] : said), ...files.map(filePart)];
  return all.map((part, at) => (at === 0 ? firstPart(part, answers) : part));
}

function firstPart({ body, plain }: Part, answers: string | undefined): Part {
  const first = { ...body, isFirst: true, ...(answers !== undefined && { answers }) };
  return { body: first, plain };
}

function messagePart(
  piece: Piece,
  buttons: readonly Button[],
  write: (piece: Piece) => string,
): Part {
  const content = write(piece);
  if (buttons.length === 0) return { body: { content }, plain: piece.plain };
  const labels = buttons.map(({ label }) => label).join(" | ");
  const plain = piece.plain === "" ? labels.slice(0, discordLimits.text) : piece.plain;
  return { body: { content, components: rowsOf(buttons) }, plain };
}

function rowsOf(buttons: readonly Button[]): object[] {
  return chunksOf(buttons, discordLimits.rowButtons).map((row) => ({
    type: ROW,
    components: row.map(({ action, label, style }) => ({
      type: BUTTON,
      style: style === undefined ? SECONDARY : STYLES[style],
      label: shortened(label || action, discordLimits.buttonLabel),
      custom_id: `${ACTION_PREFIX}${action}`,
    })),
  }));
}

function filePart(file: OutgoingFile): Part {
  const body: DiscordPart = { content: "", file };
  return { body: { ...body }, plain: file.name };
}
