// A model provider on a real socket that does, byte for byte, what a test says: what a service that
// fails, hangs or lies may send. Which fault a call meets stands in its last message: `fault:name`.

import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** The wire of a call, and whether it asked for a stream. */
export interface LyingCall {
  readonly wire: "openai" | "anthropic";
  readonly stream: boolean;
}

/** Writes an answer, or none. */
export type Fault = (response: ServerResponse, call: LyingCall) => void;

/** A running one. */
export interface LyingProvider {
  readonly url: string;
  /** Calls that have come. */
  count(): number;
  /** Connections that are open now. */
  open(): number;
  close(): Promise<void>;
}

/** Starts one on 127.0.0.1. A call without a fault is answered "fine". */
export async function startLyingProvider(
  faults: Readonly<Record<string, Fault>>,
): Promise<LyingProvider> {
  let count = 0;
  let open = 0;
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("error", () => undefined);
    request.on("end", () => {
      count += 1;
      const body = Buffer.concat(parts).toString("utf8");
      const wire = (request.url ?? "").endsWith("/messages") ? "anthropic" : "openai";
      const call = { wire, stream: /"stream":\s*true/.test(body) } as const;
      const name = [...body.matchAll(/fault:([a-z-]+)/g)].at(-1)?.[1];
      const fault = name === undefined ? fine : faults[name];
      if (fault === undefined) throw new Error(`There is no fault ${name}.`);
      fault(response, call);
    });
  });
  server.on("connection", (socket) => {
    open += 1;
    socket.on("error", () => undefined);
    socket.on("close", () => {
      open -= 1;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    count: () => count,
    open: () => open,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The head of an answer of the form that was asked for. */
export function head(response: ServerResponse, { stream }: LyingCall): void {
  const type = stream ? "text/event-stream" : "application/json";
  response.writeHead(200, { "content-type": type });
}

/** The beginning of a right stream, with one word of text. */
export function beginning({ wire }: LyingCall): string {
  if (wire === "openai") {
    return event({ choices: [{ index: 0, delta: { role: "assistant", content: "word " } }] });
  }
  const usage = { input_tokens: 3, output_tokens: 1 };
  return [
    { type: "message_start", message: { model: "m", usage } },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "word " } },
  ]
    .map(event)
    .join("");
}

/** One event of a stream. */
export const event = (data: unknown): string => `data: ${JSON.stringify(data)}\n\n`;

/** The end of a right stream. */
export function ending({ wire }: LyingCall): string {
  if (wire === "openai") {
    return `${event({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })}data: [DONE]\n\n`;
  }
  const delta = { stop_reason: "end_turn" };
  const usage = { output_tokens: 2 };
  return event({ type: "message_delta", delta, usage }) + event({ type: "message_stop" });
}

/** A right answer: "word ". */
export const fine: Fault = (response, call) => {
  head(response, call);
  if (call.stream) {
    response.end(beginning(call) + ending(call));
    return;
  }
  const whole =
    call.wire === "openai"
      ? { choices: [{ message: { content: "word " }, finish_reason: "stop" }] }
      : { content: [{ type: "text", text: "word " }], stop_reason: "end_turn" };
  response.end(JSON.stringify(whole));
};
