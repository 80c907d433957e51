// Choices as WhatsApp shows them: up to three as buttons, up to ten as the rows of a list. Titles have to
// be short and different from each other; what does not fit is written out above.

import type { Button, Part } from "../../../actors/channels/outgoing.ts";
import { shortened } from "../format/button-rows.ts";
import { whatsappLimits } from "./limits.ts";

/** Said on the button that opens a list. */
const OPEN_LIST = "☰";

/** One message of at most ten choices below a text. */
export function buttonsPart(
  buttons: readonly Button[],
  above: { readonly text: string; readonly plain: string },
): Part {
  const isList = buttons.length > whatsappLimits.buttons;
  const titles = titlesOf(buttons, isList ? whatsappLimits.rowTitle : whatsappLimits.buttonTitle);
  const cut = buttons.flatMap(({ label }, at) =>
    titles[at] === label ? [] : [`${titles[at]}: ${label}`],
  );
  // A row has room for the label itself; buttons have none.
  const notes = isList ? [] : cut;
  const text = fitted(above.text, notes);
  const interactive = isList
    ? {
        type: "list",
        body: { text },
        action: { button: OPEN_LIST, sections: [section(buttons, titles)] },
      }
    : { type: "button", body: { text }, action: { buttons: replies(buttons, titles) } };
  const labels = buttons.map(({ label }) => `[${label}]`).join(" ");
  return { body: { kind: "interactive", interactive }, plain: `${above.plain}\n${labels}` };
}

function replies(buttons: readonly Button[], titles: readonly string[]) {
  return buttons.map(({ action }, at) => ({
    type: "reply",
    reply: { id: action, title: titles[at] },
  }));
}

function section(buttons: readonly Button[], titles: readonly string[]) {
  const rows = buttons.map(({ action, label }, at) => ({
    id: action,
    title: titles[at],
    ...(titles[at] !== label && { description: shortened(label, whatsappLimits.rowDescription) }),
  }));
  return { rows };
}

// WhatsApp refuses two equal titles: what is equal once it is cut has its number before it.
function titlesOf(buttons: readonly Button[], max: number): string[] {
  const cut = buttons.map(({ label, action }) => shortened(label.trim() || action, max));
  return cut.map((title, at) =>
    cut.some((other, index) => index !== at && other === title)
      ? shortened(`${at + 1}. ${title}`, max)
      : title,
  );
}

function fitted(text: string, notes: readonly string[]): string {
  const said = [text, ...notes].filter((line) => line !== "").join("\n");
  return shortened(said, whatsappLimits.interactiveBody);
}
