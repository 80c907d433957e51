// One suite over both servers: what a client can do wrong, and what a handler can do wrong.

import { afterEach, describe, expect, test } from "vitest";
import type { HttpResponse, Server } from "../../adapters/http/server.ts";
import { Raw, servers, start } from "./servers.ts";

const text = (body: string): HttpResponse => ({ status: 200, headers: {}, body });
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const POST = (bytes: number | string, rest = ""): string =>
  `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\n${rest}`;
const GET = (path = "/"): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

describe.each(servers)("the %s server", (_name, listen) => {
  let server: Server;
  afterEach(() => server.close());
  const url = (path = "/"): string => `http://127.0.0.1:${server.port}${path}`;

  test("answers pipelined requests in order over one connection", async () => {
    server = await start(listen, async (request) => text(`<${request.path}>`));

    const raw = new Raw(server.port).write(GET("/a") + GET("/b") + GET("/c"));
    const got = await raw.until((sofar) => sofar.includes("</c>"));
    raw.end();

    expect(got.match(/<[^>]+>/g)).toEqual(["</a>", "</b>", "</c>"]);
  });

  test("keeps a connection for requests that come one after another", async () => {
    server = await start(listen, async (request) => text(`<${request.path}>`));

    const raw = new Raw(server.port);
    for (const path of ["/a", "/b", "/c"]) {
      await raw.write(GET(path)).until((sofar) => sofar.includes(`<${path}>`));
    }
    raw.end();

    expect(raw.text.match(/<[^>]+>/g)).toEqual(["</a>", "</b>", "</c>"]);
    expect(new Set(raw.text.match(/x-request-id: req_\w+/gi)).size).toBe(3);
  });

  test("gives handlers the path as sent, the query, the headers and the peer", async () => {
    server = await start(listen, (request) =>
      text(
        JSON.stringify([request.path, request.query.get("q"), request.header("x-a"), request.peer]),
      ),
    );

    const answer = await fetch(url("/a%20b?q=%C3%A9"), { headers: { "X-A": "1" } });

    expect(await answer.json()).toEqual(["/a%20b", "é", "1", "127.0.0.1"]);
  });

  test("a handler that throws, at once or later, is a 500 and harms nobody", async () => {
    server = await start(listen, (request) => {
      if (request.path === "/now") throw new Error("secret now");
      if (request.path === "/later") return tick().then(() => Promise.reject(new Error("secret")));
      return text("well");
    });

    const now = await fetch(url("/now"));
    const later = await fetch(url("/later"));

    expect([now.status, later.status]).toEqual([500, 500]);
    expect(await later.text()).not.toContain("secret");
    expect(await now.text()).toContain('"code":"INTERNAL"');
    expect(await (await fetch(url())).text()).toBe("well");
  });

  test("a handler that throws after its client has gone harms nobody", async () => {
    let aborted = (): void => {};
    const gone = new Promise<void>((resolve) => {
      aborted = resolve;
    });
    server = await start(listen, async (request) => {
      if (request.path !== "/gone") return text("well");
      await new Promise<void>((resolve) =>
        request.signal.addEventListener("abort", () => resolve()),
      );
      aborted();
      throw new Error("after abort");
    });

    const raw = new Raw(server.port).write(GET("/gone"));
    await new Promise((resolve) => raw.socket.once("connect", resolve));
    await expect.poll(() => server.connections()).toBe(1);
    raw.end();
    await gone;

    expect(await (await fetch(url())).text()).toBe("well");
    await expect.poll(() => server.connections()).toBe(0);
  });

  test("a stream that throws on its way is cut, not ended as if it were whole", async () => {
    server = await start(listen, (request) =>
      request.path === "/ok"
        ? text("well")
        : {
            status: 200,
            headers: {},
            stream: async (sink) => {
              sink.write("part");
              await tick();
              throw new Error("on the way");
            },
          },
    );

    await expect(fetch(url()).then((answer) => answer.text())).rejects.toThrow();
    expect(await (await fetch(url("/ok"))).text()).toBe("well");
  });

  test("a body over the limit is 413, whether declared or chunked", async () => {
    server = await start(listen, async (request) => text(String((await request.body()).length)));
    const body = "x".repeat(100_000);

    const at = await fetch(url(), { method: "POST", body });
    const over = await fetch(url(), { method: "POST", body: `${body}x` });
    const huge = await fetch(url(), { method: "POST", body: "x".repeat(5_000_000) });
    const chunked = new Raw(server.port).write(
      `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n30d40\r\n${"x".repeat(200_000)}\r\n0\r\n\r\n`,
    );
    const got = await chunked.until((sofar) => sofar.includes("BODY_TOO_LARGE"));
    chunked.end();

    expect(await at.text()).toBe("100000");
    expect([over.status, huge.status]).toEqual([413, 413]);
    expect(got).toContain("HTTP/1.1 413");
  });

  test("a route's own limit may be larger than what is held before it asks", async () => {
    server = await start(listen, async (request) => {
      await tick();
      return text(String((await request.body(2_000_000)).length));
    });

    const answer = await fetch(url(), { method: "POST", body: "x".repeat(1_500_000) });

    expect(await answer.text()).toBe("1500000");
  });

  test("a body that comes too slowly is 408", async () => {
    server = await start(listen, async (request) => text(String((await request.body()).length)));

    const raw = new Raw(server.port).write(POST(10, "abc"));
    const got = await raw.until((sofar) => sofar.includes("REQUEST_TIMEOUT"));
    raw.end();

    expect(got).toContain("HTTP/1.1 408");
  });

  test("an upload cut half-way aborts its handler and leaves nothing open", async () => {
    let failure: unknown = null;
    server = await start(listen, async (request) => {
      try {
        return text(String((await request.body()).length));
      } catch (error) {
        failure = error;
        throw error;
      }
    });

    const raw = new Raw(server.port).write(POST(1_000, "abc"));
    await expect.poll(() => server.connections()).toBe(1);
    raw.end();

    await expect.poll(() => failure).toMatchObject({ code: "CANCELLED" });
    await expect.poll(() => server.connections()).toBe(0);
  });

  test("a huge head is 431 and broken requests are refused, all without harm", async () => {
    server = await start(listen, async (request) => text(String((await request.body()).length)));
    const head = (bytes: number): string =>
      `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${"a".repeat(bytes)}\r\n\r\n`;
    const wrong = [
      head(100_000),
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
      "GET / HTTP/9.9\r\n\r\n",
    ];

    for (const request of wrong) {
      const raw = new Raw(server.port).write(request);
      const got = await raw.until((sofar) => sofar.includes("\r\n\r\n"));
      raw.end();
      expect(got).not.toContain(" 200 ");
    }
    const large = new Raw(server.port).write(head(100_000));
    expect(await large.until((sofar) => sofar.includes("\r\n\r\n"))).toContain(" 431 ");
    large.end();
    expect((await fetch(url())).status).toBe(200);
  });

  test("random bytes on the socket do no harm", async () => {
    server = await start(listen, async () => text("well"));
    let seed = 7;
    const random = (): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
      return seed;
    };

    for (let round = 0; round < 200; round += 1) {
      const bytes = Uint8Array.from({ length: 1 + (random() % 300) }, () => random() >> 8);
      const raw = new Raw(server.port);
      raw.write(round % 2 === 0 ? bytes : GET()).write(bytes);
      raw.socket.end();
      if (round % 20 === 19) await raw.closed();
    }

    expect(await (await fetch(url())).text()).toBe("well");
  });

  test("a thousand requests at once are all answered", async () => {
    server = await start(listen, async (request) => text(request.path));

    const all = await Promise.all(
      Array.from({ length: 1_000 }, async (_unused, at) => {
        const raw = new Raw(server.port).write(GET(`/n${at}`));
        const got = await raw.until((sofar) => sofar.endsWith(`/n${at}`));
        raw.end();
        return got.endsWith(`/n${at}`);
      }),
    );

    expect(all.filter(Boolean)).toHaveLength(1_000);
  });

  test("a client that closed its sending half still gets its answer, or a clean close", async () => {
    server = await start(listen, async () => text("well"));

    const raw = new Raw(server.port);
    raw.socket.end(GET());
    await raw.closed();

    expect(await (await fetch(url())).text()).toBe("well");
  });

  test("fifty megabytes arrive whole", async () => {
    const body = new Uint8Array(50_000_000).fill(7);
    body[49_999_999] = 9;
    // This client reads all the time; how fast is the machine's matter.
    const limits = { slowReaderMs: 30_000 };
    server = await start(listen, () => ({ status: 200, headers: {}, body }), { limits });

    const got = new Uint8Array(await (await fetch(url())).arrayBuffer());

    expect(got.byteLength).toBe(50_000_000);
    expect([got[0], got[25_000_000], got[49_999_999]]).toEqual([7, 7, 9]);
  });

  test("HEAD says the length of GET and sends no body", async () => {
    server = await start(listen, () => text("hello"));

    const answer = await fetch(url(), { method: "HEAD" });

    expect(answer.headers.get("content-length")).toBe("5");
    expect(await answer.text()).toBe("");
  });

  test("an answer without a body says no length, and the connection is good for the next one", async () => {
    const statuses = [204, 304];
    server = await start(listen, (request) => {
      const status = statuses.shift();
      return status === undefined ? text(`<${request.path}>`) : { status, headers: {}, body: "" };
    });

    const raw = new Raw(server.port).write(GET("/a")).write(GET("/b")).write(GET("/c"));
    const got = await raw.until((sofar) => sofar.includes("</c>"));
    raw.end();

    expect(got.match(/HTTP\/1.1 \d+/g)).toEqual(["HTTP/1.1 204", "HTTP/1.1 304", "HTTP/1.1 200"]);
    expect(got.match(/content-length: \d+/gi)?.map((one) => one.toLowerCase())).toEqual([
      "content-length: 4",
    ]);
  });

  test("a port that is taken is an error, not a shared port", async () => {
    server = await start(listen, () => text("first"));
    const door = { handle: async () => text("second"), upgrade: async () => text("") };
    const { testLimits } = await import("./servers.ts");

    await expect(
      listen({ host: "127.0.0.1", port: server.port, limits: testLimits, door }),
    ).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });

  test("one connection too many is 503", async () => {
    server = await start(listen, () => text("well"), { limits: { connectionsMax: 2 } });
    const open = [new Raw(server.port), new Raw(server.port)];
    for (const raw of open) await raw.write(GET()).until((sofar) => sofar.includes("well"));

    const third = new Raw(server.port).write(GET());
    const got = await third.until((sofar) => sofar.includes("TOO_MANY"));
    for (const raw of [...open, third]) raw.end();

    expect(got).toContain("HTTP/1.1 503");
    expect(got.toLowerCase()).toContain("retry-after: 1");
  });

  test("a header value with a line break never reaches the wire", async () => {
    server = await start(listen, () => ({
      status: 200,
      headers: { "X-A": "1\r\nSet-Cookie: a=b" },
      body: "",
    }));

    const answer = await fetch(url());

    expect(answer.status).toBe(500);
    expect(answer.headers.get("set-cookie")).toBeNull();
  });

  test("close ends open streams and lets nothing hang", async () => {
    let ended = false;
    server = await start(listen, () => ({
      status: 200,
      headers: {},
      stream: async (sink) => {
        sink.write("open");
        await new Promise<void>((resolve) =>
          sink.signal.addEventListener("abort", () => resolve()),
        );
        ended = true;
      },
    }));
    const raw = new Raw(server.port).write(GET());
    await raw.until((sofar) => sofar.includes("open"));

    await server.close();
    await raw.closed();

    await expect.poll(() => ended).toBe(true);
    expect(server.connections()).toBe(0);
  });

  test("a slow reader is cut with bounded memory while others go on", async () => {
    let written = 0;
    let isCut = false;
    server = await start(listen, (request) =>
      request.path !== "/flood"
        ? text("well")
        : {
            status: 200,
            headers: {},
            stream: async (sink) => {
              const piece = "x".repeat(16_384);
              while (!sink.signal.aborted) {
                written += piece.length;
                if (!sink.write(piece)) await sink.drained;
                else await tick();
              }
              isCut = true;
            },
          },
    );

    const raw = new Raw(server.port);
    raw.write(GET("/flood"));
    await raw.until((sofar) => sofar.includes("xxx"));
    raw.socket.pause();
    const others = Promise.all(Array.from({ length: 20 }, () => fetch(url())));
    await expect.poll(() => isCut, { timeout: 10_000 }).toBe(true);
    raw.end();

    expect((await others).every((answer) => answer.status === 200)).toBe(true);
    // The kernel's own buffers of both ends take some megabytes on the loopback device.
    expect(written).toBeLessThan(40_000_000);
  });

  test("a stream that ignores a full socket is cut at the limit", async () => {
    let isCut = false;
    server = await start(
      listen,
      () => ({
        status: 200,
        headers: {},
        stream: async (sink) => {
          for (let at = 0; at < 20_000 && !sink.signal.aborted; at += 1) {
            sink.write("y".repeat(65_536));
            if (at % 50 === 0) await tick();
          }
          isCut = sink.signal.aborted;
        },
      }),
      { limits: { slowReaderMs: 60_000 } },
    );

    const raw = new Raw(server.port).write(GET());
    await raw.until((sofar) => sofar.includes("yyy"));
    raw.socket.pause();

    await expect.poll(() => isCut, { timeout: 10_000 }).toBe(true);
    raw.end();
  });
});
