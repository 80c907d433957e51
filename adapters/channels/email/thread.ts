// Which thread a mail belongs to. Nothing is looked up: its chain of ids says it. Whose thread it is does
// not depend on the chain at all: threads are parted by sender before they are told apart by root.

import { localOf } from "./address.ts";
import type { Mail } from "./mail.ts";
import { type Marks, threadOfRoot } from "./message-ids.ts";

/**
 * The thread of a mail from `sender`: that of a mark of ours made for this sender, nearest first; else of the
 * first id of its chain; else of itself.
 */
export function threadOf(mail: Mail, sender: string, marks: Marks): string {
  const nearest = [...mail.inReplyTo, ...mail.references.toReversed()];
  for (const id of nearest) {
    const thread = marks.threadOf(id, sender);
    if (thread !== null) return thread;
  }
  for (const address of mail.recipients) {
    const { tag } = localOf(address);
    const thread = tag === null ? null : marks.threadOfTag(tag, sender);
    if (thread !== null) return thread;
  }
  return threadOfRoot(mail.references[0] ?? mail.inReplyTo[0] ?? mail.id);
}

// "Re", "Fwd" and what mail programs write for them in other languages, with counters ("Re[2]:").
const PREFIX =
  /^\s*(?:re|aw|antw|antwort|sv|vs|ref|odp|rif|ynt|atb|fw|fwd|wg|tr|rv|enc|doorst|vb|vl)\s*(?:\[\d{1,3}\]|\(\d{1,3}\))?\s*[:：]\s*/i;
const PREFIXES_MAX = 20;

/** A subject without what mail programs put before it. */
export function bareSubject(subject: string): string {
  let bare = subject.trim();
  for (let count = 0; count < PREFIXES_MAX && PREFIX.test(bare); count += 1) {
    bare = bare.replace(PREFIX, "");
  }
  return bare.trim();
}

/** The subject of an answer: "Re:" once. */
export function replySubject(subject: string): string {
  const bare = bareSubject(subject);
  return bare === "" ? "Re: your message" : `Re: ${bare}`;
}
