// What a policy has refused: who was not let in, may not, or has no money left. The first of a kind is told
// at once, the others of that minute are counted into one more row, so that whoever is refused a million
// times fills no disk.

import type { AuditDetails, AuditSource } from "../../actors/records/audit.ts";
import type { Log } from "../../runtime/log.ts";
import type { Tables, TableWrite } from "../../runtime/system.ts";
import { type AuditWhat, auditWrites } from "./audit-writes.ts";

/** Time that is counted together, ms. */
const TOGETHER_MS = 60_000;
/** Kinds that are told apart in one such time; all others of a tenant are one. */
export const KINDS_MAX = 1_000;
/** Begins the name of that one: no id of a tenant does. */
const OTHERS = "* ";

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
  /** Id of the budget that did not hold what it costs; absent: it was no budget. */
  readonly budget?: string;
}

/** An act that is told once of its kind, and counted. */
export interface CountedAct {
  /** Whose audit it is told in. */
  readonly tenant: string;
  readonly source: AuditSource;
  readonly what: AuditWhat;
  /** Those of one kind are counted together. */
  readonly kind: string;
}

/** Rows of one commit. */
const ROWS_AT_ONCE = 100;

interface Waiting {
  readonly tenant: string;
  readonly writes: readonly TableWrite[];
  written(): void;
}

interface Counted {
  readonly act: CountedAct;
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
    const { source, code, service, budget = "" } = refusal;
    // Who gives no name is told apart by the address.
    const who = source.by === "none" ? (source.from ?? "") : source.by;
    const kind = source.by === "none" ? `${code} ${who}` : `${code} ${who} ${service} ${budget}`;
    // Nobody waits for it: who is refused must not be able to tell.
    void this.tell({ ...actOf(refusal), kind });
  }

  /** Tells or counts one. @returns when it is written, at once when it is counted. */
  tell(act: CountedAct): Promise<void> {
    const kind = `${act.tenant} ${act.kind}`;
    const isFull = this.#counted.size >= KINDS_MAX;
    const name = isFull && !this.#counted.has(kind) ? `${OTHERS}${act.tenant}` : kind;
    const known = this.#counted.get(name);
    if (known !== undefined) {
      known.more += 1;
      return Promise.resolve();
    }
    this.#counted.set(name, { act, more: 0 });
    this.#timer ??= setTimeout(
      () => void this.end(),
      this.#options.togetherMs ?? TOGETHER_MS,
    ).unref();
    return this.#write(act, {});
  }

  /** Tells what was counted. @returns when it is written, or could not be. */
  async end(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const written = [...this.#counted].map(([kind, { act, more }]) => {
      const others = kind.startsWith(OTHERS) && { others: true };
      return more > 0 ? this.#write(act, { more, ...others }) : undefined;
    });
    this.#counted.clear();
    await Promise.all(written);
  }

  #write({ tenant, source, what }: CountedAct, more: AuditDetails): Promise<void> {
    const details = { ...what.details, ...more };
    const writes = auditWrites(source, { ...what, details });
    return new Promise((written) => {
      this.#waiting.push({ tenant, writes, written });
      if (!this.#isWriting) void this.#writeAll();
    });
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
      for (const { written } of some) written();
    }
    this.#isWriting = false;
  }
}

function actOf({
  tenant,
  source,
  code,
  service,
  method,
  budget,
}: Refusal): Omit<CountedAct, "kind"> {
  const what = {
    action: budget === undefined ? "request.refuse" : "budget.refuse",
    subject: budget ?? service,
    outcome: "refused",
    details: { code, service, method },
  } as const;
  return { tenant, source, what };
}
