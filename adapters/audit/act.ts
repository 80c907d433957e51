// The act that main is about: who asked for it and from where, known to all that is written on its
// behalf without being handed from function to function. Kept only while an administrative request is
// answered: with none under way, the rest of the process pays nothing for it.

import { AsyncLocalStorage } from "node:async_hooks";
import type { AuditSource } from "../../actors/records/audit.ts";

/** An act under way. */
export interface Act extends AuditSource {
  /** Tenant of who acts. */
  readonly tenant: string;
  /** What is done, e.g. "agent.rollback": the action of the first row about a record of that kind. */
  readonly action: string;
  /** Told of each row that is written for it. */
  readonly wrote?: (action: string) => void;
}

/** Acts under way. */
export class Acts {
  /** Tenants in which rows have arrived that main wrote: who chains them takes them out. */
  readonly arrived = new Set<string>();
  readonly #storage = new AsyncLocalStorage<Act>();
  #underWay = 0;

  /** The act on whose behalf the caller runs; undefined: of the server's own accord. */
  current(): Act | undefined {
    return this.#underWay === 0 ? undefined : this.#storage.getStore();
  }

  /** Runs something on behalf of an act. */
  async run<T>(act: Act, work: () => T | Promise<T>): Promise<T> {
    this.#underWay += 1;
    try {
      return await this.#storage.run(act, work);
    } finally {
      this.#underWay -= 1;
      // Node's promises cost more while a storage is in use, also those of chats.
      if (this.#underWay === 0) this.#storage.disable();
    }
  }
}

/** What no request has asked for. */
export const byServer: AuditSource = { by: "server", role: null, channel: "server" };
