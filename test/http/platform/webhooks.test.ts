// A run's end is told to the address its caller named, signed as Standard Webhooks says; the official
// library verifies.

import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

const WITHIN = { timeout: 20_000 };

interface Delivery {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let host: HttpHost;
let agent = "";
let receiver: Server;
let url = "";
let deliveries: Delivery[] = [];
let statuses: number[] = [];

beforeAll(async () => {
  receiver = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (piece: string) => {
      body += piece;
    });
    request.on("end", () => {
      deliveries.push({ headers: request.headers, body });
      response.writeHead(statuses.shift() ?? 204).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  host = await startHttpHost();
  const made = await host.call("POST", "/v2/agents", { name: "Desk", model_name: "m-1" });
  agent = made.body.id;
});
afterAll(async () => {
  await host.stop();
  await new Promise((resolve) => receiver.close(resolve));
});
beforeEach(() => {
  deliveries = [];
  statuses = [];
  host.llm.script = () => "Hello.";
});

const secretOf = async (): Promise<string> =>
  (await host.call("GET", "/v2/webhooks/secret")).body.secret;
const start = (more: object) =>
  host.call("POST", `/v2/agents/${agent}/runs`, { input: "hi", webhook: { url }, ...more });
const delivered = (count = 1) => expect.poll(() => deliveries.length, WITHIN).toBe(count);

function verified(secret: string, { headers, body }: Delivery): unknown {
  return new Webhook(secret).verify(body, headers as Record<string, string>);
}

test("a background run that completes is told with its result, and the signature verifies", async () => {
  const started = await start({ mode: "background" });
  await delivered();
  const [delivery] = deliveries as [Delivery];

  const told = verified(await secretOf(), delivery);

  expect(told).toMatchObject({
    type: "run.completed",
    data: {
      id: started.body.id,
      status: "completed",
      agent_key: agent,
      conversation_key: started.body.conversation_key,
      result: { response: "Hello." },
      error: null,
    },
  });
  expect(delivery.headers["webhook-id"]).toBe(`msg_${started.body.id}`);
  const tampered = { ...delivery, body: delivery.body.replace("Hello", "Hallo") };
  const secret = await secretOf();
  expect(() => verified(secret, tampered)).toThrow();
});

test("a run that fails or is cancelled is told too, without a programmer's words", async () => {
  host.llm.script = () => {
    throw new TypeError("hunter2 is no function");
  };
  await start({ mode: "background" });
  await delivered();
  host.llm.script = ({ signal }) =>
    new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  const waiting = await start({ mode: "background" });
  await host.call("POST", `/v2/runs/${waiting.body.id}/cancel`);
  await delivered(2);

  const told = deliveries.map(({ body }) => JSON.parse(body));

  expect(told.map(({ type }) => type)).toEqual(["run.failed", "run.cancelled"]);
  expect(told[0].data).toMatchObject({
    status: "failed",
    result: null,
    error: { code: "INTERNAL" },
  });
  expect(deliveries[0]?.body).not.toContain("hunter2");
});

test("what is not taken is told again under the same id", async () => {
  statuses = [500];

  const started = await start({ mode: "background" });
  await delivered(2);

  const ids = deliveries.map(({ headers }) => headers["webhook-id"]);
  expect(ids).toEqual([`msg_${started.body.id}`, `msg_${started.body.id}`]);
  expect(deliveries[0]?.body).toBe(deliveries[1]?.body);
});

test("a new secret signs beside the old one", async () => {
  const old = await secretOf();

  const rotated = await host.call("POST", "/v2/webhooks/secret/rotate");
  await start({});
  await delivered();
  const [delivery] = deliveries as [Delivery];

  expect(rotated.body.secret).not.toBe(old);
  expect(Date.parse(rotated.body.previous_until)).toBeGreaterThan(Date.now());
  expect(verified(rotated.body.secret, delivery)).toEqual(verified(old, delivery));
});

test("the secret is the owner's, an address must be one, a private one is not asked", async () => {
  const member = await host.makeKey(["*"], host.tenant, "developer");
  const asMember = await host.call("GET", "/v2/webhooks/secret", undefined, { key: member });
  const bad = await Promise.all(
    ["ftp://example.com", "nonsense", "http://user:secret@example.com/"].map((one) =>
      start({ webhook: { url: one } }),
    ),
  );
  const inside = await start({ webhook: { url: "http://127.0.0.2:1/" }, mode: "background" });
  const runs = await expect
    .poll(
      async () => (await host.call("GET", "/v2/runs?kind=webhook&limit=1")).body.data[0],
      WITHIN,
    )
    .toMatchObject({ status: "running" })
    .then(async () => (await host.call("GET", "/v2/runs?kind=webhook&limit=1")).body.data);
  const stream = await host.events("GET", `/v2/runs/${runs[0].id}/events`);
  const event = await stream.next();
  stream.cut();

  expect(asMember.status).toBe(403);
  for (const answer of bad) {
    expect(answer).toMatchObject({ status: 400, body: { pointer: "/webhook/url" } });
  }
  expect(inside.status).toBe(202);
  expect(JSON.parse(event?.data ?? "{}")).toMatchObject({
    event: { type: "webhook_attempt", attempt: 1, status: null, error: { code: "EGRESS_REFUSED" } },
  });
});
