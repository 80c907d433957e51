// What is to be said, as activities of Teams: Markdown, buttons as an Adaptive Card below the text. Pure: the
// same gives the same parts.

import type { Button, Outgoing, Part } from "../../../actors/channels/outgoing.ts";
import { chunksOf, shortened } from "../format/button-rows.ts";
import { type Piece, pieces } from "../format/pieces.ts";
import { teamsText } from "../format/teams.ts";
import { ACTION_MEMBER } from "./events.ts";
import { teamsLimits } from "./limits.ts";

const STYLES = { primary: "positive", danger: "destructive" } as const;
const NO_TEXT: Piece = { text: "", plain: "" };

/** The parts of what is to be said. */
export function renderTeams(outgoing: Outgoing): Part[] {
  return partsOf(outgoing, ({ text }) => ({ text, textFormat: "markdown" }));
}

/** The same without marks. */
export function renderTeamsPlain(outgoing: Outgoing): Part[] {
  return partsOf(outgoing, ({ plain }) => ({ text: plain, textFormat: "plain" }));
}

type Write = (piece: Piece) => { readonly text: string; readonly textFormat: string };

function partsOf({ text, buttons = [], files = [] }: Outgoing, write: Write): Part[] {
  const { setButtons, sets } = teamsLimits;
  // Teams takes files of bots only after it has asked the person: they are named.
  const left = files.map(
    ({ name, bytes }) => `\n\n(${name}, ${bytes} bytes, cannot be sent here.)`,
  );
  const options = { max: teamsLimits.text, unit: "utf16", render: teamsText } as const;
  const texts = pieces(`${text}${left.join("")}`, options);
  const groups = chunksOf(buttons, setButtons * sets);
  const last = groups.length > 0 ? (texts.pop() ?? NO_TEXT) : NO_TEXT;
  return [
    ...texts.map((one) => messagePart(one, [], write)),
    // Buttons stand below the end of the text; more than one card takes are messages of their own.
    ...groups.map((group, at) => messagePart(at === 0 ? last : NO_TEXT, group, write)),
  ];
}

function messagePart(piece: Piece, buttons: readonly Button[], write: Write): Part {
  if (buttons.length === 0) return { body: { ...write(piece) }, plain: piece.plain };
  const labels = buttons.map(({ label }) => label).join(" | ");
  const plain = piece.plain === "" ? labels.slice(0, teamsLimits.text) : piece.plain;
  return { body: { ...write(piece), attachments: [cardOf(buttons)] }, plain };
}

function cardOf(buttons: readonly Button[]): object {
  const actionSets = chunksOf(buttons, teamsLimits.setButtons).map((set) => ({
    type: "ActionSet",
    actions: set.map(({ action, label, style }) => ({
      type: "Action.Submit",
      title: shortened(label || action, teamsLimits.buttonLabel),
      data: { [ACTION_MEMBER]: action },
      ...(style !== undefined && { style: STYLES[style] }),
    })),
  }));
  const content = { type: "AdaptiveCard", version: "1.4", body: actionSets };
  return { contentType: "application/vnd.microsoft.card.adaptive", content };
}
