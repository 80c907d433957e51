// How many connections each address has, for the native server: it says when a connection closes, but not
// whose it was. So while there are more than one address may have, the system is asked from time to time,
// and what has opened since is added. Where there is no /proc nobody can say, and nobody is refused.

import { createReadStream } from "node:fs";
import { networkOf } from "./client-address.ts";

/** Time between two looks, ms: one of 20,000 connections takes the main thread some milliseconds. */
const LOOK_MS = 1_000;
/** The tables of the system, in which each connection is a line. */
const TABLES = ["/proc/net/tcp", "/proc/net/tcp6"];
/** Columns of a line: number, local and remote address as HEX:PORT, state. */
const LINE = /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) ([0-9A-F]+):[0-9A-F]{4} ([0-9A-F]{2}) /;
/** Those that somebody still has open: established, and half closed by either side. */
const OPEN_STATES = new Set(["01", "04", "05", "08"]);
const HEX = 16;
/** A word of an address is four bytes, the last one first, each of two digits. */
const WORD = /[0-9A-F]{8}/g;
const BYTE = /../g;
const IPV4_DIGITS = 8;

/** What is watched. */
export interface AddressWatchOptions {
  /** Connections that one address may have. */
  readonly max: number;
  /** The port they come to. */
  port(): number;
  /** Default: the lines of the system's tables. */
  readonly lines?: () => AsyncIterable<string>;
}

/** Counts by address; a /64 of IPv6 is one. */
export class AddressWatch {
  readonly #options: AddressWatchOptions;
  /** As of the last look. */
  #seen: ReadonlyMap<string, number> = new Map();
  /** Opened since it began. */
  #since = new Map<string, number>();
  #lookedMs = Number.NEGATIVE_INFINITY;
  #isLooking = false;

  constructor(options: AddressWatchOptions) {
    this.#options = options;
  }

  /** One more of an address has come: whether it may stay. Closed ones are missed for the time of a look. */
  opened(address: string): boolean {
    const network = networkOf(address);
    const since = (this.#since.get(network) ?? 0) + 1;
    if ((this.#seen.get(network) ?? 0) + since > this.#options.max) {
      this.#lookIfDue();
      return false;
    }
    this.#since.set(network, since);
    this.#lookIfDue();
    return true;
  }

  #lookIfDue(): void {
    if (this.#isLooking || performance.now() - this.#lookedMs < LOOK_MS) return;
    this.#isLooking = true;
    const since = new Map<string, number>();
    const before = this.#since;
    this.#since = since;
    const done = (): void => {
      this.#lookedMs = performance.now();
      this.#isLooking = false;
    };
    this.#look().then(done, () => {
      this.#since = before;
      done();
    });
  }

  async #look(): Promise<void> {
    const port = this.#options.port().toString(HEX).toUpperCase().padStart(4, "0");
    const counts = new Map<string, number>();
    for await (const line of (this.#options.lines ?? systemLines)()) {
      const [, local, remote = "", state = ""] = LINE.exec(line) ?? [];
      if (local !== port || !OPEN_STATES.has(state)) continue;
      counts.set(remote, (counts.get(remote) ?? 0) + 1);
    }
    const seen = new Map<string, number>();
    for (const [remote, count] of counts) {
      const network = networkOf(addressIn(remote));
      seen.set(network, (seen.get(network) ?? 0) + count);
    }
    this.#seen = seen;
  }
}

/** The address in digits of the system's tables: "0100007F" is 127.0.0.1. */
function addressIn(digits: string): string {
  const bytes = (digits.match(WORD) ?? []).flatMap((word) =>
    (word.match(BYTE) ?? []).reverse().map((byte) => Number.parseInt(byte, HEX)),
  );
  if (digits.length === IPV4_DIGITS) return bytes.join(".");
  const words = bytes.flatMap((high, at) =>
    at % 2 === 0 ? [(high * 256 + (bytes[at + 1] ?? 0)).toString(HEX)] : [],
  );
  return words.join(":");
}

/** Lines of both tables, in pieces: what they are made into does not hold up the thread for long. */
async function* systemLines(): AsyncGenerator<string> {
  for (const path of TABLES) {
    let rest = "";
    for await (const piece of createReadStream(path, "latin1")) {
      const lines = `${rest}${piece}`.split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
  }
}
