// The other end of the relay: takes messages, answers as it is told, and delivers as the platform does.

import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A message as it came. */
export interface Relayed {
  readonly key: string;
  readonly room: string;
  readonly text: string;
}

/** A running relay. */
export interface RelayServer {
  readonly apiUrl: string;
  readonly sent: readonly Relayed[];
  /** What is answered to a message; default 200 with an id. */
  answer: (message: Relayed) => { readonly status: number } | Promise<{ readonly status: number }>;
  /** Delivers a message. @returns the status of the answer. */
  deliver(url: string, message: Readonly<Record<string, string>>): Promise<number>;
  stop(): Promise<void>;
}

/** Starts one. */
export async function startRelay(secret: string): Promise<RelayServer> {
  const sent: Relayed[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (piece: string) => {
      body += piece;
    });
    request.on("end", async () => {
      const message = JSON.parse(body) as Relayed;
      const { status } = await relay.answer(message);
      if (status === 200) sent.push(message);
      response.writeHead(status).end(JSON.stringify({ id: `r${sent.length}` }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const relay: RelayServer = {
    apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/messages`,
    sent,
    answer: () => ({ status: 200 }),
    deliver: async (url, message) => {
      const body = JSON.stringify(message);
      const signature = createHmac("sha256", secret).update(body).digest("hex");
      const headers = { "X-Relay-Signature": signature };
      return (await fetch(url, { method: "POST", body, headers })).status;
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return relay;
}
