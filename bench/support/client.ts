// The load client: keep-alive connections over raw sockets, one request under way on each, written
// from ready-made bytes. It knows as much of HTTP as the servers of the bench send, and stamps of
// the provider (see provider-answer.ts) are read out of whatever framing a server puts around them.

import { connect, type Socket } from "node:net";
import { stampPattern } from "./provider-answer.ts";

/** One answered request. Times are microseconds. */
export interface Exchange {
  readonly status: number;
  readonly latencyUs: number;
  /** Until the first stamped token, less what the provider held; undefined when none came. */
  readonly addedFirstUs: number | undefined;
  /** What the provider held of the whole turn. */
  readonly heldUs: number;
  readonly body: string;
}

const nowUs = (): number => Number(process.hrtime.bigint() / 1_000n);
const STAMP_TAIL = 48;
const HEAD_END = "\r\n\r\n";
const LAST_CHUNK = "0\r\n\r\n";

/** What a connection does with what it reads. */
export interface ConnectionOptions {
  readonly port: number;
  /** Called for every stamped token, with the microseconds it was under way. */
  readonly onToken?: (delayUs: number) => void;
  /** Whether bodies are kept; without it only stamps are read. */
  readonly keepsBody?: boolean;
}

/** One keep-alive connection. */
export class Connection {
  readonly #options: ConnectionOptions;
  #socket: Socket | undefined;
  #sentUs = 0;
  #text = "";
  #headLength = -1;
  #length = -1;
  #received = 0;
  #status = 0;
  #tail = "";
  #addedFirstUs: number | undefined;
  #heldUs = 0;
  #resolve: ((exchange: Exchange) => void) | undefined;
  #reject: ((error: Error) => void) | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Connects if that is still to be done. */
  async open(): Promise<void> {
    if (this.#socket !== undefined) return;
    const socket = connect({ host: "127.0.0.1", port: this.#options.port, noDelay: true });
    this.#socket = socket;
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    socket.on("data", (piece) => this.#take(piece.toString("latin1")));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#socket = undefined;
      this.#reject?.(new Error("the connection was closed before the answer was complete"));
    });
  }

  /** Sends a request; resolves when its answer is complete. */
  send(bytes: Buffer): Promise<Exchange> {
    const socket = this.#socket;
    if (socket === undefined) return Promise.reject(new Error("the connection is not open"));
    this.#text = "";
    this.#headLength = -1;
    this.#length = -1;
    this.#received = 0;
    this.#tail = "";
    this.#addedFirstUs = undefined;
    this.#heldUs = 0;
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#sentUs = nowUs();
      socket.write(bytes);
    });
  }

  /** Sends a request and finds something in the beginning of its answer, which goes on coming. */
  async sendAndFind(bytes: Buffer, pattern: RegExp, timeoutMs: number): Promise<string> {
    const socket = this.#socket;
    if (socket === undefined) throw new Error("the connection is not open");
    let text = "";
    return await new Promise<string>((resolve, reject) => {
      const late = (): void => reject(new Error(`${pattern} did not come: ${text.slice(0, 500)}`));
      const timer = setTimeout(late, timeoutMs);
      const look = (piece: Buffer): void => {
        text += piece.toString("latin1");
        const found = pattern.exec(text)?.[1];
        if (found === undefined) return;
        clearTimeout(timer);
        socket.off("data", look);
        resolve(found);
      };
      socket.on("data", look);
      socket.write(bytes);
    });
  }

  close(): void {
    this.#reject = undefined;
    this.#socket?.destroy();
  }

  #take(piece: string): void {
    if (this.#resolve === undefined) return;
    let rest = piece;
    if (this.#headLength < 0) {
      this.#text += piece;
      const end = this.#text.indexOf(HEAD_END);
      if (end < 0) return;
      const head = this.#text.slice(0, end);
      this.#headLength = end + HEAD_END.length;
      this.#status = Number(head.slice(9, 12));
      const length = /content-length: *(\d+)/i.exec(head)?.[1];
      this.#length = length === undefined ? -1 : Number(length);
      rest = this.#text.slice(this.#headLength);
      this.#text = "";
    }
    if (rest === "") {
      if (this.#length === 0) this.#finish();
      return;
    }
    this.#received += rest.length;
    if (this.#options.keepsBody) this.#text += rest;
    this.#readStamps(rest);
    const isWhole = this.#length >= 0 ? this.#received >= this.#length : this.#endsChunked(rest);
    if (isWhole) this.#finish();
  }

  #endsChunked(rest: string): boolean {
    if (rest.endsWith(LAST_CHUNK)) return true;
    return rest.length < LAST_CHUNK.length && this.#tail.endsWith(LAST_CHUNK);
  }

  // A stamp may be cut by a packet: what could be the beginning of one is read again with the next.
  #readStamps(rest: string): void {
    const text = this.#tail + rest;
    stampPattern.lastIndex = 0;
    let read = 0;
    const now = nowUs();
    for (let found = stampPattern.exec(text); found !== null; found = stampPattern.exec(text)) {
      read = stampPattern.lastIndex;
      if (found[2] !== undefined) {
        this.#heldUs = Number(found[2]);
        this.#addedFirstUs ??= now - this.#sentUs - this.#heldUs;
      }
      this.#options.onToken?.(now - Number(found[1]));
    }
    this.#tail = text.slice(Math.max(read, text.length - STAMP_TAIL));
  }

  #finish(): void {
    const resolve = this.#resolve;
    this.#resolve = undefined;
    this.#reject = undefined;
    resolve?.({
      status: this.#status,
      latencyUs: nowUs() - this.#sentUs,
      addedFirstUs: this.#addedFirstUs,
      heldUs: this.#heldUs,
      body: this.#text,
    });
  }
}

/** A load to put on a server. */
export interface Load {
  readonly port: number;
  /** Requests under way at once, each on a connection of its own. */
  readonly inFlight: number;
  /** Milliseconds that count, after `warmMs` that do not. */
  readonly durationMs: number;
  readonly warmMs: number;
  /** The next request. */
  next(): Buffer;
  /** First requests are spread over so many milliseconds. Default 0. */
  readonly rampMs?: number;
}

/** What came of a load. Arrays are sorted; times in microseconds. */
export interface LoadResult {
  readonly perSecond: number;
  readonly count: number;
  readonly errors: number;
  readonly statuses: Readonly<Record<number, number>>;
  readonly latencyUs: Float64Array;
  /** Latency less what the provider held. */
  readonly addedUs: Float64Array;
  /** Time to the first token less what the provider held. */
  readonly addedFirstUs: Float64Array;
  readonly tokenUs: Float64Array;
}

/** Runs a closed loop: each connection sends its next request when the last was answered. */
export async function runLoad(load: Load): Promise<LoadResult> {
  const latency: number[] = [];
  const added: number[] = [];
  const addedFirst: number[] = [];
  const tokens: number[] = [];
  const statuses: Record<number, number> = {};
  let errors = 0;
  let count = 0;
  const startUs = nowUs();
  const fromUs = startUs + load.warmMs * 1_000;
  const untilUs = fromUs + load.durationMs * 1_000;
  const onToken = (delayUs: number): void => {
    if (nowUs() >= fromUs && nowUs() < untilUs) tokens.push(delayUs);
  };
  const loop = async (at: number): Promise<void> => {
    const connection = new Connection({ port: load.port, onToken });
    if (load.rampMs) await wait((load.rampMs * at) / load.inFlight);
    while (nowUs() < untilUs) {
      try {
        await connection.open();
        const exchange = await connection.send(load.next());
        const now = nowUs();
        if (now < fromUs || now >= untilUs) continue;
        statuses[exchange.status] = (statuses[exchange.status] ?? 0) + 1;
        if (exchange.status !== 200) {
          errors += 1;
          continue;
        }
        count += 1;
        latency.push(exchange.latencyUs);
        added.push(exchange.latencyUs - exchange.heldUs);
        if (exchange.addedFirstUs !== undefined) addedFirst.push(exchange.addedFirstUs);
      } catch {
        errors += 1;
        await wait(10);
      }
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: load.inFlight }, (_, at) => loop(at)));
  return {
    perSecond: (count * 1_000) / load.durationMs,
    count,
    errors,
    statuses,
    latencyUs: Float64Array.from(latency).sort(),
    addedUs: Float64Array.from(added).sort(),
    addedFirstUs: Float64Array.from(addedFirst).sort(),
    tokenUs: Float64Array.from(tokens).sort(),
  };
}

/** Sends one request and returns its answer with its body. */
export async function ask(port: number, bytes: Buffer): Promise<Exchange> {
  const connection = new Connection({ port, keepsBody: true });
  await connection.open();
  try {
    return await connection.send(bytes);
  } finally {
    connection.close();
  }
}

const wait = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
