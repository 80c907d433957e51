// The copy in the sent folder, by which a send whose answer was lost is found again. It is written before
// the mail goes out, marked as a draft, and the mark is taken away when the server has taken the mail:
// without a copy it was not sent, with an unmarked one it was, with a marked one nobody knows. Sending that
// last one again is mostly harmless: it has the same Message-ID, and mail systems show it once.

import type { ImapFlow } from "imapflow";
import type { Reconciled } from "../../../actors/channels/outgoing.ts";
import type { Composed } from "./compose.ts";
import { within } from "./imap.ts";
import type { EmailOptions } from "./settings.ts";

/** What a sent folder says of a mail. */
export type Copy = "none" | "draft" | "sent";

/** A sent folder. */
export class SentFolder {
  readonly #options: EmailOptions;
  #path: string | undefined;

  constructor(options: EmailOptions) {
    this.#options = options;
  }

  /** Whether a server keeps copies by itself: it is searched then, and nothing is written. */
  keepsItself(client: ImapFlow): boolean {
    return client.capabilities.has("X-GM-EXT-1");
  }

  /** @throws what imapflow throws. */
  async lookFor(client: ImapFlow, id: string): Promise<Copy> {
    const uids = await this.#find(client, id);
    if (uids.length === 0) return "none";
    const drafts = await this.#find(client, id, true);
    return drafts.length < uids.length ? "sent" : "draft";
  }

  /** Before it is sent. */
  async note(client: ImapFlow, { id, raw }: Composed): Promise<void> {
    if ((await this.#find(client, id)).length > 0) return;
    const path = await this.#folder(client);
    const flags = ["\\Seen", "\\Draft"];
    const ms = this.#options.timeoutMs + raw.length / 100;
    const noted = await within(client, client.append(path, raw, flags), ms);
    if (noted === false) throw new Error(`the folder ${path} takes no copy`);
  }

  /** The server has taken it. */
  async confirm(client: ImapFlow, id: string): Promise<void> {
    const uids = await this.#find(client, id);
    if (uids.length === 0) return;
    const work = client.messageFlagsRemove(uids, ["\\Draft"], { uid: true });
    await within(client, work, this.#options.timeoutMs);
  }

  /** The server has refused it. */
  async withdraw(client: ImapFlow, id: string): Promise<void> {
    const uids = await this.#find(client, id, true);
    if (uids.length === 0) return;
    await within(client, client.messageDelete(uids, { uid: true }), this.#options.timeoutMs);
  }

  async #find(client: ImapFlow, id: string, draft?: true): Promise<number[]> {
    const path = await this.#folder(client);
    const { timeoutMs } = this.#options;
    await within(client, client.mailboxOpen(path), timeoutMs);
    const query = { header: { "message-id": id }, ...(draft === undefined ? {} : { draft }) };
    const found = await within(client, client.search(query, { uid: true }), timeoutMs);
    if (found === false || found === undefined) throw new Error(`${path} cannot be searched`);
    return found;
  }

  async #folder(client: ImapFlow): Promise<string> {
    this.#path ??= this.#options.sentMailbox ?? (await this.#marked(client));
    return this.#path;
  }

  async #marked(client: ImapFlow): Promise<string> {
    const folders = await within(client, client.list(), this.#options.timeoutMs);
    const marked = folders.find(({ specialUse }) => specialUse === "\\Sent");
    if (marked !== undefined) return marked.path;
    throw new Error("the server marks no sent folder: set sent_mailbox, or sent_copies to false");
  }
}

/** What a copy says of a send whose answer was lost. */
export function reconciledBy(copy: Copy, id: string, isOurs: boolean): Reconciled {
  if (copy === "sent") return { state: "sent", receipt: { id } };
  // Where the server writes copies itself, it may do so only later.
  return copy === "none" && isOurs ? { state: "not_sent" } : { state: "unknown" };
}
