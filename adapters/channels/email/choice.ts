// Buttons in a mail: lines that say what to reply, and the reply understood. A mail program can press
// nothing; a person writes the word, and what they quote below it says which question it answers.

import type { Button } from "../../../actors/channels/outgoing.ts";
import { headerText } from "./address.ts";
import { emailLimits } from "./limits.ts";

const ACTION = "[A-Za-z0-9_.:-]{1,64}";
const MARK = new RegExp(`\\[#(${ACTION})\\]`);
const TYPED = new RegExp(`^(?:approve|reject)\\s+#?(${ACTION})[.!]?$`, "i");
/** Shorter ones would be words: "approve tomorrow". */
const TYPED_CHARS_MIN = 8;
const QUOTED_LINES = 1_000;

/** What stands below a message that has buttons. */
export function choiceLines(buttons: readonly Button[]): string {
  const lines = buttons.map(({ label, action }) => `${wordOf(label)} [#${action}]`);
  return `To answer, reply with one of these lines, or with its words alone:\n\n${lines.join("\n")}`;
}

/**
 * The action that a mail chooses with its first line; null: it is a mail like others.
 * @param text its own words. @param whole with what it quotes.
 */
export function choiceIn(text: string, whole: string): string | null {
  const first =
    text
      .split("\n")
      .find((line) => line.trim() !== "")
      ?.trim() ?? "";
  if (first === "" || first.length > 2 * emailLimits.nameChars || first.startsWith(">"))
    return null;
  const marked = MARK.exec(first)?.[1];
  if (marked !== undefined) return marked;
  const typed = TYPED.exec(first)?.[1];
  if (typed !== undefined && isToken(typed)) return typed;
  const said = wordOf(first.replace(/[.!]+$/, ""));
  for (const line of whole.split("\n").slice(0, QUOTED_LINES)) {
    const short = line.slice(0, 3 * emailLimits.nameChars);
    const at = short.indexOf("[#");
    const action = at < 1 ? undefined : MARK.exec(short.slice(at))?.[1];
    if (action !== undefined && wordOf(unquoted(short.slice(0, at))) === said) return action;
  }
  return null;
}

function isToken(text: string): boolean {
  return text.length >= TYPED_CHARS_MIN && /[0-9_:]/.test(text);
}

const unquoted = (line: string) => line.replace(/^[>\s|*-]+/, "");

/** As it is compared, and shown: a label without marks of its own. */
function wordOf(label: string): string {
  return headerText(label.replace(/[[\]#*_`>]/g, " "), emailLimits.nameChars)
    .replace(/\s+/g, " ")
    .trim()
    .toUpperCase();
}
