// Sends a request on to the process that takes over, over a Unix socket of this user, and its answer
// back: what comes over connections that the old process still has is answered by the new one. The address
// of the client and the id of the request go along; nobody else can connect to the socket.

import { type IncomingMessage, request as send } from "node:http";
import { pipeline } from "node:stream/promises";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { HttpRequest, HttpResponse, ResponseSink } from "../server.ts";

/** Headers in which a relayed request says what its connection would have said. */
export const relayHeaders = { peer: "x-relayed-peer", id: "x-relayed-id" } as const;

/** Answers up to this size are sent with their length, others in pieces. */
const WHOLE_BYTES = 1024 * 1024;
const RETRY_AFTER_MS = 1_000;

/** What is said of one connection, and is said anew on the other (RFC 9110, 7.6.1). */
const ofConnection = new Set([
  ...["connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "expect"],
  ...["content-length", "date", "x-request-id", relayHeaders.peer, relayHeaders.id],
]);

/**
 * Answers a request as the process behind `socketPath` does.
 * @throws SHUTTING_DOWN when it cannot be reached: nothing of the request was done then; BODY_TOO_LARGE,
 *   REQUEST_TIMEOUT and CANCELLED as bodies do.
 */
export async function relay(
  request: HttpRequest,
  { socketPath, bodyBytesMax }: { readonly socketPath: string; readonly bodyBytesMax: number },
): Promise<HttpResponse> {
  const body = await request.body(bodyBytesMax);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const query = request.query.size > 0 ? `?${request.rawQuery}` : "";
    const sent = send(
      {
        ...{ socketPath, method: request.method, path: request.path + query },
        ...{ headers: headersOf(request, body.byteLength), signal: request.signal },
      },
      resolve,
    );
    sent.on("error", (cause) => reject(unreached(cause)));
    sent.end(body);
  });
  return await answerOf(answer, request.method);
}

/** As a list, in which a name may come more than once. */
function headersOf(request: HttpRequest, bytes: number): readonly string[] {
  const headers: string[] = [];
  for (const [name, value] of request.headers()) {
    if (!ofConnection.has(name)) headers.push(name, value);
  }
  headers.push(relayHeaders.peer, request.peer, relayHeaders.id, request.id);
  const hasBody = bytes > 0 || request.header("content-length") !== undefined;
  if (hasBody) headers.push("content-length", String(bytes));
  return headers;
}

async function answerOf(answer: IncomingMessage, method: string): Promise<HttpResponse> {
  const status = answer.statusCode ?? 502;
  const headers: Record<string, string> = {};
  const { rawHeaders } = answer;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = "", value = ""] = [rawHeaders[at], rawHeaders[at + 1]];
    if (!ofConnection.has(name.toLowerCase())) headers[name] = value;
  }
  const length = answer.headers["content-length"];
  const isBare = method === "HEAD" || status === 204 || status === 304;
  if (!isBare && (length === undefined || Number(length) > WHOLE_BYTES)) {
    return { status, headers, stream: (sink) => pump(answer, sink) };
  }
  const pieces: Buffer[] = [];
  for await (const piece of answer) pieces.push(piece as Buffer);
  return { status, headers, body: Buffer.concat(pieces) };
}

/** A cut there cuts here. */
async function pump(answer: IncomingMessage, sink: ResponseSink): Promise<void> {
  await pipeline(answer, async (pieces: AsyncIterable<Buffer>) => {
    for await (const piece of pieces) {
      if (!sink.write(piece)) await sink.drained;
    }
  });
}

function unreached(cause: Error): RuntimeError {
  const text = "The server restarts and cannot be reached at this moment; send it again.";
  return new RuntimeError("SHUTTING_DOWN", text, { retryAfterMs: RETRY_AFTER_MS }, { cause });
}
