// What a gateway says to its server while it runs: which channels its file names. The server switches off what no
// gateway names any more; one that has forgotten this gateway is given its file again.

import { randomUUID } from "node:crypto";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Claimed } from "../channels/claims.ts";
import type { ApiClient } from "../cli/api-client.ts";

/** One process of a gateway. */
export class Claim {
  readonly #api: Pick<ApiClient, "call">;
  readonly #path: string;
  readonly #isAlone: boolean;

  constructor(
    api: Pick<ApiClient, "call">,
    { name, isAlone }: { readonly name: string; readonly isAlone: boolean },
  ) {
    this.#api = api;
    this.#isAlone = isAlone;
    this.#path = `/v2/gateways/${encodeURIComponent(name)}/instances/${randomUUID()}`;
  }

  /** Names them. @throws RuntimeError with the server's words. */
  async say(channels: readonly string[]): Promise<Claimed> {
    try {
      const body = { channels, ...(this.#isAlone && { alone: true }) };
      return (await this.#api.call(this.#path, body, "PUT")) as Claimed;
    } catch (error) {
      // A server that is older than this program switches nothing off.
      if (!(error instanceof RuntimeError) || error.code !== "NOT_FOUND") throw error;
      return { known: true, gateways: [], paused: [] };
    }
  }

  /** It ends. Where that cannot be said, the server finds out. */
  async withdraw(): Promise<void> {
    await this.#api.call(this.#path, undefined, "DELETE").catch(() => undefined);
  }
}
