// Message-IDs: those of a mail's chain, and ours. Ours say which thread they belong to and are signed
// together with the person they were sent to, so that nothing has to be kept to find the thread again and
// nobody enters another person's by writing its ids.

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { emailLimits } from "./limits.ts";

// Comments around ids are common: `<p@x> (from Outlook)`.
const ID = /<[^<>\s]{1,998}>/g;
const OURS = /^<t\.([a-z0-9]{16})\.([a-z0-9]{20})\.([a-f0-9]{20})@([^<>@\s]+)>$/;
const TAG = /^t\.([a-z0-9]{16})\.([a-f0-9]{20})$/;
const THREAD_CHARS = 16;
const KEY_CHARS = 20;
const MAC_CHARS = 20;

/** The ids in a header's value, in their order; what is no printable ASCII or too long is none. */
export function idsIn(value: string | undefined): readonly string[] {
  const found = (value ?? "").match(ID) ?? [];
  return found
    .filter((id) => id.length <= emailLimits.idChars && /^[\x21-\x7e]+$/.test(id))
    .slice(-emailLimits.references);
}

/** The name of a thread that began with this id. */
export function threadOfRoot(root: string): string {
  return digest("thread", root).slice(-THREAD_CHARS);
}

/** Our marks, in Message-IDs and +tags. */
export interface Marks {
  /** The same for the same key: a mail that is sent twice is one mail to whoever gets it. */
  messageId(of: { readonly thread: string; readonly key: string; readonly to: string }): string;
  /** The thread of an id that we made for this person; null: it is not ours, or was made for another. */
  threadOf(id: string, person: string): string | null;
  /** Of our address, for Reply-To. */
  tag(thread: string, person: string): string;
  threadOfTag(tag: string, person: string): string | null;
}

/** Marks under a secret. */
export function marks(secret: string, domain: string): Marks {
  const mac = (...parts: readonly string[]) =>
    createHmac("sha256", secret).update(JSON.stringify(parts)).digest("hex").slice(0, MAC_CHARS);
  const isSame = (one: string, other: string) =>
    one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
  return {
    messageId: ({ thread, key, to }) => {
      const hash = digest("key", key).slice(-KEY_CHARS);
      return `<t.${thread}.${hash}.${mac("id", thread, hash, to)}@${domain}>`;
    },
    threadOf: (id, person) => {
      const [, thread = "", hash = "", given = ""] = OURS.exec(id) ?? [];
      return given !== "" && isSame(given, mac("id", thread, hash, person)) ? thread : null;
    },
    tag: (thread, person) => `t.${thread}.${mac("tag", thread, person)}`,
    threadOfTag: (tag, person) => {
      const [, thread = "", given = ""] = TAG.exec(tag) ?? [];
      return given !== "" && isSame(given, mac("tag", thread, person)) ? thread : null;
    },
  };
}

/** The references of an answer: the chain and what it answers, the middle left out when it is long (RFC 5322 3.6.4). */
export function referencesFor(chain: readonly string[], parent: string): readonly string[] {
  const all = [...new Set([...chain, parent])];
  const [first, ...others] = all;
  if (first === undefined) return [];
  let room = emailLimits.referencesBytes - first.length;
  const last: string[] = [];
  for (const id of others.reverse()) {
    room -= id.length + 1;
    if (room < 0) break;
    last.unshift(id);
  }
  return [first, ...last];
}

function digest(what: string, text: string): string {
  const hash = createHash("sha256").update(`${what}:${text}`).digest();
  // In lower case: mail systems fold the case of ids and addresses.
  return BigInt(`0x${hash.toString("hex")}`)
    .toString(36)
    .padStart(50, "0");
}
