// Bodies on their way in: anybody may send some, signed or not, so what all of them hold together is bounded.
// Each has a small room of its own, which large ones of others do not take from it.

import { gatewayLimits } from "./options.ts";

/** A body that was read whole. */
export interface HeldBody {
  readonly body: Uint8Array;
  /** Once it is passed on. */
  release(): void;
}

/** Why one is not taken. */
export interface RefusedBody {
  readonly status: 400 | 413 | 503;
  readonly reason: string;
}

/** Reads bodies. */
export class Bodies {
  /** Bytes beyond the own room of each that is here. */
  #shared = 0;

  /** @param announced its Content-Length. Does not throw. */
  async read(
    pieces: AsyncIterable<Uint8Array>,
    announced: string | undefined,
  ): Promise<HeldBody | RefusedBody> {
    const { bodyBytes: most, ownBodyBytes, sharedBodyBytes } = gatewayLimits;
    const tooLarge = { status: 413, reason: `A body has at most ${most} bytes.` } as const;
    if (Number(announced ?? 0) > most) return tooLarge;
    const read: Uint8Array[] = [];
    let bytes = 0;
    let held = 0;
    const release = (): void => {
      this.#shared -= held;
      held = 0;
    };
    try {
      for await (const piece of pieces) {
        bytes += piece.byteLength;
        const more = Math.max(0, bytes - ownBodyBytes) - held;
        const isRoom = this.#shared + more <= sharedBodyBytes;
        if (bytes > most || !isRoom) {
          release();
          return bytes > most
            ? tooLarge
            : { status: 503, reason: "Too many bodies are on the way." };
        }
        this.#shared += more;
        held += more;
        read.push(piece);
      }
    } catch {
      // Whoever sent it has gone.
      release();
      return { status: 400, reason: "The body broke off." };
    }
    return { body: Buffer.concat(read), release };
  }
}
