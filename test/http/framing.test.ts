// Heads that two readers understand differently, as a proxy and this server: what hides behind the one
// body would be a request of somebody else. And heads of answers that say one thing once.

import { afterEach, describe, expect, test } from "vitest";
import { joinedHeaders } from "../../adapters/http/heads.ts";
import type { Server } from "../../adapters/http/server.ts";
import { Raw, servers, start } from "./servers.ts";

describe.each(servers)("the %s server", (_name, listen) => {
  let server: Server;
  afterEach(() => server.close());

  test("a head whose body may end at two places is refused, and nothing behind it is a request", async () => {
    const asked: string[] = [];
    server = await start(listen, async (request) => {
      asked.push(request.path);
      return { status: 200, headers: {}, body: String((await request.body()).length) };
    });
    const behind = "GET /behind HTTP/1.1\r\nHost: x\r\n\r\n";
    const wrong = [
      ["Transfer-Encoding: xchunked", "0\r\n\r\n"],
      ["Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n"],
      ["Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"],
      ["Content-Length: 0\r\nContent-Length: 40", ""],
      ["Content-Length:\r\nContent-Length: 2", "{}"],
      ["Content-Length: 2, 2", "{}"],
    ];

    for (const [lines, body] of wrong) {
      const request = `POST /wrong HTTP/1.1\r\nHost: x\r\n${lines}\r\n\r\n${body}`;
      const together = await new Raw(server.port).write(request + behind).closed();
      const alone = await new Raw(server.port).write(request).closed();
      expect(together + alone, lines).not.toContain(" 200 ");
    }
    expect(asked.filter((path) => path === "/behind")).toEqual([]);
  });
});

test("what an answer, or its route, says itself is not said again by default", () => {
  const defaults = [{ "Cache-Control": "no-cache" }, { "Cache-Control": "no-store", A: "1" }];

  expect(joinedHeaders({ status: 200, body: "", defaults })).toBe(
    "\r\nCache-Control: no-cache\r\nA: 1",
  );
  expect(joinedHeaders({ status: 200, body: "", headers: { A: "2" }, defaults })).toBe(
    "\r\nA: 2\r\nCache-Control: no-cache",
  );
});
