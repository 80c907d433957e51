// A provider of vectors that fails or hangs, through the real process: chats and searches on all threads
// go by words after a short wait, an operator sees it, and vectors come back by themselves.

import { afterAll, beforeAll, expect, test } from "vitest";
import { meaningEmbedder } from "../support/meaning-embedder.ts";
import { CHAT, type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const collections = "/v2/knowledge/collections";
const WAIT_MS = 1_000;
let product: Product;
let path = "";
let agent = "";

beforeAll(async () => {
  product = await startProduct({
    env: { TROUPE_WORKERS: "1" },
    config: meaningEmbedder.replace("embedding:", `embedding:\n  query_ms: ${WAIT_MS}`),
  });
  const made = await product.call("POST", collections, { name: "Pages", embedder: "meaning" });
  path = `${collections}/${made.body.id}`;
  await product.call("POST", `${path}/documents?wait=true`, [
    { id: "otter", text: "Otters sleep on their backs and hold each other by the paws." },
    { id: "badger", text: "Badgers dig tunnels under the old meadow at night." },
  ]);
  const { body } = await product.call("POST", "/v2/agents", {
    ...{ name: "Desk", model_name: "gpt-4o-mini" },
    ...{ requires_collection: true, collection_ids: [made.body.id] },
  });
  agent = body.id;
}, 180_000);
afterAll(() => product.end());

const isEmbedding = (call: { readonly path: string }) => call.path.endsWith("/embeddings");

async function chat(): Promise<{ readonly data: Json; readonly ms: number }> {
  const beganMs = performance.now();
  const asked = { agent_key: agent, message: "How do otters sleep on their backs?" };
  const { status, body } = await product.call("POST", CHAT, asked);
  expect(status).toBe(200);
  return { data: body.data, ms: performance.now() - beganMs };
}

async function degradedIn(where: string): Promise<number> {
  const text = await (await fetch(`${product.url}/metrics`)).text();
  const line = new RegExp(`^troupe_searches_degraded_total\\{in="${where}"\\} (\\d+)$`, "m");
  return Number(line.exec(text)?.[1]);
}

test("chats go by words while a provider fails, and by vectors again after it", async () => {
  const before = await chat();
  product.provider.when(isEmbedding, { error: { status: 503 } });
  const down = await chat();
  product.provider.reset();

  expect(before.data).not.toHaveProperty("degraded");
  expect(down.data.sources[0]).toMatchObject({ document_id: "otter" });
  expect(down.data.degraded.code).toBe("PROVIDER_UNAVAILABLE");
  await expect
    .poll(async () => (await chat()).data.degraded, { timeout: 30_000, interval: 250 })
    .toBeUndefined();
}, 180_000);

test("no chat waits for long while a provider hangs, and an operator is told", async () => {
  const counted = await degradedIn("search");
  product.provider.when(isEmbedding, { hang: "at-once" });
  const first = await chat();
  const others = await Promise.all([chat(), chat(), chat()]);
  const search = await product.call("POST", `${path}/search`, { query: "otters" });

  for (const { data, ms } of [first, ...others]) {
    expect(data.sources[0]).toMatchObject({ document_id: "otter" });
    expect(data.degraded.code).toBe("PROVIDER_UNAVAILABLE");
    // Many times less than a provider's own times, whatever else the machine does.
    expect(ms).toBeLessThan(10 * WAIT_MS);
  }
  expect(search.body).toMatchObject({
    degraded: { code: "PROVIDER_UNAVAILABLE" },
    data: [{ document_id: "otter" }],
  });
  expect((await degradedIn("search")) - counted).toBe(5);
  // A minute has one line of each thread: of the worker's chats, and of the door's search.
  const said = () => product.server.errors().match(/gives no vectors/g)?.length;
  await expect.poll(said, { timeout: 5_000 }).toBe(2);
}, 180_000);
