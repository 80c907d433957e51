// Server-sent events over a response: ids for resume, a ping every 15 s so that proxies keep
// the connection, and back-pressure: `send` waits while the client reads too slowly, so that a
// producer that waits for it coalesces what comes meanwhile instead of filling memory.

import type { HttpResponse, ResponseSink } from "./server.ts";

/** Silence after which a ping is sent, ms. */
export const SSE_PING_MS = 15_000;
/** What clients are told to wait before they reconnect, ms. */
export const SSE_RETRY_MS = 2_000;

/** One event. `data` is ready text: JSON is made once, by the caller; line breaks are allowed. */
export interface SseEvent {
  readonly data: string;
  readonly id?: string;
  readonly event?: string;
}

/** Where a producer writes its events. */
export interface SseWriter {
  /** Writes events in one piece; resolves when the client can take more, at once when it is gone. */
  send(events: readonly SseEvent[]): Promise<void>;
  /** Aborts when the client is gone: the producer stops. */
  readonly signal: AbortSignal;
}

/** Settings of a stream. */
export interface SseOptions {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default `SSE_PING_MS`. */
  readonly pingMs?: number;
  /** What is sent where nothing else was. Default: a comment. */
  readonly ping?: SseEvent;
}

/** A streamed answer. It ends when `produce` returns; a throw cuts the connection. */
export function eventStream(
  produce: (writer: SseWriter) => Promise<void>,
  options: SseOptions = {},
): HttpResponse {
  return {
    status: options.status ?? 200,
    headers: {
      "Content-Type": "text/event-stream; charset=utf-8",
      "Cache-Control": "no-cache, no-transform",
      "X-Accel-Buffering": "no",
      ...options.headers,
    },
    stream: (sink) => pump(sink, produce, options),
  };
}

/** An event as it is written. */
export function sseText(event: SseEvent): string {
  let text = event.id === undefined ? "" : `id: ${event.id}\n`;
  if (event.event !== undefined) text += `event: ${event.event}\n`;
  // JSON has no line breaks; text that has some becomes one data line each.
  return event.data.includes("\n") || event.data.includes("\r")
    ? `${text}data: ${event.data.split(/\r\n|\r|\n/).join("\ndata: ")}\n\n`
    : `${text}data: ${event.data}\n\n`;
}

async function pump(
  sink: ResponseSink,
  produce: (writer: SseWriter) => Promise<void>,
  { pingMs = SSE_PING_MS, ping }: SseOptions,
): Promise<void> {
  const pingText = ping === undefined ? ": ping\n\n" : sseText(ping);
  let wroteSincePing = false;
  let isFull = false;
  const write = (piece: string): boolean => {
    wroteSincePing = true;
    isFull = !sink.write(piece);
    return !isFull;
  };
  write(`retry: ${SSE_RETRY_MS}\n\n`);
  const pinging = setInterval(() => {
    // A client that reads too slowly has bytes waiting already: a ping would only add to them.
    if (!wroteSincePing && !isFull) sink.write(pingText);
    wroteSincePing = false;
  }, pingMs);
  try {
    await produce({
      signal: sink.signal,
      send: async (events) => {
        if (sink.signal.aborted || events.length === 0) return;
        let text = "";
        for (const event of events) text += sseText(event);
        if (write(text)) return;
        await sink.drained;
        isFull = false;
      },
    });
  } finally {
    clearInterval(pinging);
  }
}
