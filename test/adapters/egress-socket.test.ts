// WebSockets to platforms: where they may go, what ends them, and that no frame is lost on the way.

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { createSockets } from "../../adapters/egress-socket.ts";

const server = createServer();
const sockets = new WebSocketServer({ server, autoPong: false });
const open = createSockets({ allowedHosts: ["127.0.0.1"] });
let url = "";

beforeAll(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/link`;
});
afterAll(() => {
  for (const client of sockets.clients) client.terminate();
  server.close();
});

const peer = async () => ((await once(sockets, "connection")) as [WebSocket])[0];
const signal = new AbortController().signal;

test("frames of the packet that opens it, and many before its reader comes, arrive in order", async () => {
  sockets.once("connection", (socket) => {
    for (let i = 0; i < 500; i += 1) socket.send(`frame ${i}`);
    socket.close(1000);
  });

  const socket = await open({ url, signal });
  const frames: string[] = [];
  for await (const frame of socket.messages) frames.push(frame);

  expect(frames).toEqual(Array.from({ length: 500 }, (_, i) => `frame ${i}`));
  expect(socket.send("too late")).toBe(false);
});

test("a private address that the operator has not allowed is refused, by number and by name", async () => {
  const closed = createSockets({
    allowedHosts: [],
    resolve: async () => [{ address: "10.0.0.7", family: 4 }],
  });

  await expect(closed({ url, signal })).rejects.toMatchObject({ code: "EGRESS_REFUSED" });
  await expect(closed({ url: "wss://slack.example/link", signal })).rejects.toMatchObject({
    code: "EGRESS_REFUSED",
  });
});

test("one whose other side is silent, one whose frame is too large and one not wanted any more end", async () => {
  const ends = async (request: { silenceMs?: number; bytesMax?: number }, frame?: string) => {
    const peered = peer();
    const stop = new AbortController();
    const socket = await open({ url, signal: stop.signal, ...request });
    const other = await peered;
    if (frame !== undefined) other.send(frame);
    else if (request.silenceMs === undefined) stop.abort();
    for await (const text of socket.messages) return text;
    return "ended";
  };

  expect(await ends({ silenceMs: 100 })).toBe("ended");
  expect(await ends({ bytesMax: 10 }, "x".repeat(11))).toBe("ended");
  expect(await ends({ bytesMax: 10 }, "x".repeat(10))).toBe("x".repeat(10));
  expect(await ends({})).toBe("ended");
});

test("a server that does not answer as a WebSocket is unavailable, in one sentence", async () => {
  const plain = createServer((_, response) => response.end("<html>")).listen(0, "127.0.0.1");
  await once(plain, "listening");
  const at = `ws://127.0.0.1:${(plain.address() as AddressInfo).port}/?ticket=secret`;

  const failure = await open({ url: at, signal }).catch((error: Error) => error);

  expect(failure).toMatchObject({ code: "PROVIDER_UNAVAILABLE" });
  expect(String(failure)).not.toContain("secret");
  plain.close();
});
