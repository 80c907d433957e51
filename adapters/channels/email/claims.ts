// Who takes a mail in, where several servers watch one folder. The mails themselves say it, by keywords that
// the mail server changes only as they were seen (CONDSTORE, RFC 7162): `by` is set before a mail is taken in,
// by one server alone, `taken` when it has been. Who has claimed last is the one that answers; the others
// stand back until a mail lies unclaimed for long. Between `by` and `taken` a server may die: it knows its own
// claim again by what it stored before it, and is overtaken when it does not come back.

import type { FetchMessageObject, ImapFlow } from "imapflow";
import { within } from "./imap.ts";
import { emailLimits } from "./limits.ts";

const TAKEN = "$TroupeTaken";
const BY = "$TroupeBy_";

/** What the keywords of a mail say. */
export interface Claim {
  /** Who has claimed it: one, but for what people do to keywords. */
  readonly by: readonly string[];
  readonly isTaken: boolean;
  /** As seen: a change that came between is noticed. */
  readonly modseq: bigint;
  readonly flags: readonly string[];
}

/** Whether servers can agree here: keywords of ours are kept, and changed only as they were seen. */
export function canClaim({ mailbox, enabled }: ImapFlow): boolean {
  return (
    mailbox !== false &&
    mailbox.readOnly !== true &&
    mailbox.noModseq !== true &&
    mailbox.permanentFlags?.has("\\*") === true &&
    enabled.has("CONDSTORE")
  );
}

/** Reads it. A server that does not say a mod-sequence has no claims. */
export function claimOf({ flags = new Set(), modseq }: FetchMessageObject): Claim | null {
  if (modseq === undefined) return null;
  const all = [...flags];
  const by = all
    .filter((flag) => flag.toLowerCase().startsWith(BY.toLowerCase()))
    .map((flag) => flag.slice(BY.length).toLowerCase());
  const isTaken = all.some((flag) => flag.toLowerCase() === TAKEN.toLowerCase());
  return { by, isTaken, modseq, flags: all };
}

/** What is to be done with a mail. */
export type Turn =
  | { readonly type: "skip" | "take" | "claim" | "overtake" }
  /** It is looked at again. */
  | { readonly type: "wait"; readonly ms: number };

/** What one server knows of a mail whose turn it is. */
export interface Standing {
  readonly claim: Claim;
  /** Its own id, and who has claimed last; null: nobody that is known. */
  readonly own: string;
  readonly holder: string | null;
  /** It has stored that it is about to claim this one. */
  readonly isPrepared: boolean;
  /** How long it has seen the mail as it is, ms. */
  readonly seenMs: number;
}

/** Whose turn a mail is. */
export function turnOf({ claim, own, holder, isPrepared, seenMs }: Standing): Turn {
  const { standBackMs, overtakeMs, claimLookMs } = emailLimits;
  const after = (ms: number, type: "claim" | "overtake"): Turn =>
    seenMs >= ms ? { type } : { type: "wait", ms: Math.min(claimLookMs, ms - seenMs) };
  if (claim.isTaken) return { type: "skip" };
  const [by, ...others] = claim.by;
  if (by === undefined)
    return holder === null || holder === own ? after(0, "claim") : after(standBackMs, "claim");
  if (by === own && others.length === 0 && isPrepared) return { type: "take" };
  return after(overtakeMs, "overtake");
}

/**
 * What became of a claim. changed: somebody was faster, or people did something with it. unsure: the server said
 * nothing of the mail, which may be gone. refused: it keeps no keyword more.
 */
export type Claimed = "ours" | "changed" | "unsure" | "refused";

/** Claims a mail as it was seen; another's claim goes. */
export async function claim(
  client: ImapFlow,
  uid: number,
  {
    seen,
    own,
    timeoutMs,
  }: { readonly seen: Claim; readonly own: string; readonly timeoutMs: number },
): Promise<Claimed> {
  const kept = seen.flags.filter(
    (flag) => flag !== "\\Recent" && !flag.toLowerCase().startsWith(BY.toLowerCase()),
  );
  const change: Change =
    seen.by.length === 0
      ? { item: "+FLAGS.SILENT", flags: [BY + own] }
      : { item: "FLAGS.SILENT", flags: [...kept, BY + own] };
  return await within(client, stored(client, uid, seen.modseq, change), timeoutMs);
}

/** It has been taken in. */
export async function markTaken(client: ImapFlow, uid: number, timeoutMs: number): Promise<void> {
  const work = client.messageFlagsAdd(String(uid), [TAKEN], { uid: true, silent: true });
  await within(client, work, timeoutMs);
}

interface Change {
  readonly item: string;
  readonly flags: readonly string[];
}

/** What imapflow has and keeps to itself: its own STORE does not tell that a condition was not met. */
interface Commands {
  exec(
    command: string,
    attributes: readonly unknown[],
    options: { readonly untagged: { readonly FETCH: () => Promise<void> } },
  ): Promise<{ readonly response?: Answer; next(): void }>;
}

interface Answer {
  readonly attributes?: readonly { readonly section?: readonly { readonly value?: unknown }[] }[];
}

async function stored(
  client: ImapFlow,
  uid: number,
  modseq: bigint,
  { item, flags }: Change,
): Promise<Claimed> {
  const atom = (value: string) => ({ type: "ATOM", value });
  const asked = [
    { type: "SEQUENCE", value: String(uid) },
    [atom("UNCHANGEDSINCE"), atom(String(modseq))],
    atom(item),
    flags.map(atom),
  ];
  // A server tells the new mod-sequence of what it has changed, also where it is asked to be silent.
  let isTold = false;
  const untagged = {
    FETCH: async () => {
      isTold = true;
    },
  };
  // Ends IDLE, which begins anew only when nothing is under way.
  await client.noop();
  try {
    const answer = await (client as unknown as Commands).exec("UID STORE", asked, { untagged });
    answer.next();
    if (isModified(answer.response)) return "changed";
    return isTold ? "ours" : "unsure";
  } catch (error) {
    const { responseStatus, response } = error as {
      readonly responseStatus?: unknown;
      readonly response?: Answer;
    };
    if (responseStatus !== "NO") throw error;
    return isModified(response) ? "changed" : "refused";
  }
}

function isModified(answer: Answer | undefined): boolean {
  const code = answer?.attributes?.[0]?.section?.[0]?.value;
  return String(code).toUpperCase() === "MODIFIED";
}
