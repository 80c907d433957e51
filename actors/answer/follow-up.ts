// Whether a short message is searched together with the one before it. "And how long does that take?"
// says nothing without it; "What is the capital of France?" does, and together with an earlier
// question it would find passages that are about that one. Where it cannot be told they go together.

import { isStopWord } from "../text/stop-words.ts";
import { wordsOf } from "../text/words.ts";

/** From this many characters on a message is never searched with the one before it. */
const LONG_CHARS = 40;
/** Words that say something, from which a question can stand alone. */
const CONTENT_MIN = 2;
/** Words of a message that are looked at: in a short one all of them. */
const WORDS_MAX = 40;

/**
 * Words that point back or go on, normalised, but for those that are common words of another language.
 * An article that looks like one (`das`, `o`) only costs a joint search.
 */
const POINTERS = new Set(
  [
    "it its that this these those they them their he him his she her there then one ones same other others else",
    "instead again too also more and but or so because both either neither former latter",
    "das dies diese dieser dieses diesen dafur damit davon dabei dazu darin daran er ihn ihm ihr dort dann auch und aber oder sonst",
    "eso esto esta este estos estas ese esa esos esas ello ella ellas ellos lo tambien y pero o entonces",
    "cela ca ce cet cette ces il elle ils elles leur leurs y aussi et mais ou alors",
    "quello quella questo questa questi queste lei lui loro anche e ma allora",
    "isso isto aquilo esse essa ele ela eles elas tambem mas entao",
    "dat dit deze hij zij hen hun daar dan ook maar",
    "tego tym ono tam tez ale albo wtedy bu su onlar ama",
    "это этот эта эти того этого он она оно они его ее их там тогда тоже также и а но или",
  ].flatMap((words) => words.split(" ")),
);

/** What is looked up for a message. */
export function searchedFor(message: string, previous: string | undefined): string {
  const isAlone = previous === undefined || message.length >= LONG_CHARS || standsAlone(message);
  return isAlone ? message : `${message}\n${previous}`;
}

function standsAlone(message: string): boolean {
  if (!/[?？]\s*$/.test(message)) return false;
  const words = wordsOf(message, WORDS_MAX);
  if (words.some(({ text, dense }) => dense || POINTERS.has(text))) return false;
  return words.filter(({ text }) => !isStopWord(text)).length >= CONTENT_MIN;
}
