// What only shows in the bytes of a connection: encodings, heads, bodies that are slow or endless,
// foreign hosts, and patterns that would back-track without end. Each is refused plainly, and the
// server answers others meanwhile and after.

import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CHAT, makeDesk, type Product, startProduct } from "../support/product.ts";

let product: Product;
let agent = "";

const withNode = new URL("../support/without-native.js", import.meta.url);

/** A head for a request to create an agent. */
const head = (more: string, path = "/v1/proxy/core-agent-create"): string =>
  `POST ${path} HTTP/1.1\r\nX-API-Key: ${product.adminKey}\r\n` +
  `Content-Type: application/json\r\n${more}\r\n`;
const host = (): string => `Host: ${new URL(product.url).host}\r\n`;

/** Sends bytes as they are; the answer until the server closes or has answered whole. */
function exchange(...pieces: readonly (string | Buffer)[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(product.url).port), "127.0.0.1");
    let text = "";
    socket.setTimeout(10_000, () => socket.destroy(new Error(`No answer: ${text}`)));
    socket.on("data", (bytes) => {
      text += String(bytes);
      const [, length] = /content-length: (\d+)/i.exec(text) ?? [];
      const body = text.split("\r\n\r\n").slice(1).join("\r\n\r\n");
      if (length !== undefined && Buffer.byteLength(body) >= Number(length)) socket.end();
    });
    socket.on("close", () => resolve(text));
    socket.on("error", (error) => (text === "" ? reject(error) : resolve(text)));
    for (const piece of pieces) socket.write(piece);
  });
}

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);

async function isWell(): Promise<void> {
  expect((await product.call("GET", "/health/ready")).status).toBe(200);
  const agents = await product.call("GET", "/v1/proxy/core-agents");
  expect(agents.body.data).toHaveLength(1);
}

const doors = [
  ["the native server", undefined],
  ["node:http", withNode],
] as const;

describe.each(doors)("over %s", (_name, preload) => {
  beforeAll(async () => {
    product = await startProduct({
      ...(preload === undefined ? {} : { preload }),
      config: "http:\n  body_bytes_max: 65536\n  body_timeout_ms: 400\n",
    });
    agent = await makeDesk(product);
  });
  afterAll(() => product.end());

  test("bytes that are no UTF-8 are refused", async () => {
    const body = Buffer.concat([
      Buffer.from('{"name":"'),
      Buffer.from([0xc3, 0x28]),
      Buffer.from('"}'),
    ]);

    const answer = await exchange(head(`${host()}Content-Length: ${body.length}\r\n`), body);

    expect(statusOf(answer)).toBe(400);
    expect(answer).toContain("BAD_ENCODING");
    await isWell();
  });

  test("a body that does not come is refused", async () => {
    const answer = await exchange(head(`${host()}Content-Length: 100\r\n`), '{"name":');

    expect(statusOf(answer)).toBe(408);
    await isWell();
  });

  test("a body that is announced too large is refused", async () => {
    const body = '{"name":"';

    const answer = await exchange(head(`${host()}Content-Length: 99999999\r\n`), body);

    expect(statusOf(answer)).toBe(413);
    await isWell();
  });

  test("a body in chunks that grows too large is refused", async () => {
    const chunk = `4000\r\n${"x".repeat(0x4000)}\r\n`;

    const answer = await exchange(
      head(`${host()}Transfer-Encoding: chunked\r\n`),
      chunk.repeat(10),
    );

    expect(statusOf(answer)).toBe(413);
    await isWell();
  });

  test("a head that is too large is refused", async () => {
    const answer = await exchange(head(`${host()}X-Large: ${"h".repeat(40_000)}\r\n`));

    expect(statusOf(answer)).toBe(431);
    await isWell();
  });

  test("a host that is not ours, and none are refused", async () => {
    const foreign = await exchange(head("Host: evil.example\r\nContent-Length: 2\r\n"), "{}");
    const none = await exchange(head("Content-Length: 2\r\n"), "{}");

    expect(statusOf(foreign)).toBe(421);
    expect(statusOf(none)).toBeGreaterThanOrEqual(400);
    expect(statusOf(none)).toBeLessThan(500);
    await isWell();
  });

  test("what is no HTTP, and a zero byte in the path are refused", async () => {
    const noise = await exchange("\x16\x03\x01\x02\r\n\r\n").catch(() => "");
    const zero = await exchange(`GET /v2/ru\0ns HTTP/1.1\r\n${host()}\r\n`).catch(() => "");
    const both = await exchange(
      head(`${host()}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n`),
      "{}",
    ).catch(() => "");

    // 505, HTTP version not supported, is what one of the servers calls noise.
    for (const answer of [noise, zero, both]) expect(answer).not.toMatch(/^HTTP\/1\.1 (2|50[0-4])/);
    await isWell();
  });

  test("a pattern that would back-track for ever takes no time", async () => {
    const path = `/v1/proxy/core-agent-subagent-create/${agent}`;
    const word = { type: "string", pattern: "^(a+)+$" };
    const output_schema = { type: "object", properties: { word }, required: ["word"] };
    const trigger = { keywords: ["catastrophe"] };
    product.provider.when("catastrophe", { json: { word: `${"a".repeat(5_000)}!` } });

    const made = await product.call("POST", path, { name: "C", trigger, output_schema });
    const began = performance.now();
    const body = { agent_key: agent, message: "catastrophe" };
    const answer = await product.call("POST", CHAT, body);

    expect([200, 201]).toContain(made.status);
    expect(answer.body.error.code).toBe("OUTPUT_INVALID");
    expect(performance.now() - began).toBeLessThan(20_000);
    await isWell();
  });
});
