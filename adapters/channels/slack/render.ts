// What is to be said, as messages of Slack: mrkdwn, buttons as actions of Block Kit, files by themselves.
// Pure: the same gives the same parts, so that a part is known by its number. A text is read once.

import type { Button, Outgoing, OutgoingFile, Part } from "../../../actors/channels/outgoing.ts";
import { chunksOf, shortened } from "../format/button-rows.ts";
import type { Block } from "../format/document.ts";
import { packed } from "../format/pieces.ts";
import { plainText } from "../format/plain.ts";
import { escapedSlack, slackText } from "../format/slack.ts";
import { ACTION_PREFIX } from "./forms.ts";
import { slackLimits } from "./limits.ts";

/** A part that is a file. */
export interface FilePart {
  readonly file: OutgoingFile;
}

/** The parts of what is to be said. */
export function renderSlack(outgoing: Outgoing): Part[] {
  return partsOf(outgoing, marked);
}

/** The same without marks. */
export function renderSlackPlain(outgoing: Outgoing): Part[] {
  return partsOf(outgoing, unmarked);
}

/** The file that a part is; null: it is a message. */
export function fileOf(part: Part): OutgoingFile | null {
  return (part.body as Partial<FilePart>).file ?? null;
}

/** How texts are written. */
interface Writing {
  readonly isMarked: boolean;
  text(blocks: readonly Block[]): string;
  /** A text of Block Kit. */
  block(blocks: readonly Block[]): {
    readonly type: "mrkdwn" | "plain_text";
    readonly text: string;
  };
}

const marked: Writing = {
  isMarked: true,
  text: slackText.blocks,
  block: (blocks) => ({ type: "mrkdwn", text: slackText.blocks(blocks) }),
};

const unmarked: Writing = {
  isMarked: false,
  text: (blocks) => escapedSlack(plainText.blocks(blocks)),
  block: (blocks) => ({ type: "plain_text", text: plainText.blocks(blocks) }),
};

function partsOf({ text, buttons = [], files = [] }: Outgoing, writing: Writing): Part[] {
  const { rowButtons, rows } = slackLimits;
  const texts =
    text.trim() === ""
      ? []
      : packed(text, { max: slackLimits.text, unit: "utf16", render: slackText });
  const groups = chunksOf(buttons, rowButtons * rows);
  const last = groups.length > 0 ? (texts.pop() ?? []) : [];
  return [
    ...texts.map((one) => messagePart(one, [], writing)),
    // Buttons stand below the end of the text; more than one message takes are messages of their own.
    ...groups.map((group, at) => messagePart(at === 0 ? last : [], group, writing)),
    ...files.map(filePart),
    ...(texts.length + groups.length + files.length === 0 ? [messagePart([], [], writing)] : []),
  ];
}

function messagePart(said: readonly Block[], buttons: readonly Button[], writing: Writing): Part {
  const { isMarked } = writing;
  const plain = plainText.blocks(said);
  if (buttons.length === 0) {
    return { body: { text: writing.text(said), mrkdwn: isMarked }, plain };
  }
  const labels = buttons.map(({ label }) => label).join(" | ");
  // Shown in notifications, where there are no buttons.
  const text = said.length === 0 ? escapedSlack(labels) : writing.text(said);
  const blocks = [...sectionsOf(said, writing), ...rowsOf(buttons)];
  return { body: { text, mrkdwn: isMarked, blocks }, plain: plain === "" ? labels : plain };
}

function sectionsOf(said: readonly Block[], { block }: Writing) {
  if (said.length === 0) return [];
  const room = { max: slackLimits.sectionText, unit: "utf16" as const, render: slackText };
  return packed(said, room).map((one) => ({ type: "section", text: block(one) }));
}

function rowsOf(buttons: readonly Button[]) {
  return chunksOf(buttons, slackLimits.rowButtons).map((row, at) => ({
    type: "actions",
    elements: row.map(({ action, label, style }, n) => ({
      type: "button",
      // Names are unique within a message; what a press means is the value.
      action_id: `${ACTION_PREFIX}${at * slackLimits.rowButtons + n}`,
      value: action,
      text: { type: "plain_text", text: shortened(label || action, slackLimits.buttonLabel) },
      ...(style !== undefined && { style }),
    })),
  }));
}

function filePart(file: OutgoingFile): Part {
  return { body: { file } satisfies FilePart, plain: file.name };
}
