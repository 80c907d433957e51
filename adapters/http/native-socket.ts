// One WebSocket of the native server. What the native side would drop in silence is refused before
// it gets there: `send` counts what waits, and a reader that takes nothing is cut after a time.

import { plainAddress } from "./heads.ts";
import type { ServerLimits, Socket, SocketHandler } from "./server.ts";
import type { Reader, Unsent } from "./unsent.ts";

const text = new TextDecoder();

/** What is used of the native socket; listen.ts alone imports the library. */
export interface NativeHandle {
  /** 1 sent, 0 waiting, 2 dropped. */
  send(message: string, isBinary: boolean): number;
  getBufferedAmount(): number;
  getRemoteAddressAsText(): ArrayBuffer;
  end(code: number, reason: string): void;
  close(): void;
}

/** An open native socket. */
export class NativeSocket implements Socket, Reader {
  readonly #socket: NativeHandle;
  readonly #handler: SocketHandler;
  readonly #limits: ServerLimits;
  readonly #unsent: Unsent;
  #timer: NodeJS.Timeout | null = null;
  #isOpen = true;

  constructor(
    socket: NativeHandle,
    handler: SocketHandler,
    { limits, unsent }: { readonly limits: ServerLimits; readonly unsent: Unsent },
  ) {
    this.#socket = socket;
    this.#handler = handler;
    this.#limits = limits;
    this.#unsent = unsent;
  }

  address(): string {
    return plainAddress(text.decode(this.#socket.getRemoteAddressAsText()));
  }

  send(frame: string): "ok" | "full" | "gone" {
    if (!this.#isOpen) return "gone";
    const waiting = this.#socket.getBufferedAmount();
    if (waiting > 0 && waiting + frame.length > this.#limits.sendBufferBytesMax) {
      this.cut();
      return "gone";
    }
    const sent = this.#socket.send(frame, false);
    if (sent === 1) return "ok";
    if (sent === 2) {
      this.cut();
      return "gone";
    }
    this.#timer ??= setTimeout(() => this.cut(), this.#limits.slowReaderMs);
    this.#unsent.set(this, this.#socket.getBufferedAmount());
    // For all that waits this one may have been the longest.
    return this.#isOpen ? "full" : "gone";
  }

  buffered(): number {
    return this.#isOpen ? this.#socket.getBufferedAmount() : 0;
  }

  close(code: number, reason: string): void {
    if (this.#isOpen) this.#socket.end(code, reason);
  }

  guard(call: (handler: SocketHandler, self: Socket) => void): void {
    try {
      call(this.#handler, this);
    } catch {
      this.close(1011, "The server failed on this message.");
    }
  }

  drained(): void {
    const waiting = this.#socket.getBufferedAmount();
    this.#unsent.set(this, waiting);
    if (waiting > 0) return;
    this.#rest();
    this.guard((handler, self) => handler.onDrain(self));
  }

  closed(code: number): void {
    this.#isOpen = false;
    this.#unsent.set(this, 0);
    this.#rest();
    this.guard((handler, self) => handler.onClose(self, code));
  }

  /** Ends the connection at once. */
  cut(): void {
    this.#rest();
    if (this.#isOpen) this.#socket.close();
  }

  #rest(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
