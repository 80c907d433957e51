// A request as bytes, and a client that sends it as it is: no part of it is checked or repaired on the way.

import { Agent, request } from "node:http";
import type { Route } from "../../../adapters/http/route.ts";
import type { Sent } from "../matrix/sent.ts";
import { pathOf } from "../matrix/world.ts";

/** A request. Names and values of headers are Latin-1. */
export interface Wire {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What came back; `aborted`: the client left before the end. */
export interface Reply {
  readonly status: number;
  readonly text: string;
  readonly isAborted: boolean;
}

/** Characters of an answer that are kept. */
const TEXT_MAX = 2_000;

/** The good request of a route. */
export function wireOf(route: Route, sent: Sent, key: string): Wire {
  const { body } = sent;
  const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
  const isJson = text !== "";
  const headers = {
    "X-API-Key": sent.key ?? key,
    ...(isJson && { "Content-Type": "application/json" }),
    ...sent.headers,
  };
  return { method: route.method, path: pathOf(route, sent), headers, body: Buffer.from(text) };
}

/** Sends requests over so many connections that stay open. */
export interface Sender {
  /** @throws when there is no answer at all: the server is gone, or cut the connection. */
  send(wire: Wire): Promise<Reply>;
  close(): void;
}

/** @param options `patienceMs`: after this the client leaves a stream that goes on. */
export function createSender(
  base: string,
  options: { readonly connections: number; readonly patienceMs: number },
): Sender {
  const agent = new Agent({ keepAlive: true, maxSockets: options.connections });
  const { hostname, port } = new URL(base);
  return {
    close: () => agent.destroy(),
    send: ({ method, path, headers, body }) =>
      new Promise((resolve, reject) => {
        const sent = request({
          ...{ agent, hostname, port, method, path },
          headers: { ...headers, "Content-Length": body.length },
        });
        let reply: Reply | null = null;
        const timer = setTimeout(() => {
          if (reply === null) reply = { status: 0, text: "no answer in time", isAborted: true };
          else reply = { ...reply, isAborted: true };
          sent.destroy();
          resolve(reply);
        }, options.patienceMs);
        sent.on("error", (error) => {
          clearTimeout(timer);
          if (reply === null) reject(error);
        });
        sent.on("response", (response) => {
          reply = { status: response.statusCode ?? 0, text: "", isAborted: false };
          response.setEncoding("latin1");
          response.on("data", (piece: string) => {
            if (reply !== null && reply.text.length < TEXT_MAX) {
              reply = { ...reply, text: reply.text + piece };
            }
          });
          response.on("error", () => undefined);
          response.on("close", () => {
            clearTimeout(timer);
            if (reply !== null) resolve(reply);
          });
        });
        sent.end(body);
      }),
  };
}
