// Requests of one connection over HTTP that have a stream of their own. The library leaves that of a request which
// nobody waits for any more open where the server is of an older revision: a server that never answers would keep a
// connection each time. Here it is closed with the call. And one that ends without an answer ends its call.

import { AsyncLocalStorage } from "node:async_hooks";
import { RuntimeError } from "../../runtime/errors.ts";

/** A transport as far as it sends. */
export interface Sending {
  send(message: unknown, options?: object): Promise<void>;
}

/** An answer that came with the end of its stream is on its way to who waits for it, ms. */
const ANSWERED_MS = 100;

/** What the library sends with. */
interface SendOptions {
  readonly requestSignal?: AbortSignal;
  onRequestStreamEnd?(): void;
}

/** One request. */
interface Under {
  readonly signal: AbortSignal;
  /** Its stream has ended. */
  ended(): void;
}

/** The requests of one connection. */
export interface Streams {
  /**
   * Closes the stream of the tool call that is made in `work` when that is over. @throws PROVIDER_UNAVAILABLE when
   * the stream ends before, beside what `work` throws.
   */
  during<T>(work: () => Promise<T>): Promise<T>;
}

/** Has a transport close them. @param called the server, in errors. */
export function closingStreams(transport: Sending, called: string): Streams {
  const within = new AsyncLocalStorage<Under>();
  const send = transport.send.bind(transport);
  transport.send = async (message, options = {}) => {
    const isCall = (message as { readonly method?: unknown }).method === "tools/call";
    const own = isCall ? within.getStore() : undefined;
    if (own === undefined) return await send(message, options);
    const given = options as SendOptions;
    const signals = given.requestSignal ? [given.requestSignal, own.signal] : [own.signal];
    await send(message, {
      ...options,
      requestSignal: AbortSignal.any(signals),
      onRequestStreamEnd: () => {
        given.onRequestStreamEnd?.();
        own.ended();
      },
    });
  };
  return {
    during: async <T>(work: () => Promise<T>): Promise<T> => {
      const over = new AbortController();
      let timer: NodeJS.Timeout | undefined;
      const answer = new Promise<T>((done, reject) => {
        const late = (): void => {
          const message = `${called} has ended the connection before its answer was whole.`;
          reject(new RuntimeError("PROVIDER_UNAVAILABLE", message));
        };
        const ended = (): void => {
          timer ??= setTimeout(late, ANSWERED_MS);
        };
        void within.run({ signal: over.signal, ended }, work).then(done, reject);
      });
      try {
        return await answer;
      } finally {
        clearTimeout(timer);
        over.abort();
      }
    },
  };
}
