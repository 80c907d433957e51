// A stream of events as server-sent ones: what fails before the first is an answer of its own, what
// fails later is an event.

import { type ErrorData, toErrorData } from "../../runtime/errors.ts";
import type { HttpResponse } from "../http/server.ts";
import { eventStream } from "../http/sse.ts";
import { isProtocolError, protocolError } from "./errors.ts";

/**
 * @param failed the data of an event that says what went wrong.
 * @throws what the events fail with before the first.
 */
export async function streamed<T>(
  events: AsyncIterable<T>,
  show: (event: T) => unknown,
  failed: (error: unknown) => unknown,
): Promise<HttpResponse> {
  const iterator = events[Symbol.asyncIterator]();
  const first = await iterator.next();
  return eventStream(async ({ send, signal }) => {
    try {
      for (let next = first; !next.done; next = await iterator.next()) {
        await send([{ data: JSON.stringify(show(next.value)) }]);
        if (signal.aborted) return;
      }
    } catch (error) {
      const data = JSON.stringify(failed(told(error)));
      if (!signal.aborted) await send([{ event: "error", data }]);
    } finally {
      await iterator.return?.();
    }
  });
}

/** Without what only the log may know. */
function told(error: unknown): unknown {
  const own = protocolError(error);
  if (isProtocolError(own)) return own;
  const { code, message }: ErrorData = toErrorData(own);
  return new Error(code === "INTERNAL" ? "An error inside the server." : message);
}
