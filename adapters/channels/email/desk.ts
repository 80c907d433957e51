// A second connection to the mailbox, for what is asked besides watching: files, copies of what was sent.
// One use at a time; it stays open a while for the next.

import type { ImapFlow } from "imapflow";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { ChannelEnvironment } from "../adapter.ts";
import { openImap } from "./imap.ts";
import { emailLimits } from "./limits.ts";
import type { EmailOptions } from "./settings.ts";

/** Uses of a mailbox, one after another. */
export class Desk {
  readonly #options: EmailOptions;
  readonly #environment: ChannelEnvironment;
  readonly #closing = new AbortController();
  #client: ImapFlow | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(options: EmailOptions, environment: ChannelEnvironment) {
    this.#options = options;
    this.#environment = environment;
  }

  /** @throws RuntimeError RATE_LIMITED when too many wait; what imapflow throws. */
  async use<Result>(
    work: (client: ImapFlow) => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result> {
    if (this.#waiting >= emailLimits.deskWaiting) {
      const text = `More than ${emailLimits.deskWaiting} uses wait for the mailbox.`;
      throw new RuntimeError("RATE_LIMITED", text);
    }
    this.#waiting += 1;
    const turn = this.#last.then(() => this.#work(work, signal));
    this.#last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#waiting -= 1;
    }
  }

  close(): void {
    this.#closing.abort();
    this.#leave();
  }

  async #work<Result>(
    work: (client: ImapFlow) => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result> {
    const gone = AbortSignal.any([signal, this.#closing.signal]);
    gone.throwIfAborted();
    clearTimeout(this.#idle);
    if (this.#client?.usable !== true) {
      this.#client = await openImap(this.#options, this.#environment, gone);
    }
    const client = this.#client;
    const abort = () => client.close();
    signal.addEventListener("abort", abort, { once: true });
    try {
      return await work(client);
    } catch (error) {
      // What state it is in is not known.
      this.#leave();
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
      this.#idle = setTimeout(() => this.#leave(), emailLimits.deskIdleMs).unref();
    }
  }

  #leave(): void {
    clearTimeout(this.#idle);
    this.#client?.close();
    this.#client = undefined;
  }
}
