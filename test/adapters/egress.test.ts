// The way out under attack: addresses in every form, names that lead inside, redirects, bodies
// without end, servers that dawdle, and the limits on time and connections.

import { createServer, type RequestListener, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { afterAll, expect, test } from "vitest";
import { createEgress, type EgressPolicy } from "../../adapters/egress.ts";
import { isPublicAddress } from "../../adapters/egress-address.ts";
import { createEgressFetch } from "../../adapters/egress-fetch.ts";
import type { RuntimeError } from "../../runtime/errors.ts";

const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(listener: RequestListener): Promise<{ port: number; server: Server }> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as AddressInfo).port, server };
}

const local: EgressPolicy = { allowedHosts: ["127.0.0.1"] };
const strict = createEgress({ allowedHosts: [] });

/** Files of undici that this thread has loaded. */
const loadedOfUndici = (): readonly string[] =>
  Object.keys(createRequire(import.meta.url).cache).flatMap(
    (file) => /[\\/]undici[\\/](.*)$/.exec(file)?.[1] ?? [],
  );

test("the first request loads the connections of undici and nothing else of it", async () => {
  const { port } = await serve((_request, response) => void response.end("yes"));
  const way = createEgress(local);
  expect(loadedOfUndici()).toEqual([]);

  await (await way.request({ url: `http://127.0.0.1:${port}/`, method: "GET" })).text();
  way.close();

  expect(loadedOfUndici()).toContain("lib/dispatcher/pool.js");
  // Its entry loads 130 files: fetch, WebSockets, caches, mocks.
  expect(loadedOfUndici().filter((file) => /^index|^lib.(web|mock|cache)/.test(file))).toEqual([]);
});

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "answered",
    (error: RuntimeError) => error.code,
  );

test.each([
  "http://127.0.0.1/",
  "http://127.1/",
  "http://2130706433/",
  "http://0x7f000001/",
  "http://0177.0.0.1/",
  "http://0/",
  "http://10.1.2.3/",
  "http://172.31.255.255/",
  "http://192.168.0.1/",
  "http://169.254.169.254/latest/meta-data/",
  "http://100.64.0.1/",
  "http://224.0.0.1/",
  "http://255.255.255.255/",
  "http://[::1]/",
  "http://[::]/",
  "http://[::ffff:127.0.0.1]/",
  "http://[::ffff:7f00:1]/",
  "http://[::ffff:8.8.8.8]/",
  "http://[64:ff9b::7f00:1]/",
  "http://[2002:7f00:1::]/",
  "http://[2001:0:7f00:1::]/",
  "http://[fe80::1]/",
  "http://[fd00::1]/",
  "http://[ff02::1]/",
  "http://１２７.0.0.1/",
  "http://localhost/",
  "http://localhost./",
  "http://user:pass@example.org/",
  "file:///etc/passwd",
  "ftp://example.org/",
  "not a url",
])("%s is refused", async (url) => {
  expect(await codeOf(strict.request({ url, method: "GET" }))).toBe("EGRESS_REFUSED");
});

test("public addresses of both families pass, forms that are no address do not", () => {
  expect(["93.184.216.34", "1.1.1.1", "2606:4700::1111", "172.32.0.1"].every(isPublicAddress)).toBe(
    true,
  );
  expect(["", "localhost", "1.1.1", "fe80::1%eth0", "2606:4700::1%1"].some(isPublicAddress)).toBe(
    false,
  );
});

test("a name that leads to a private address is refused, also when only one of its addresses does", async () => {
  let reached = 0;
  const { port } = await serve((_, response) => {
    reached += 1;
    response.end();
  });
  const egress = createEgress({
    allowedHosts: [],
    resolve: async (host) =>
      host === "inside.example.org"
        ? [{ address: "127.0.0.1", family: 4 }]
        : [
            { address: "93.184.216.34", family: 4 },
            { address: "::ffff:127.0.0.1", family: 6 },
          ],
  });
  const get = (host: string) =>
    codeOf(egress.request({ url: `http://${host}:${port}/`, method: "GET" }));

  expect(await get("inside.example.org")).toBe("EGRESS_REFUSED");
  expect(await get("both.example.org")).toBe("EGRESS_REFUSED");
  expect(reached).toBe(0);
});

test("a name is asked for once for each connection, and its answer is what is connected to", async () => {
  const { port } = await serve((_, response) => response.end("inside"));
  let asked = 0;
  const egress = createEgress({
    allowedHosts: ["service.example.org"],
    // A rebinding resolver: the second answer would be another one.
    async resolve() {
      asked += 1;
      return [{ address: asked === 1 ? "127.0.0.1" : "127.0.0.9", family: 4 }];
    },
  });
  const url = `http://service.example.org:${port}/`;

  const texts: string[] = [];
  for (let at = 0; at < 3; at += 1) {
    texts.push(await (await egress.request({ url, method: "GET" })).text());
  }

  expect(texts).toEqual(["inside", "inside", "inside"]);
  expect(asked).toBe(1);
  egress.close();
});

test.each([301, 302, 303, 307, 308])(
  "a redirect (%i) is refused and not followed",
  async (status) => {
    let asked = 0;
    const { port } = await serve((_, response) => {
      asked += 1;
      response.writeHead(status, { location: "/other" }).end();
    });
    const egress = createEgress(local);

    expect(await codeOf(egress.request({ url: `http://127.0.0.1:${port}/`, method: "GET" }))).toBe(
      "EGRESS_REFUSED",
    );
    expect(asked).toBe(1);
  },
);

test("a body is cut at its limit, and passes right below it", async () => {
  const { port } = await serve((request, response) => {
    response.end("a".repeat(request.url === "/over" ? 1_001 : 1_000));
  });
  const egress = createEgress(local);
  const get = async (path: string) =>
    (
      await egress.request({
        url: `http://127.0.0.1:${port}${path}`,
        method: "GET",
        limits: { bytesMax: 1_000 },
      })
    ).text();

  expect((await get("/under")).length).toBe(1_000);
  expect(await codeOf(get("/over"))).toBe("PROVIDER_FAILED");
});

test("what came before a connection was cut is handed over, however late it is read", async () => {
  const { port } = await serve((_, response) => {
    response.writeHead(200, { "content-length": "1000" });
    response.write("a".repeat(600), () => response.destroy());
  });
  const egress = createEgress(local);
  const response = await egress.request({ url: `http://127.0.0.1:${port}/`, method: "GET" });
  // The cut is known before anybody reads.
  await new Promise((resolve) => setTimeout(resolve, 50));
  let read = "";

  const code = await codeOf(
    response.read((piece) => {
      read += piece.toString();
    }),
  );

  expect(code).toBe("PROVIDER_UNAVAILABLE");
  expect(read).toBe("a".repeat(600));
});

test("an endless body is stopped at the socket", async () => {
  let closed: () => void = () => {};
  const isClosed = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const { port } = await serve((_, response) => {
    const pump = () => {
      while (!response.destroyed && response.write("a".repeat(65_536)));
    };
    response.on("drain", pump).on("close", closed);
    pump();
  });
  const limits = { bytesMax: 1_000_000 };
  const egress = createEgress(local);
  const response = await egress.request({
    url: `http://127.0.0.1:${port}/`,
    method: "GET",
    limits,
  });

  expect(await codeOf(response.text())).toBe("PROVIDER_FAILED");
  await isClosed;
});

test("a server that drips its body is stopped by the whole limit, a silent one by the idle limit", async () => {
  const { port } = await serve((request, response) => {
    response.write("a");
    const drip = setInterval(() => request.url === "/drip" && response.write("a"), 10);
    response.on("close", () => clearInterval(drip));
  });
  const egress = createEgress(local);
  const get = async (path: string, limits: object) => {
    const url = `http://127.0.0.1:${port}${path}`;
    return (await egress.request({ url, method: "GET", limits })).text();
  };

  expect(await codeOf(get("/drip", { idleMs: 60, totalMs: 150 }))).toBe("DEADLINE");
  await expect(get("/silent", { idleMs: 60, totalMs: 5_000 })).rejects.toThrow("60 ms");
});

test("headers without end and headers that never come are stopped", async () => {
  const { port } = await serve((request, response) => {
    if (request.url === "/huge") response.writeHead(200, { "x-big": "a".repeat(100_000) }).end();
  });
  const egress = createEgress(local);
  const get = (path: string) =>
    egress.request({
      url: `http://127.0.0.1:${port}${path}`,
      method: "GET",
      limits: { firstByteMs: 60 },
    });

  expect(await codeOf(get("/huge"))).toBe("PROVIDER_UNAVAILABLE");
  expect(await codeOf(get("/never"))).toBe("DEADLINE");
});

test("a compressed answer, which could unfold without limit, is refused", async () => {
  const { port } = await serve((request, response) => {
    expect(request.headers["accept-encoding"]).toBeUndefined();
    response.writeHead(200, { "content-encoding": "gzip" }).end("x");
  });
  const url = `http://127.0.0.1:${port}/`;

  expect(await codeOf(createEgress(local).request({ url, method: "GET" }))).toBe("EGRESS_REFUSED");
  expect(
    await codeOf(
      createEgressFetch(createEgress(local))(url, { headers: { "accept-encoding": "gzip" } }),
    ),
  ).toBe("EGRESS_REFUSED");
});

test("connections to a host keep to their limit, further requests wait their turn", async () => {
  let open = 0;
  let most = 0;
  const { port } = await serve((_, response) => {
    open += 1;
    most = Math.max(most, open);
    setTimeout(() => {
      open -= 1;
      response.end("ok");
    }, 5);
  });
  const egress = createEgress(local);
  const url = `http://127.0.0.1:${port}/`;

  const texts = await Promise.all(
    Array.from({ length: 20 }, async () =>
      (await egress.request({ url, method: "GET", connectionsMax: 3 })).text(),
    ),
  );

  expect(texts).toEqual(Array.from({ length: 20 }, () => "ok"));
  expect(most).toBe(3);
  egress.close();
});

test("what waits beyond the limit is refused, for one tenant at half of it", async () => {
  const { port } = await serve(() => {});
  const egress = createEgress(local);
  const cancel = new AbortController();
  const request = { url: `http://127.0.0.1:${port}/`, method: "GET", connectionsMax: 1 };
  const signal = () => AbortSignal.any([cancel.signal]);
  const of = (tenant: string) => codeOf(egress.request({ ...request, tenant, signal: signal() }));

  const waiting = Array.from({ length: 513 }, () => of("tn_loud"));
  const refused = [await of("tn_loud")];
  waiting.push(...Array.from({ length: 512 }, () => of("tn_other")));
  refused.push(await of("tn_quiet"));
  cancel.abort();

  expect(refused).toEqual(["POOL_FULL", "POOL_FULL"]);
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(["CANCELLED"]));
  // Those that ended have given their places back.
  expect(await codeOf(egress.request({ ...request, signal: AbortSignal.abort() }))).toBe(
    "CANCELLED",
  );
});

test("where a tenant's requests wait for a connection, another's passes them, and shares count", async () => {
  const asked: string[] = [];
  const { port } = await serve((request, response) => {
    asked.push(request.url ?? "");
    setImmediate(() => response.end("ok"));
  });
  const egress = createEgress({ ...local, weightOf: (tenant) => (tenant === "tn_3" ? 3 : 1) });
  const of = async (tenant: string): Promise<string> => {
    const url = `http://127.0.0.1:${port}/${tenant}`;
    return (await egress.request({ url, method: "GET", tenant, connectionsMax: 2 })).text();
  };

  const flood = Array.from({ length: 100 }, () => of("tn_loud"));
  await of("tn_quiet");
  const before = asked.filter((path) => path === "/tn_loud").length;
  await Promise.all(flood);
  asked.length = 0;
  await Promise.all(
    ["tn_1", "tn_3"].flatMap((tenant) => Array.from({ length: 60 }, () => of(tenant))),
  );
  const first = asked.slice(2, 62).filter((path) => path === "/tn_3").length;
  egress.close();

  // Those that had the connections, and one each of those that come next.
  expect(before).toBeLessThanOrEqual(6);
  expect(first).toBeGreaterThanOrEqual(43);
  expect(first).toBeLessThanOrEqual(47);
});

test("a throwing reader closes the socket and its error is the caller's", async () => {
  const { port } = await serve((_, response) => void response.write("a"));
  const response = await createEgress(local).request({
    url: `http://127.0.0.1:${port}/`,
    method: "GET",
  });

  const reading = response.read(() => {
    throw new TypeError("mine");
  });

  await expect(reading).rejects.toThrow(new TypeError("mine"));
});

test("errors name the host and never the headers, the path or the body", async () => {
  const { port } = await serve((request) => request.socket.destroy());
  const url = `http://127.0.0.1:${port}/secret-path?key=secret-query`;
  const headers = { authorization: "Bearer secret-header" };

  const error: Error = await createEgress(local)
    .request({ url, method: "POST", headers, body: "secret-body" })
    .then(
      () => new Error("answered"),
      (thrown) => thrown,
    );

  expect(`${error.message} ${JSON.stringify(error)}`).not.toContain("secret");
  expect(error.message).toContain(`127.0.0.1:${port}`);
});

test("the fetch form gives status, headers and body, and an abort rejects", async () => {
  const { port } = await serve((request, response) => {
    if (request.url === "/empty") response.writeHead(204).end();
    else if (request.url === "/echo") request.pipe(response.writeHead(201, { "x-a": "1" }));
  });
  const call = createEgressFetch(createEgress(local));
  const base = `http://127.0.0.1:${port}`;

  const echoed = await call(`${base}/echo`, { method: "POST", body: "héllo" });
  const empty = await call(`${base}/empty`);
  const aborted = call(`${base}/never`, { signal: AbortSignal.timeout(30) });

  expect([echoed.status, echoed.headers.get("x-a"), await echoed.text()]).toEqual([
    201,
    "1",
    "héllo",
  ]);
  expect(empty.status).toBe(204);
  expect(await codeOf(aborted)).toBe("CANCELLED");
});
