// Messages of plain text alone, for platforms that know nothing else.

import type { Outgoing, Part } from "../../../actors/channels/outgoing.ts";
import { writtenButtons } from "./buttons.ts";
import { type PieceOptions, pieces } from "./pieces.ts";
import { plainText } from "./plain.ts";

/** The parts of it, `{ text }` each: choices are written out, files are named. */
export function plainParts(
  outgoing: Outgoing,
  { max, unit }: Omit<PieceOptions, "render">,
): Part[] {
  const choices = writtenButtons(outgoing.buttons ?? []);
  const files = (outgoing.files ?? []).map(({ name }) => `[${name}] cannot be sent here.`);
  const said = [outgoing.text, choices, ...files].filter((text) => text !== "").join("\n\n");
  const parts = pieces(said, { max, unit, render: plainText });
  return parts.map(({ plain }) => ({ body: { text: plain }, plain }));
}
