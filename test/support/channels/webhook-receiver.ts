// A receiver of webhooks that checks them with the standard's own library and answers as it is told.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";

/** What it got. */
export interface ReceivedWebhook {
  readonly id: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** An answer. */
export interface WebhookAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The connection is cut instead, when the request has been taken in. */
  readonly isCut?: boolean;
}

/** A receiver. */
export interface WebhookReceiver {
  readonly url: string;
  readonly port: number;
  readonly received: ReceivedWebhook[];
  /** Whatever it was asked for, signed or not. */
  readonly requests: () => number;
  /** Answers that come next; after them 204. */
  readonly answers: WebhookAnswer[];
  close(): Promise<void>;
}

/** Starts one on loopback; a signature that is not of `secret` is answered with 401. */
export async function startReceiver(secret: string): Promise<WebhookReceiver> {
  const received: ReceivedWebhook[] = [];
  const answers: WebhookAnswer[] = [];
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const text = Buffer.concat(pieces).toString();
      const { "webhook-id": id = "" } = request.headers;
      try {
        const body = new Webhook(secret).verify(text, request.headers as Record<string, string>);
        received.push({ id: String(id), body: body as ReceivedWebhook["body"], text });
      } catch {
        response.writeHead(401).end("not signed with our secret");
        return;
      }
      const { status, headers = {}, isCut = false } = answers.shift() ?? { status: 204 };
      if (isCut) request.socket.destroy();
      else response.writeHead(status, headers).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    port,
    received,
    requests: () => requests,
    answers,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
