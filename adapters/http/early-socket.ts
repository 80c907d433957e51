// A WebSocket that opens before it is decided who its handler is. The native server may be told to
// upgrade during the request's own callback only: told later, it takes the connection now and then
// for a finished response and ends it. Both servers do it, so that both behave alike.

import type { HttpResponse, Socket, SocketHandler } from "./server.ts";

/** Frames, and characters in them, that wait for the decision; one more closes the socket. */
export const EARLY_FRAMES_MAX = 32;
export const EARLY_CHARS_MAX = 64 * 1024;

/** A refusal closes with this plus its HTTP status, e.g. 4401. */
const CLOSE_BASE = 4_000;
const TOO_MANY = 4_429;
const FAILED = 1_011;
/** A close frame's reason has at most 123 bytes. */
const REASON_CHARS_MAX = 120;

/** Hands everything to the handler that is decided on; a refusal closes with 4000 + its status. */
export function earlySocket(decision: Promise<SocketHandler | HttpResponse>): SocketHandler {
  let handler: SocketHandler | null = null;
  let isOpen = true;
  let waiting: string[] = [];
  let waitingChars = 0;

  function take(decided: SocketHandler | HttpResponse, socket: Socket): void {
    if (!isOpen) return;
    if ("status" in decided) {
      socket.close(CLOSE_BASE + decided.status, reasonOf(decided));
      return;
    }
    handler = decided;
    handler.onOpen(socket);
    const frames = waiting;
    waiting = [];
    for (const frame of frames) handler.onMessage(socket, frame);
  }

  return {
    onOpen: (socket) => {
      decision
        .then((decided) => take(decided, socket))
        .catch(() => socket.close(FAILED, "The server failed."));
    },
    onMessage: (socket, text) => {
      if (handler !== null) return handler.onMessage(socket, text);
      waitingChars += text.length;
      waiting.push(text);
      if (waiting.length <= EARLY_FRAMES_MAX && waitingChars <= EARLY_CHARS_MAX) return;
      isOpen = false;
      waiting = [];
      socket.close(TOO_MANY, "Too many frames came before the first one was taken.");
    },
    onDrain: (socket) => handler?.onDrain(socket),
    onClose: (socket, code) => {
      isOpen = false;
      waiting = [];
      handler?.onClose(socket, code);
    },
  };
}

/** What the refusal's problem details say. */
function reasonOf(refusal: HttpResponse): string {
  if (!("body" in refusal) || typeof refusal.body !== "string") return "";
  try {
    const { detail } = JSON.parse(refusal.body) as { readonly detail?: unknown };
    return typeof detail === "string" ? asciiStart(detail) : "";
  } catch {
    return "";
  }
}

const asciiStart = (text: string): string =>
  text.replaceAll(/[^ -~]/g, "?").slice(0, REASON_CHARS_MAX);
