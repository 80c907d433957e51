// An answer in the messages that WhatsApp takes: text, buttons or a list to choose from, files. Pure: the
// same answer gives the same parts, however often it is rendered.

import type { Button, Outgoing, OutgoingFile, Part } from "../../../actors/channels/outgoing.ts";
import { pieces } from "../format/pieces.ts";
import { whatsappText } from "../format/whatsapp.ts";
import { buttonsPart } from "./buttons.ts";
import { kindOf } from "./file-kinds.ts";
import { whatsappLimits } from "./limits.ts";

/** What `send` makes a call of. */
export type Body =
  | { readonly kind: "text"; readonly text: string; readonly answers?: string }
  | {
      readonly kind: "interactive";
      readonly interactive: Readonly<Record<string, unknown>>;
      readonly answers?: string;
    }
  | { readonly kind: "file"; readonly file: OutgoingFile; readonly answers?: string }
  | { readonly kind: "template"; readonly parameters: readonly string[] };

/** How an account renders. */
export interface RenderRules {
  /** Above buttons that stand apart. */
  readonly chooseText: string;
}

/** The parts of an answer: its text, what is to be chosen, its files. `isPlain`: without WhatsApp's marks. */
export function partsOf(outgoing: Outgoing, rules: RenderRules, isPlain: boolean): Part[] {
  const buttons = outgoing.buttons ?? [];
  const texts = pieces(outgoing.text, {
    max: whatsappLimits.text,
    unit: "utf16",
    render: whatsappText,
  })
    .filter(({ text, plain }) => text.trim() !== "" && plain.trim() !== "")
    .map(({ text, plain }) => ({ text: isPlain ? plain : text, plain }));
  const bodies: Part[] = [];
  // A text that is short enough stands above its buttons; a longer one is a message before them.
  const last = texts.at(-1);
  const isAbove = buttons.length > 0 && last !== undefined && last.text.length <= bodyRoom(buttons);
  const apart = isAbove ? texts.slice(0, -1) : texts;
  for (const { text, plain } of apart) bodies.push({ body: { kind: "text", text }, plain });
  const above = isAbove ? last : { text: rules.chooseText, plain: rules.chooseText };
  for (let at = 0; at < buttons.length; at += whatsappLimits.rows) {
    const some = buttons.slice(at, at + whatsappLimits.rows);
    const said = at === 0 ? above : { text: rules.chooseText, plain: rules.chooseText };
    bodies.push(buttonsPart(some, said));
  }
  for (const file of outgoing.files ?? []) bodies.push(filePart(file));
  if (bodies.length === 0) bodies.push({ body: { kind: "text", text: "" }, plain: "" });
  return bodies.map((part, index) =>
    index > 0 || outgoing.answers === undefined
      ? part
      : { ...part, body: { ...part.body, answers: outgoing.answers } },
  );
}

// Labels that do not fit on a button are written out below the text: of ten rows at most 96 characters each.
function bodyRoom(buttons: readonly Button[]): number {
  const isWhole = buttons.every(({ label }) => label.length <= whatsappLimits.buttonTitle);
  return isWhole ? whatsappLimits.interactiveBody : whatsappLimits.interactiveBody / 2;
}

// What WhatsApp takes no file of is named instead: nothing is left out silently.
function filePart(file: OutgoingFile): Part {
  const said = `[${file.name}]`;
  if (kindOf(file) !== null) return { body: { kind: "file", file }, plain: said };
  const text = `${said.slice(0, 300)} could not be sent here: ${file.mediaType}, ${file.bytes} bytes.`;
  return { body: { kind: "text", text }, plain: text };
}
