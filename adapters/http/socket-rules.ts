// What both servers do alike around a connection: the refusal of one too many, and the rules of a
// WebSocket's handshake and silence.

import { errorReply } from "./reply.ts";
import type { HttpResponse } from "./server.ts";

/** A WebSocket that is silent this long, pings included, is closed. */
export const SOCKET_IDLE_MS = 60_000;

/** Close code of a WebSocket whose server restarts: come again (IANA, RFC 6455 11.7). */
export const RESTARTS = 1012;

/** Our subprotocol's name. */
export const OUR_PROTOCOL = "troupe.v1";

/** The subprotocol to answer with: ours when offered, else the first one, else none. */
export function chosenProtocol(offered: string): string {
  const names = offered.split(",").map((name) => name.trim());
  return names.includes(OUR_PROTOCOL) ? OUR_PROTOCOL : (names[0] ?? "");
}

/** The answer to a connection past the limit. */
export function overloaded(requestId: string): HttpResponse {
  const error = {
    code: "TOO_MANY_CONNECTIONS",
    message: "The server has as many connections as it accepts; try again later.",
    details: { retryAfterMs: 1_000 },
  } as const;
  const place = { style: "problem", requestId, service: "gateway" } as const;
  return errorReply(error, place);
}
