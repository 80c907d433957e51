// One WebSocket on ws, with the promises of server.ts: nothing dropped in silence, a slow reader
// cut at a bound, a silent one after a missed ping, a throw of the handler closing only this one.

import type { WebSocket } from "ws";
import type { ServerLimits, Socket, SocketHandler } from "./server.ts";
import type { Reader, Unsent } from "./unsent.ts";

/** Bytes waiting above which `send` says "full". */
const FULL_BYTES = 64 * 1024;

/** What it stands on. */
export interface NodeSocketOptions {
  readonly limits: ServerLimits;
  readonly unsent: Unsent;
  /** Of its client. */
  readonly address: string;
}

/** A socket on ws. */
export class NodeSocket implements Socket, Reader {
  readonly #socket: WebSocket;
  readonly #handler: SocketHandler;
  readonly #options: NodeSocketOptions;
  #timer: NodeJS.Timeout | null = null;
  #isFull = false;
  #isAlive = true;

  constructor(socket: WebSocket, handler: SocketHandler, options: NodeSocketOptions) {
    this.#socket = socket;
    this.#handler = handler;
    this.#options = options;
    socket.on("message", (data, isBinary) => {
      this.#isAlive = true;
      if (isBinary) return this.close(1003, "Only text frames are understood.");
      const frame = Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as ArrayBuffer);
      this.#guard((handler) => handler.onMessage(this, frame.toString("utf8")));
    });
    socket.on("pong", () => {
      this.#isAlive = true;
    });
    // A wrong frame is an error and then a close; the close is what the handler hears.
    socket.on("error", () => socket.terminate());
    socket.on("close", (code) => {
      options.unsent.set(this, 0);
      this.#rest();
      this.#guard((handler) => handler.onClose(this, code));
    });
  }

  open(): void {
    this.#guard((handler) => handler.onOpen(this));
  }

  send(text: string): "ok" | "full" | "gone" {
    if (!this.#isOpen()) return "gone";
    const waiting = this.#socket.bufferedAmount;
    if (waiting > 0 && waiting + text.length > this.#options.limits.sendBufferBytesMax) {
      this.cut();
      return "gone";
    }
    this.#socket.send(text, () => this.#drained());
    if (this.#socket.bufferedAmount <= FULL_BYTES) return "ok";
    this.#isFull = true;
    this.#timer ??= setTimeout(() => this.cut(), this.#options.limits.slowReaderMs);
    this.#options.unsent.set(this, this.#socket.bufferedAmount);
    // For all that waits this one may have been the longest.
    return this.#isOpen() ? "full" : "gone";
  }

  address(): string {
    return this.#options.address;
  }

  buffered(): number {
    return this.#socket.bufferedAmount;
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  /** Ends the connection at once. */
  cut(): void {
    this.#rest();
    this.#socket.terminate();
  }

  /** Called every half of the idle limit: two beats without an answer end the connection. */
  beat(): void {
    if (!this.#isAlive) {
      this.cut();
      return;
    }
    this.#isAlive = false;
    this.#socket.ping();
  }

  #drained(): void {
    if (!this.#isFull) return;
    this.#options.unsent.set(this, this.#isOpen() ? this.#socket.bufferedAmount : 0);
    if (this.#socket.bufferedAmount > FULL_BYTES / 4) return;
    this.#options.unsent.set(this, 0);
    this.#isFull = false;
    this.#rest();
    this.#guard((handler) => handler.onDrain(this));
  }

  #guard(call: (handler: SocketHandler) => void): void {
    try {
      call(this.#handler);
    } catch {
      this.close(1011, "The server failed on this message.");
    }
  }

  #isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  #rest(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
