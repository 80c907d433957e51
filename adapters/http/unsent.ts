// What clients have asked for and do not take: the bytes that wait before all readers of a server,
// counted by address. Each reader has its own limits in bytes and in time; these are for many slow ones
// together. Past a limit those go that have kept bytes waiting longest: who reads at all comes through.

import { networkOf } from "./client-address.ts";
import type { ServerLimits } from "./server.ts";

/** A reader before which bytes wait. */
export interface Reader {
  /** Address of its client, asked for while it is connected. */
  address(): string;
  /** Ends the connection at once. */
  cut(): void;
}

/** What is bounded. */
export type UnsentLimits = Pick<ServerLimits, "unsentBytesMax" | "unsentBytesPerAddressMax">;

interface Account {
  bytes: number;
  /** Whether many clients come from there. */
  readonly isProxy: boolean;
  /** The longest waiting first. */
  readonly readers: Set<Reader>;
}

interface Entry {
  readonly network: string;
  readonly account: Account;
  bytes: number;
}

/** Counts them. One reader alone is never cut: what waits before it is in memory already. */
export class Unsent {
  readonly #limits: UnsentLimits;
  readonly #isProxy: (address: string) => boolean;
  /** The longest waiting first. */
  readonly #entries = new Map<Reader, Entry>();
  readonly #accounts = new Map<string, Account>();
  #bytes = 0;

  /** @param isProxy whether many clients come from an address: the limit of one does not hold for it. */
  constructor(limits: UnsentLimits, isProxy: (address: string) => boolean = () => false) {
    this.#limits = limits;
    this.#isProxy = isProxy;
  }

  /** Bytes that wait before all readers. */
  get bytes(): number {
    return this.#bytes;
  }

  /** So many bytes wait before it now; 0: none, or it is gone. For that it may be cut, or another. */
  set(reader: Reader, bytes: number): void {
    const known = this.#entries.get(reader);
    if (bytes === 0) {
      if (known !== undefined) this.#remove(reader, known);
      return;
    }
    const entry = known ?? this.#add(reader);
    const more = bytes - entry.bytes;
    const { account } = entry;
    entry.bytes = bytes;
    account.bytes += more;
    this.#bytes += more;
    if (more <= 0) return;
    const { unsentBytesMax, unsentBytesPerAddressMax } = this.#limits;
    if (!account.isProxy) {
      this.#cut(account.readers, () => account.bytes > unsentBytesPerAddressMax);
    }
    this.#cut(this.#entries, () => this.#bytes > unsentBytesMax);
  }

  #cut(from: ReadonlySet<Reader> | ReadonlyMap<Reader, unknown>, isOver: () => boolean): void {
    for (const reader of from.keys()) {
      const entry = this.#entries.get(reader);
      if (entry === undefined || from.size === 1 || !isOver()) return;
      this.#remove(reader, entry);
      reader.cut();
    }
  }

  #add(reader: Reader): Entry {
    const address = reader.address();
    const network = networkOf(address);
    const account = this.#accounts.get(network) ?? {
      bytes: 0,
      isProxy: this.#isProxy(address),
      readers: new Set(),
    };
    const entry: Entry = { network, account, bytes: 0 };
    this.#accounts.set(network, account);
    this.#entries.set(reader, entry);
    account.readers.add(reader);
    return entry;
  }

  #remove(reader: Reader, { network, account, bytes }: Entry): void {
    this.#entries.delete(reader);
    account.readers.delete(reader);
    account.bytes -= bytes;
    this.#bytes -= bytes;
    if (account.readers.size === 0) this.#accounts.delete(network);
  }
}
