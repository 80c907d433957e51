// What an account has of the server in tests of adapters: calls through the real egress guard, a mailbox
// over tables in memory, a clock that stands, and a log that is kept to be looked through.

import type { ChannelEnvironment, PlatformAnswer } from "../../../adapters/channels/adapter.ts";
import { createMailboxes } from "../../../adapters/channels/mailboxes.ts";
import { createEgress, type EgressPolicy } from "../../../adapters/egress.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Tables } from "../../../runtime/system.ts";
import { memoryTables } from "../../http/memory-tables.ts";

/** An environment, and what a test does with it. */
export interface TestEnvironment extends ChannelEnvironment {
  readonly mailbox: NonNullable<ChannelEnvironment["mailbox"]>;
  /** Everything that was logged, as text. */
  readonly logged: string[];
  setNow(ms: number): void;
  close(): void;
}

/** Files by id, and where calls may go. */
export interface TestEnvironmentOptions {
  readonly egress?: Partial<EgressPolicy>;
  readonly files?: Readonly<Record<string, Uint8Array>>;
  readonly tables?: Tables;
  readonly nowMs?: number;
}

/** An environment of its own. */
export function testEnvironment(options: TestEnvironmentOptions = {}): TestEnvironment {
  const egress = createEgress({ allowedHosts: [], ...options.egress });
  let now = options.nowMs;
  const nowMs = () => now ?? Date.now();
  const logged: string[] = [];
  const note = (...said: unknown[]) => {
    logged.push(JSON.stringify(said));
  };
  const kept = new Map<string, string>();
  const mailboxes = createMailboxes({ tables: options.tables ?? memoryTables(), nowMs });
  return {
    account: "ch_test",
    logged,
    setNow: (ms) => {
      now = ms;
    },
    close: () => egress.close(),
    nowMs,
    log: { write: note },
    mailbox: mailboxes.of({ tenant: "tn_1", channel: "ch_test" }),
    kept: {
      get: async (name) => kept.get(name) ?? null,
      update: async (name, change) => {
        const after = await change(kept.get(name) ?? null);
        kept.set(name, after);
        return after;
      },
    },
    readFile: async ({ id }) => options.files?.[id] ?? new Uint8Array(),
    call: async ({ signal, bytesMax = 1024 * 1024, ...request }): Promise<PlatformAnswer> => {
      try {
        const answer = await egress.request({
          ...request,
          signal,
          limits: { bytesMax },
          redirects: "show",
        });
        const pieces: Buffer[] = [];
        await answer.read((piece) => pieces.push(piece));
        const headers = Object.entries(answer.headers).map(([name, value]) => [
          name,
          String(value),
        ]);
        return {
          reached: true,
          status: answer.status,
          headers: Object.fromEntries(headers) as Record<string, string>,
          body: Buffer.concat(pieces),
        };
      } catch (error) {
        if (!(error instanceof RuntimeError)) throw error;
        const mayHaveArrived = error.code !== "EGRESS_REFUSED";
        return { reached: false, mayHaveArrived, reason: `${error.code}: ${error.message}` };
      }
    },
  };
}
