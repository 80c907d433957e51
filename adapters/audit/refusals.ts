// What a policy has refused: who was not let in, may not, or has no money left. The first of a kind is told
// at once, the others of that minute are counted into one more row, so that whoever is refused a million
// times fills no disk.

import type { AuditSource } from "../../actors/records/audit.ts";
import type { Log } from "../../runtime/log.ts";
import type { Tables, TableWrite } from "../../runtime/system.ts";
import { auditWrites } from "./audit-writes.ts";

/** Time that is counted together, ms. */
const TOGETHER_MS = 60_000;
/** Kinds of refusals that are told apart in one such time; all others are one. */
export const KINDS_MAX = 1_000;

/** A refusal. */
export interface Refusal {
  /** Whose audit it is told in. */
  readonly tenant: string;
  readonly source: AuditSource;
  /** Code of the error. */
  readonly code: string;
  /** The service that was asked for. */
  readonly service: string;
  readonly method: string;
}

/** Rows of one commit. */
const ROWS_AT_ONCE = 100;

interface Waiting {
  readonly tenant: string;
  readonly writes: readonly TableWrite[];
}

interface Counted {
  readonly refusal: Refusal;
  more: number;
}

/** What it works with. */
export interface RefusalOptions {
  readonly tables: Tables;
  readonly log: Log;
  /** Default 60,000. */
  readonly togetherMs?: number;
}

/** Tells refusals. */
export class Refusals {
  readonly #options: RefusalOptions;
  readonly #counted = new Map<string, Counted>();
  /** At most two rows of each kind of the time. */
  #waiting: Waiting[] = [];
  #isWriting = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: RefusalOptions) {
    this.#options = options;
  }

  /** Tells or counts one. */
  note(refusal: Refusal): void {
    const { source, code, service } = refusal;
    // Who gives no name is told apart by the address.
    const who = source.by === "none" ? (source.from ?? "") : source.by;
    const kind = source.by === "none" ? `${code} ${who}` : `${code} ${who} ${service}`;
    const isFull = this.#counted.size >= KINDS_MAX;
    const name = isFull && !this.#counted.has(kind) ? "" : kind;
    const known = this.#counted.get(name);
    if (known !== undefined) {
      known.more += 1;
      return;
    }
    this.#counted.set(name, { refusal, more: 0 });
    this.#write(refusal, {});
    this.#timer ??= setTimeout(() => this.end(), this.#options.togetherMs ?? TOGETHER_MS).unref();
  }

  /** Tells what was counted. */
  end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const [kind, { refusal, more }] of this.#counted) {
      if (more > 0) this.#write(refusal, { more, ...(kind === "" && { others: true }) });
    }
    this.#counted.clear();
  }

  #write({ tenant, source, code, service, method }: Refusal, more: object): void {
    const details = { code, service, method, ...more };
    const what = {
      action: "request.refuse",
      subject: service,
      outcome: "refused",
      details,
    } as const;
    this.#waiting.push({ tenant, writes: auditWrites(source, what) });
    // Nobody waits for it: who is refused must not be able to tell.
    if (!this.#isWriting) void this.#writeAll();
  }

  /** One batch after the other: who writes otherwise is not held up by a crowd that is refused. */
  async #writeAll(): Promise<void> {
    const { tables, log } = this.#options;
    this.#isWriting = true;
    for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
      const { tenant } = first;
      const some = this.#waiting.filter((one) => one.tenant === tenant).slice(0, ROWS_AT_ONCE);
      this.#waiting = this.#waiting.filter((one) => !some.includes(one));
      try {
        await tables.write(
          tenant,
          some.flatMap(({ writes }) => writes),
          "committed",
        );
      } catch (error) {
        const text = "Refusals could not be put into the audit.";
        log.write("warn", text, { tenant, rows: some.length, err: error });
      }
    }
    this.#isWriting = false;
  }
}
