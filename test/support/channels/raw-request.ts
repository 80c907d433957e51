// A request to an adapter as the server gives it.

import type { ChannelRequest } from "../../../adapters/channels/adapter.ts";

/** A request; what is not said is empty. */
export function rawRequest(
  request: Partial<Omit<ChannelRequest, "body" | "query">> & {
    readonly body?: Uint8Array | string;
    readonly query?: string;
  },
): ChannelRequest {
  const { body = "", query = "", ...rest } = request;
  return {
    method: "POST",
    path: "",
    headers: {},
    publicUrl: "https://bots.example.com/gateway/webhook/ch_test",
    ...rest,
    query: new URLSearchParams(query),
    body: typeof body === "string" ? new TextEncoder().encode(body) : body,
  };
}
