// An account's routes behind a real socket, as the server has them: events are stored, then answered for.

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Inbound } from "../../../actors/channels/inbound.ts";
import type { ChannelInstance } from "../../../adapters/channels/adapter.ts";

/** The running door. */
export interface SlackDoor {
  readonly url: string;
  stop(): Promise<void>;
}

/** Opens it. @param store what is done with events; a throw is a failed commit. */
export async function openDoor(
  account: ChannelInstance,
  store: (events: readonly Inbound[]) => Promise<void>,
): Promise<SlackDoor> {
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const url = new URL(request.url ?? "/", "http://door");
    const route = account.routes.find(({ path }) => path === url.pathname.replace(/\/$/, ""));
    const handled = await route?.handle({
      ...{ method: "POST", path: url.pathname, query: url.searchParams, publicUrl: "" },
      headers: Object.fromEntries(Object.entries(request.headers).map(([k, v]) => [k, String(v)])),
      body: Buffer.concat(pieces),
    });
    if (handled === undefined) return void response.writeHead(404).end();
    if ("refused" in handled) {
      return void response.writeHead(handled.refused.status).end(handled.refused.body);
    }
    const failed = await store(handled.events).then(
      () => false,
      () => true,
    );
    const answer = failed ? (handled.nack ?? { status: 503, body: "" }) : handled.ack;
    response.writeHead(answer.status).end(answer.body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
