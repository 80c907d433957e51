// One WebSocket on ws, with the promises of server.ts: nothing dropped in silence, a slow reader
// cut at a bound, a silent one after a missed ping, a throw of the handler closing only this one.

import type { WebSocket } from "ws";
import type { ServerLimits, Socket, SocketHandler } from "./server.ts";

/** Bytes waiting above which `send` says "full". */
const FULL_BYTES = 64 * 1024;

/** A socket on ws. */
export class NodeSocket implements Socket {
  readonly #socket: WebSocket;
  readonly #handler: SocketHandler;
  readonly #limits: ServerLimits;
  #timer: NodeJS.Timeout | null = null;
  #isFull = false;
  #isAlive = true;

  constructor(socket: WebSocket, handler: SocketHandler, limits: ServerLimits) {
    this.#socket = socket;
    this.#handler = handler;
    this.#limits = limits;
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
      this.#rest();
      this.#guard((handler) => handler.onClose(this, code));
    });
  }

  open(): void {
    this.#guard((handler) => handler.onOpen(this));
  }

  send(text: string): "ok" | "full" | "gone" {
    if (this.#socket.readyState !== this.#socket.OPEN) return "gone";
    const waiting = this.#socket.bufferedAmount;
    if (waiting > 0 && waiting + text.length > this.#limits.sendBufferBytesMax) {
      this.cut();
      return "gone";
    }
    this.#socket.send(text, () => this.#drained());
    if (this.#socket.bufferedAmount <= FULL_BYTES) return "ok";
    this.#isFull = true;
    this.#timer ??= setTimeout(() => this.cut(), this.#limits.slowReaderMs);
    return "full";
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
    if (!this.#isFull || this.#socket.bufferedAmount > FULL_BYTES / 4) return;
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

  #rest(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
