// Says whether the audit of a tenant is whole: every entry hashed again, in order, from the anchor to the
// head. It trusts nothing but what it computes, and names the first entry that is wrong, and how.

import { canonicalHash } from "./canonical.ts";
import {
  type ChainAnchor,
  type ChainKey,
  type ChainPlace,
  hashOfEntry,
  isMacOf,
  NO_HASH,
} from "./chain.ts";
import type { AuditLine } from "./export-lines.ts";

/** Entries looked at for one that is not where it belongs. */
const LOOK_AHEAD = 1_000;

/** What is wrong with an entry. */
export type AuditFault =
  /** It is not what was hashed. */
  | "changed"
  /** What could be erased of it was put in or exchanged. */
  | "content-changed"
  /** Its number is skipped. */
  | "missing"
  /** It stands elsewhere. */
  | "reordered"
  /** It follows another one than the one before it. */
  | "inserted"
  /** The chain ends before it. */
  | "truncated"
  /** Its code is not of the key, or it has none. */
  | "forged"
  /** No chain at all: what was given is no export. */
  | "unreadable";

/** What was found. */
export interface AuditVerdict {
  readonly tenant: string | null;
  /** Entries that were found right, before the fault if there is one. */
  readonly entries: number;
  /** Of them: whose content was erased, and that have a code of the key. */
  readonly erased: number;
  readonly signed: number;
  /** Rows that have arrived and are in no chain yet. */
  readonly fresh: number;
  /** The last right place: what a later look can be held against. */
  readonly head: ChainPlace;
  readonly fault: { readonly n: number; readonly kind: AuditFault; readonly text: string } | null;
}

/** What the chain is held against. */
export interface VerifyOptions {
  /** A place that was seen earlier: it must be in the chain. */
  readonly seen?: ChainPlace | null;
  /** The keys it was signed by, entry by entry; absent: codes are not looked at. */
  readonly keys?: readonly ChainKey[];
}

/** Looks through the lines of an export. */
export async function verifyAudit(
  lines: AsyncIterable<AuditLine>,
  options: VerifyOptions = {},
): Promise<AuditVerdict> {
  const check = new Check(options);
  for await (const line of lines) if (!check.take(line)) return check.verdict();
  return check.end();
}

type EntryLine = Extract<AuditLine, { type: "entry" }>;

class Check {
  readonly #options: VerifyOptions;
  #tenant: string | null = null;
  #place: ChainPlace = { n: 0, hash: NO_HASH };
  #entries = 0;
  #erased = 0;
  #signed = 0;
  #fresh = 0;
  #end: ChainPlace | null = null;
  #seenHash: string | null = null;
  /** Entries after a gap, until it is known whether the one that lacks comes. */
  #ahead: EntryLine[] | null = null;
  #fault: AuditVerdict["fault"] = null;

  constructor(options: VerifyOptions) {
    this.#options = options;
  }

  verdict(): AuditVerdict {
    return {
      ...{ tenant: this.#tenant, entries: this.#entries, erased: this.#erased },
      ...{ signed: this.#signed, fresh: this.#fresh, head: this.#place, fault: this.#fault },
    };
  }

  /** @returns whether to go on. */
  take(line: AuditLine): boolean {
    if (line.type === "audit") return this.#begin(line);
    if (this.#tenant === null)
      return this.#wrong(0, "unreadable", "It does not begin as an export.");
    if (this.#end !== null)
      return this.#wrong(0, "unreadable", "There is something after its end.");
    if (line.type === "fresh") {
      this.#fresh += 1;
      return true;
    }
    if (line.type === "end") {
      this.#end = line.head;
      return true;
    }
    return this.#entry(line);
  }

  end(): AuditVerdict {
    if (this.#fault === null) this.#closed();
    return this.verdict();
  }

  #begin({ tenant, anchor }: Extract<AuditLine, { type: "audit" }>): boolean {
    if (this.#tenant !== null) return this.#wrong(0, "unreadable", "It begins twice.");
    this.#tenant = tenant;
    if (anchor === null) return true;
    this.#place = { n: anchor.n, hash: anchor.hash };
    this.#note(this.#place);
    return this.#isSigned(anchor);
  }

  #entry(line: EntryLine): boolean {
    const wanted = this.#place.n + 1;
    if (this.#ahead !== null) {
      if (line.n === wanted) {
        return this.#wrong(wanted, "reordered", `Entry ${wanted} stands behind later ones.`);
      }
      this.#ahead.push(line);
      return this.#ahead.length < LOOK_AHEAD || this.#missing(wanted);
    }
    if (line.n > wanted) {
      this.#ahead = [line];
      return true;
    }
    if (line.n < wanted) {
      const text = `Where entry ${wanted} belongs stands one with the number ${line.n}.`;
      return this.#wrong(wanted, "reordered", text);
    }
    return this.#inOrder(line);
  }

  #inOrder(line: EntryLine): boolean {
    const { n, hash, prev } = line;
    if (hashOfEntry(this.#tenant ?? "", line) !== hash) {
      return this.#wrong(n, "changed", `Entry ${n} is not what was hashed.`);
    }
    if (prev !== this.#place.hash) {
      const text = `Entry ${n} follows another entry than the one before it.`;
      return this.#wrong(n, "inserted", text);
    }
    if (!this.#isSigned(line)) return false;
    const { content } = line.row;
    if (line.content !== null && canonicalHash(line.content) !== content) {
      const text = `What entry ${n} says was before and after is not what was hashed.`;
      return this.#wrong(n, "content-changed", text);
    }
    if (content !== null && line.content === null) this.#erased += 1;
    this.#entries += 1;
    this.#place = { n, hash };
    this.#note(this.#place);
    return true;
  }

  #isSigned(entry: ChainAnchor): boolean {
    const { keys } = this.#options;
    if (keys === undefined) return true;
    if (entry.key === null) {
      return this.#wrong(entry.n, "forged", `Entry ${entry.n} has no code of the key.`);
    }
    const key = keys.find(({ id }) => id === entry.key);
    if (key === undefined || !isMacOf(key, entry)) {
      const text = `The code of entry ${entry.n} is not of the key ${entry.key}.`;
      return this.#wrong(entry.n, "forged", text);
    }
    this.#signed += 1;
    return true;
  }

  #note({ n, hash }: ChainPlace): void {
    if (n === this.#options.seen?.n) this.#seenHash = hash;
  }

  #closed(): boolean {
    const { n, hash } = this.#place;
    if (this.#tenant === null) return this.#wrong(0, "unreadable", "It is empty.");
    if (this.#ahead !== null) return this.#missing(n + 1);
    if (this.#end === null) return this.#wrong(n + 1, "truncated", "It has no end.");
    if (this.#end.n > n) {
      const text = `The chain ends at entry ${n}, its head says ${this.#end.n}.`;
      return this.#wrong(n + 1, "truncated", text);
    }
    if (this.#end.n < n) {
      const text = `The head says that the chain ends at ${this.#end.n}; entry ${n} stands behind it.`;
      return this.#wrong(n, "inserted", text);
    }
    if (this.#end.hash !== hash) {
      return this.#wrong(n, "changed", `The head has another hash than entry ${n}.`);
    }
    return this.#seen();
  }

  /** What was seen earlier must be there. */
  #seen(): boolean {
    const { seen } = this.#options;
    if (seen === undefined || seen === null || seen.n === 0) return true;
    if (seen.n > this.#place.n) {
      const text = `Entry ${seen.n} was seen; the chain ends at ${this.#place.n}.`;
      return this.#wrong(this.#place.n + 1, "truncated", text);
    }
    if (this.#seenHash === null) {
      const text = `Entry ${seen.n} was trimmed: a later place is needed to compare with.`;
      return this.#wrong(seen.n, "missing", text);
    }
    if (this.#seenHash === seen.hash) return true;
    return this.#wrong(seen.n, "changed", `Entry ${seen.n} had another hash when it was seen.`);
  }

  #missing(n: number): false {
    return this.#wrong(n, "missing", `Entry ${n} is not there.`);
  }

  #wrong(n: number, kind: AuditFault, text: string): false {
    this.#fault = { n, kind, text };
    return false;
  }
}
