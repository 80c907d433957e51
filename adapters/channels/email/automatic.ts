// Mail that nobody has written: it is never answered, or two programs write to each other until a disk is
// full (RFC 3834, and what mail programs do besides).

import { domainOf, localOf } from "./address.ts";
import type { Mail } from "./mail.ts";

const NOBODY =
  /^(?:mailer-?daemon|postmaster|no-?_?reply|do-?_?not-?_?reply|bounces?|auto-?reply|automailer|daemon|root|nobody)$/;
const NOBODY_BEGIN = /^(?:bounces?|no-?reply|do-?not-?reply)[-+=._]/;
/** Present in what auto-responders send, whatever they say. */
const MARKS = [
  "x-autoreply",
  "x-autorespond",
  "x-autoresponder",
  "x-autoreply-from",
  "x-failed-recipients",
];

/** Whose mailbox it came to. */
export interface Own {
  readonly own: ReadonlySet<string>;
  readonly answerLists: ReadonlySet<string>;
  /** The value of our X-Loop. */
  readonly loop: string;
}

/** Why it is automatic, in a word; null: somebody has written it. */
export function automaticBy(
  mail: Mail,
  sender: string,
  { own, answerLists, loop }: Own,
): string | null {
  const first = (name: string) => mail.header(name)[0]?.trim().toLowerCase();
  const word = (name: string) => first(name)?.split(/[;\s(]/, 1)[0];
  const submitted = word("auto-submitted");
  if (submitted !== undefined && submitted !== "" && submitted !== "no") return "auto-submitted";
  if (mail.header("return-path").some((path) => path.replace(/\s/g, "") === "<>"))
    return "return-path";
  if (/^multipart\/report\b/.test(first("content-type") ?? "")) return "report";
  if (mail.header("x-loop").some((value) => value.trim().toLowerCase() === loop)) return "x-loop";
  const marked = MARKS.find((name) => mail.header(name).length > 0);
  if (marked !== undefined) return marked;
  if (/\b(?:all|autoreply)\b/.test(first("x-auto-response-suppress") ?? "")) return "suppressed";
  const list = listOf(mail);
  if (list !== null && !answerLists.has(list)) return "list";
  const precedence = word("precedence") ?? "";
  if (/^(?:bulk|junk|auto[_-]reply)$/.test(precedence) && list === null) return "precedence";
  // "list" alone is also written by forwarders of a company: then we are among the recipients.
  if (
    precedence === "list" &&
    list === null &&
    !mail.recipients.some((one) => own.has(plain(one)))
  ) {
    return "precedence";
  }
  const { local } = localOf(sender);
  return NOBODY.test(local) || NOBODY_BEGIN.test(`${local}${sender.includes("+") ? "+" : ""}`)
    ? "sender"
    : null;
}

/** The id of the list that a mail came over, without its title; "" when it has none but says that it is one. */
function listOf(mail: Mail): string | null {
  const [id] = mail.header("list-id");
  if (id !== undefined) return (/<([^<>]+)>/.exec(id)?.[1] ?? id).trim().toLowerCase();
  const isList = ["list-unsubscribe", "list-post"].some((name) => mail.header(name).length > 0);
  return isList ? "" : null;
}

/** An address without its +tag. */
export function plain(id: string): string {
  return `${localOf(id).local}@${domainOf(id)}`;
}
