// Speaking to a front door as a client does: whole answers and event streams, over fetch.

/** An answer with its parsed body. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Json;
}

/** Parsed JSON, read freely by tests. */
export type Json = ReturnType<typeof JSON.parse>;

/** What a call may add. */
export interface CallOptions {
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One event as it stood on the wire. */
export interface WireEvent {
  readonly id: string | null;
  readonly event: string | null;
  readonly data: string;
}

/** A streamed answer. */
export interface Streamed {
  readonly status: number;
  /** Waits for the next event; undefined at the end. */
  next(): Promise<WireEvent | undefined>;
  /** All that is left. */
  rest(): Promise<readonly WireEvent[]>;
  /** Cuts the connection. */
  cut(): void;
}

/** One request. */
export interface Sent {
  readonly method: string;
  readonly body: unknown;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
}

const controllers = new WeakMap<Response, AbortController>();

/** Sends a request; a body that is no text goes as JSON. */
export async function request(url: string, sent: Sent): Promise<Response> {
  const abort = new AbortController();
  const response = await fetch(url, {
    method: sent.method,
    signal: abort.signal,
    headers: { "X-API-Key": sent.key, "Content-Type": "application/json", ...sent.headers },
    ...(sent.body === undefined
      ? {}
      : { body: typeof sent.body === "string" ? sent.body : JSON.stringify(sent.body) }),
  });
  controllers.set(response, abort);
  return response;
}

/** Reads a response as events. */
export function streamOf(response: Response): Streamed {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  const next = async (): Promise<WireEvent | undefined> => {
    for (;;) {
      const end = text.indexOf("\n\n");
      if (end !== -1) {
        const event = parseEvent(text.slice(0, end));
        text = text.slice(end + 2);
        if (event !== null) return event;
        continue;
      }
      const chunk = await reader?.read();
      if (chunk === undefined || chunk.done) return undefined;
      text += decoder.decode(chunk.value, { stream: true });
    }
  };
  return {
    status: response.status,
    next,
    rest: async () => {
      const events: WireEvent[] = [];
      for (let event = await next(); event; event = await next()) events.push(event);
      return events;
    },
    cut: () => controllers.get(response)?.abort(),
  };
}

/** The whole response with its body parsed. */
export async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === "" ? null : JSON.parse(text),
  };
}

function parseEvent(block: string): WireEvent | null {
  const fields = new Map<string, string>();
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 2));
  }
  const data = fields.get("data");
  if (data === undefined) return null;
  return { id: fields.get("id") ?? null, event: fields.get("event") ?? null, data };
}
