// The keys of a provider of vectors in the real process: what one thread learns of a key, by taking in a
// document, another one knows that embeds a question.

import { afterAll, beforeAll, expect, test } from "vitest";
import { createFakeProvider, type FakeProvider } from "../support/fake-provider.ts";
import { type Product, startProduct } from "../support/product.ts";

const collections = "/v2/knowledge/collections";
let product: Product;
let fake: FakeProvider;

beforeAll(async () => {
  fake = await createFakeProvider();
  const config = `providers:
  - name: vectors
    base_url: ${fake.openaiUrl}
    api_key: $\u007bKEY_ONE}
    api_keys: ["$\u007bKEY_TWO}"]
embedding:
  cache_mib: 0
embedders:
  - name: small
    kind: openai
    provider: vectors
    model: small
    dimension: 64
`;
  const env = { KEY_ONE: "key-one", KEY_TWO: "key-two", TROUPE_WORKERS: "1" };
  product = await startProduct({ config, env });
});
afterAll(async () => {
  await product.end();
  await fake.close();
});

test("a key that is not accepted is asked with once by all threads together, and everything is found", async () => {
  const keyOf = ({ headers }: { headers: Readonly<Record<string, string>> }) =>
    headers["authorization"]?.replace("Bearer ", "");
  fake.when((call) => keyOf(call) === "key-one", { error: { status: 401 } });
  const made = await product.call("POST", collections, { name: "Pages", embedder: "small" });
  const path = `${collections}/${made.body.id}`;

  for (const text of ["The canteen serves soup.", "The gate opens at six.", "Ask for a badge."]) {
    const added = await product.call("POST", `${path}/documents?wait=true`, { title: text, text });
    expect(added.status).toBeLessThan(300);
  }
  const found = [];
  for (const query of ["canteen soup", "gate opens", "badge"]) {
    found.push((await product.call("POST", `${path}/search`, { query })).body);
  }

  const keys = fake.calls().map(keyOf);
  expect(keys.filter((key) => key === "key-one")).toHaveLength(1);
  expect(keys.filter((key) => key === "key-two").length).toBeGreaterThanOrEqual(6);
  expect(found.map(({ degraded }) => degraded ?? null)).toEqual([null, null, null]);
});
