// The way out in the shape of `fetch`, for libraries that want one (the official SDKs). It costs
// what WHATWG streams cost; the hot path uses `Egress.request` itself.

import type { Egress, EgressLimits } from "./egress.ts";

/** Options of one fetch function. */
export interface EgressFetchOptions {
  readonly limits?: Partial<EgressLimits>;
  readonly connectionsMax?: number;
  /** For whom it is sent. */
  readonly tenant?: string;
}

const emptyStatuses = new Set([204, 205, 304]);

/**
 * A `fetch` that goes through `egress`. Bodies are strings or bytes; redirects are refused whatever
 * `redirect` says. Rejects with the RuntimeError of `Egress.request`.
 */
export function createEgressFetch(
  egress: Egress,
  options: EgressFetchOptions = {},
): (input: string | URL | Request, init?: RequestInit) => Promise<Response> {
  return async (input, init = {}) => {
    const headers = Object.fromEntries(new Headers(init.headers));
    // Not passed on: bodies come as they are, never compressed.
    delete headers["accept-encoding"];
    const response = await egress.request({
      url: input instanceof Request ? input.url : String(input),
      method: init.method ?? "GET",
      headers,
      ...options,
      ...(init.body != null && { body: bodyOf(init.body) }),
      ...(init.signal && { signal: init.signal }),
    });
    const list = Object.entries(response.headers).flatMap(([name, value]): [string, string][] =>
      [value ?? []].flat().map((one) => [name, one]),
    );
    const init2 = { status: response.status, headers: list };
    if (emptyStatuses.has(response.status)) {
      response.discard();
      return new Response(null, init2);
    }
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        response
          .read((piece) => controller.enqueue(piece))
          .then(
            () => controller.close(),
            (error) => controller.error(error),
          );
      },
      cancel: () => response.discard(),
    });
    return new Response(stream, init2);
  };
}

function bodyOf(body: NonNullable<RequestInit["body"]>): string | Uint8Array {
  if (typeof body === "string" || body instanceof Uint8Array) return body;
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  throw new TypeError("A request body is text or bytes.");
}
