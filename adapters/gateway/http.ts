// The gateway as a handler of node:http, which is what other servers can be given: bounded heads, bodies and
// times, bytes as they came.

import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Answer, Forwarder } from "./forward.ts";

/** A request whose body others have read already: Express with a raw parser, serverless platforms. */
interface Parsed {
  readonly body?: unknown;
}

/**
 * A handler of requests below a prefix.
 * @param next called for paths that are not below it; default: they are 404.
 */
export function listenerOf(
  forwarder: Forwarder,
  prefix: string,
): (...of: [...Parameters<RequestListener>, next?: () => void]) => void {
  const base = prefix.replace(/\/+$/, "");
  return (request, response, next) => {
    const asked = request.url ?? "/";
    const isBelow = asked === base || asked.startsWith(`${base}/`) || asked.startsWith(`${base}?`);
    if (!isBelow && next !== undefined) return next();
    const path = isBelow ? asked.slice(base.length) : null;
    answered(forwarder, request, path).then(
      (answer) => write(response, request, answer),
      // Cut by who had asked.
      () => response.destroy(),
    );
  };
}

async function answered(
  forwarder: Forwarder,
  request: IncomingMessage,
  path: string | null,
): Promise<Answer> {
  if (path === null) return refused(404, "There is nothing here.");
  const headers: Record<string, string> = Object.create(null);
  for (let at = 0; at + 1 < request.rawHeaders.length; at += 2) {
    const name = (request.rawHeaders[at] ?? "").toLowerCase();
    const value = request.rawHeaders[at + 1] ?? "";
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  const address = request.socket.remoteAddress ?? "";
  const delivered = { method: request.method ?? "GET", path, headers, address };
  const { body } = request as Parsed;
  if (body instanceof Uint8Array) return await forwarder.handle({ ...delivered, body });
  if (request.readableEnded) {
    const why = "Its body was read and changed by another parser: mount the gateway before it.";
    return refused(413, why);
  }
  // Not destroyed where it is not read to its end: an answer follows.
  return await forwarder.read(delivered, request.iterator({ destroyOnReturn: false }));
}

function write(response: ServerResponse, request: IncomingMessage, answer: Answer): void {
  const { status, headers, body } = answer;
  // The rest of a body that is not taken is not waited for.
  if (!request.readableEnded && !(request as Parsed).body)
    response.setHeader("connection", "close");
  response.writeHead(status, { ...headers, "content-length": String(body.byteLength) });
  response.end(request.method === "HEAD" ? undefined : body);
}

function refused(status: number, text: string): Answer {
  const headers = { "content-type": "text/plain; charset=utf-8" };
  return { status, headers, body: Buffer.from(`${text}\n`) };
}
