// The way out for WebSockets (Slack's Socket Mode, Discord's Gateway), beside egress.ts and with its
// promises: the address that was checked is the one connected to, redirects are not followed, frames are
// limited, and a peer that has gone silent is noticed.

import { on } from "node:events";
import type { WebSocket } from "ws";
import { RuntimeError } from "../runtime/errors.ts";
import type { PlatformSocket, SocketRequest } from "./channels/adapter.ts";
import type { EgressPolicy } from "./egress.ts";
import { checkedLookup, checkedUrl, hostOf, hostRule, refused } from "./egress-address.ts";

/** Limits where a request names none. */
const DEFAULTS = { bytesMax: 1_048_576, silenceMs: 30_000 } as const;
const HANDSHAKE_MS = 15_000;
/** Frames that wait for their reader; the socket is not read while there are more. */
const WAITING_MAX = 64;

/** Opens WebSockets under a policy. @throws RuntimeError EGRESS_REFUSED, PROVIDER_UNAVAILABLE, CANCELLED. */
export function createSockets(
  policy: Pick<EgressPolicy, "allowedHosts" | "closed" | "resolve">,
): (request: SocketRequest) => Promise<PlatformSocket> {
  const allowed = new Set(
    policy.allowedHosts.map((host) => hostRule(host)?.host ?? host.toLowerCase()),
  );
  const lookup = checkedLookup(allowed, policy.resolve);
  return async (request) => {
    const url = checkedUrl(request.url.replace(/^ws/i, "http"), allowed);
    const host = hostOf(url);
    if (policy.closed !== undefined) throw refused(host, policy.closed);
    const { WebSocket } = await import("ws");
    const socket = new WebSocket(url.href.replace(/^http/, "ws"), {
      // ws hands unknown options to net.connect: this is its resolver.
      ...({ lookup } as object),
      ...(request.headers && { headers: request.headers }),
      handshakeTimeout: HANDSHAKE_MS,
      maxPayload: request.bytesMax ?? DEFAULTS.bytesMax,
      perMessageDeflate: false,
      followRedirects: false,
    });
    // Listened to before it opens: a platform may speak in the packet that opens it.
    let code: number | null = null;
    socket.once("close", (said) => {
      // 1005 and 1006 are of ws: nothing was said.
      code = said === 1_005 || said === 1_006 ? null : said;
    });
    const messages = framesOf(socket);
    await opened(socket, request.signal, host);
    watch(socket, request.signal, request.silenceMs ?? DEFAULTS.silenceMs);
    return {
      messages,
      send(text) {
        if (socket.readyState !== socket.OPEN) return false;
        socket.send(text);
        return true;
      },
      close: () => socket.close(),
      closeCode: () => code,
    };
  };
}

/** Begins to listen at once; its reader may come later. */
function framesOf(socket: WebSocket): AsyncIterable<string> {
  const frames = on(socket, "message", { close: ["close"], highWaterMark: WAITING_MAX });
  return {
    async *[Symbol.asyncIterator]() {
      try {
        for await (const [data, isBinary] of frames) {
          if (!isBinary) yield String(data);
        }
      } catch (error) {
        // Broken off is an end as well: the reader asks for a new one either way. ws closes it itself.
        if (socket.readyState === socket.OPEN) throw error;
      }
    },
  };
}

function opened(socket: WebSocket, signal: AbortSignal, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancelled = () => {
      socket.terminate();
      reject(new RuntimeError("CANCELLED", `The WebSocket to ${host} was cancelled.`));
    };
    if (signal.aborted) return cancelled();
    signal.addEventListener("abort", cancelled, { once: true });
    socket.once("open", () => {
      signal.removeEventListener("abort", cancelled);
      resolve();
    });
    socket.once("error", (error) => {
      signal.removeEventListener("abort", cancelled);
      if (error instanceof RuntimeError) return reject(error);
      const text = `No WebSocket to ${host} could be opened.`;
      reject(new RuntimeError("PROVIDER_UNAVAILABLE", text, { host }));
    });
  });
}

/** Closes it when it is not wanted any more, and when nothing is heard of the other side. */
function watch(socket: WebSocket, signal: AbortSignal, silenceMs: number): void {
  let isHeard = true;
  const heard = () => {
    isHeard = true;
  };
  for (const name of ["message", "ping", "pong"] as const) socket.on(name, heard);
  const timer = setInterval(() => {
    // Not read because its reader is slow: then its silence says nothing.
    if (!isHeard && !socket.isPaused) return socket.terminate();
    isHeard = false;
    socket.ping();
  }, silenceMs / 2);
  timer.unref();
  const end = () => socket.terminate();
  signal.addEventListener("abort", end, { once: true });
  socket.once("close", () => {
    clearInterval(timer);
    signal.removeEventListener("abort", end);
  });
}
