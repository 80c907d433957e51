// Bodies that take longer to arrive than the server's own look at those on their way, on both servers.

import { afterEach, describe, expect, test } from "vitest";
import type { Server } from "../../adapters/http/server.ts";
import { Raw, servers, start } from "./servers.ts";

const CLIENTS = 30;
const PIECES = 60;
const PIECE = "x".repeat(7_000);
const BYTES = PIECES * PIECE.length;
const limits = { bodyTimeoutMs: 5_000, bodyBytesMax: 1_000_000 };

describe.each(servers)("the %s server", (_name, listen) => {
  let server: Server;
  afterEach(() => server.close());

  test("takes them whole", async () => {
    const handler = async (request: { body(): Uint8Array | Promise<Uint8Array> }) => {
      const { length } = await request.body();
      return { status: 200, headers: {}, body: `<${length}>` };
    };
    server = await start(listen, handler, { limits });
    const send = async (): Promise<string> => {
      const head = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${BYTES}\r\n\r\n`;
      const raw = new Raw(server.port).write(head);
      for (let at = 0; at < PIECES; at += 1) {
        raw.write(PIECE);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const got = await raw.until((sofar) => sofar.includes("\r\n\r\n"));
      raw.end();
      return got;
    };

    const answers = await Promise.all(Array.from({ length: CLIENTS }, send));

    expect(answers.filter((got) => got.includes(`<${BYTES}>`))).toHaveLength(CLIENTS);
  });
});
