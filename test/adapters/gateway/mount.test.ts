// A gateway inside applications of four kinds, and by itself: the same bytes go to the server, the same answer
// comes back, and the application's own paths stay its own.

import { createServer, type IncomingMessage, type Server } from "node:http";
import { createRequire } from "node:module";
import { type AddressInfo, connect } from "node:net";
import { getRequestListener } from "@hono/node-server";
import fastify from "fastify";
import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Forwarder } from "../../../adapters/gateway/forward.ts";
import { type Mountable, mountInto } from "../../../adapters/gateway/mount.ts";
import { gatewayLimits } from "../../../adapters/gateway/options.ts";
import { until } from "../../support/channels/channel-desk.ts";

/** Express, which has no types of its own. */
interface Express {
  (): ((...of: unknown[]) => void) & {
    use(...handlers: unknown[]): void;
    get(path: string, handler: (_: unknown, response: { send(text: string): void }) => void): void;
  };
  json(): unknown;
  Router(): unknown;
}
const express = createRequire(import.meta.url)("express") as Express;

interface Heard {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

const heard: Heard[] = [];
let upstream: Server;
let isDown = false;
const forwarder = new Forwarder();

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
};

/** Listens on loopback at a free port. */
async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

beforeAll(async () => {
  upstream = createServer(async (request, response) => {
    if (isDown) return void request.socket.destroy();
    const { method = "", url = "", headers } = request;
    heard.push({ method, url, headers, body: await bodyOf(request) });
    response.writeHead(202, { "content-type": "text/x-own", "x-own": "1" });
    response.end("taken");
  });
  forwarder.point(await listening(upstream));
  forwarder.set([
    { name: "hook", kind: "webhook", id: "ch_1" },
    { name: "work", kind: "slack", id: "ch_9" },
  ]);
});
afterAll(() => {
  forwarder.close();
  upstream.close();
});

interface App {
  readonly url: string;
  close(): Promise<unknown> | unknown;
}

const apps: Readonly<Record<string, () => Promise<App>>> = {
  "node:http": async () => {
    const server = createServer((_, response) => response.end("own"));
    mountInto(server, "/bots", forwarder);
    return { url: await listening(server), close: () => server.close() };
  },
  express: async () => {
    const app = express();
    mountInto(app as unknown as Mountable, "/bots", forwarder);
    app.use(express.json());
    app.get("/own", (_, response) => void response.send("own"));
    const server = createServer(app);
    return { url: await listening(server), close: () => server.close() };
  },
  fastify: async () => {
    const app = fastify();
    mountInto(app as unknown as Mountable, "/bots", forwarder);
    app.get("/own", () => "own");
    return { url: await app.listen({ port: 0, host: "127.0.0.1" }), close: () => app.close() };
  },
  hono: async () => {
    const app = new Hono();
    mountInto(app as unknown as Mountable, "/bots", forwarder);
    app.get("/own", (context) => context.text("own"));
    const server = createServer(getRequestListener(app.fetch));
    return { url: await listening(server), close: () => server.close() };
  },
};

/** An upload of so many bytes that does not end; what was answered so far. */
function halfOpen(url: string, bytes: number, signal: AbortSignal): { said(): string } {
  const { port } = new URL(url);
  const socket = connect({ port: Number(port), host: "127.0.0.1" });
  const head = "POST /bots/hook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
  let said = "";
  socket.write(`${head}Content-Length: ${bytes + 1}\r\n\r\n`);
  socket.write(Buffer.alloc(bytes));
  socket.on("data", (piece) => {
    said += String(piece);
  });
  socket.on("error", () => undefined);
  signal.addEventListener("abort", () => socket.destroy());
  return { said: () => said };
}

describe.each(Object.entries(apps))("in %s", (_, open) => {
  let app: App;
  beforeAll(async () => {
    app = await open();
  });
  afterAll(() => app.close());

  test("bytes, headers and the query arrive as they came, and the answer comes back", async () => {
    heard.length = 0;
    // No JSON, and no text: whoever parsed it would have changed it.
    const body = Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0xff, 0x00, 0x7d]);
    const response = await fetch(`${app.url}/bots/hook/sub?a=1&b=%2F`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-signature": "v1=abc" },
      body,
    });
    expect([response.status, response.headers.get("x-own"), await response.text()]).toEqual([
      202,
      "1",
      "taken",
    ]);
    expect(heard).toMatchObject([
      {
        method: "POST",
        url: "/gateway/webhook/ch_1/sub?a=1&b=%2F",
        headers: { "x-signature": "v1=abc" },
      },
    ]);
    expect(heard[0]?.body).toEqual(body);
    expect(heard[0]?.headers["x-forwarded-for"]).toBe("127.0.0.1");
  });

  test("the server's own way to write a channel's path leads there too, others nowhere", async () => {
    heard.length = 0;
    const status = async (path: string, init?: RequestInit) =>
      (await fetch(`${app.url}/bots${path}`, init)).status;
    expect(await status("/webhook/ch_1")).toBe(202);
    expect(await status("/hook")).toBe(202);
    expect(await status("/webhook/ch_2")).toBe(404);
    expect(await status("/nobody")).toBe(404);
    expect(await status("/../v2/agents")).not.toBe(202);
    expect(await status("/hook", { method: "PUT" })).toBe(405);
    expect(heard.map(({ url }) => url)).toEqual(["/gateway/webhook/ch_1", "/gateway/webhook/ch_1"]);
  });

  test("its own paths stay its own", async () => {
    expect(await (await fetch(`${app.url}/own`)).text()).toBe("own");
  });

  test("what is too large is not taken", async () => {
    heard.length = 0;
    const body = Buffer.alloc(gatewayLimits.bodyBytes + 1);
    const asked = fetch(`${app.url}/bots/hook`, { method: "POST", body }).then(
      ({ status }) => status,
    );
    expect([413, "cut"]).toContain(await asked.catch(() => "cut"));
    expect(heard).toEqual([]);
  });

  test("many large bodies at once hold no more than their room, and small ones have their own", async () => {
    heard.length = 0;
    const large = 20 * 1_024 * 1_024;
    const ended = new AbortController();
    const sockets = Array.from({ length: 8 }, () => halfOpen(app.url, large, ended.signal));
    await until(
      () => sockets.filter(({ said }) => said().includes(" 503 ")).length,
      (count) => count >= 2,
    );

    const { status } = await fetch(`${app.url}/bots/hook`, { method: "POST", body: "small" });
    ended.abort();

    expect([status, heard.map(({ body }) => String(body))]).toEqual([202, ["small"]]);
  });

  test("while the server is away platforms are told to come again", async () => {
    isDown = true;
    const response = await fetch(`${app.url}/bots/hook`, { method: "POST", body: "x" });
    // What never comes again is told so in words.
    const command = await fetch(`${app.url}/bots/work/commands?a=1`, { method: "POST", body: "x" });
    isDown = false;
    expect([command.status, await command.text()]).toEqual([
      200,
      expect.stringContaining("try again"),
    ]);
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
  });
});

/** Applications whose part below /api has the gateway. */
const partly: Readonly<Record<string, () => Promise<App>>> = {
  express: async () => {
    const [app, part] = [express(), express.Router()];
    mountInto(part as Mountable, "/bots", forwarder);
    app.use("/api", part);
    const server = createServer(app);
    return { url: await listening(server), close: () => server.close() };
  },
  fastify: async () => {
    const app = fastify();
    const plugin = (part: unknown, _options: object, done: () => void): void => {
      mountInto(part as Mountable, "bots/", forwarder);
      done();
    };
    app.register(plugin, { prefix: "/api" });
    return { url: await app.listen({ port: 0, host: "127.0.0.1" }), close: () => app.close() };
  },
  hono: async () => {
    const [app, part] = [new Hono(), new Hono()];
    mountInto(part as unknown as Mountable, "/bots", forwarder);
    app.route("/api", part);
    const server = createServer(getRequestListener(app.fetch));
    return { url: await listening(server), close: () => server.close() };
  },
  "node:http, and everything": async () => {
    const server = createServer();
    mountInto(server, "/", forwarder);
    const url = await listening(server);
    return { url, close: () => server.close() };
  },
};

test.each(Object.entries(partly))("in a part of %s it is below that part", async (name, open) => {
  const app = await open();
  heard.length = 0;
  const base = name.startsWith("node:") ? app.url : `${app.url}/api/bots`;
  const { status } = await fetch(`${base}/hook/sub?a=1`, { method: "POST", body: "x" });
  await app.close();
  expect([status, heard[0]?.url]).toEqual([202, "/gateway/webhook/ch_1/sub?a=1"]);
});

test("an application of another kind is refused", () => {
  expect(() => mountInto({} as Mountable, "/bots", forwarder)).toThrow("node:http server");
});
