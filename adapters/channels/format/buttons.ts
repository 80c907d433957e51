// Buttons where a platform has none: lines that say what to reply, and the reply understood.

import type { Button } from "../../../actors/channels/outgoing.ts";
import { type Item, text } from "./document.ts";
import { formatLimits } from "./limits.ts";
import { markdownText } from "./write.ts";

const REPLY = "Reply with a number:";

/**
 * What stands below a message with buttons, as Markdown; "" without any.
 * @param words above the choices, in the channel's language.
 */
export function writtenButtons(buttons: readonly Button[], words = REPLY): string {
  if (buttons.length === 0) return "";
  const items = buttons.map(({ label }): Item => {
    return { isDone: null, children: [{ type: "paragraph", children: [text(shown(label))] }] };
  });
  const above = { type: "paragraph", children: [text(words)] } as const;
  return markdownText.blocks([above, { type: "list", start: 1, items }]);
}

/** The action that a reply chooses, by its number or its label; null: it is a message like others. */
export function chosenAction(reply: string, buttons: readonly Button[]): string | null {
  const said = plain(reply.slice(0, formatLimits.replyChars));
  const chosen = buttons.filter(
    ({ label }, at) => said === String(at + 1) || said === plain(shown(label)),
  );
  return chosen.length === 1 ? (chosen[0]?.action ?? null) : null;
}

function shown(label: string): string {
  return label.replaceAll(/\s+/g, " ").trim();
}

/** Without what people add: `1.`, "Approve!", *1*. */
function plain(said: string): string {
  return said.replaceAll(/^[\s"'*_#(]+|[\s"'*_.!)]+$/g, "").toLowerCase();
}
