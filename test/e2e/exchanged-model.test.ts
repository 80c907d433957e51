// A provider that is given another model under the same name, through the whole product: what was
// embedded before is not compared with the new vectors, and embedding anew repairs it.

import { afterAll, beforeAll, expect, test } from "vitest";
import type { EmbeddingsAnswer } from "../support/fake-provider-extras.ts";
import { type Product, startProduct } from "../support/product.ts";

const collections = "/v2/knowledge/collections";
const config = `embedders:
  - { name: remote, kind: openai, model: some-model, dimension: 64 }
default_embedder: remote
`;

let product: Product;

beforeAll(async () => {
  product = await startProduct({ config, env: { TROUPE_WORKERS: "1" } });
});
afterAll(() => product.end());

/** The same texts in other directions. */
function exchanged(answer: EmbeddingsAnswer): EmbeddingsAnswer {
  const data = answer.data.map((item) => {
    const bytes = Buffer.from(String(item.embedding), "base64");
    const numbers = Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4));
    return { ...item, embedding: [...numbers.slice(7), ...numbers.slice(0, 7)] };
  });
  return { ...answer, data };
}

test("after a start with another model behind the name it is refused, and repaired by embedding anew", async () => {
  const made = await product.call("POST", collections, { name: "Remote" });
  const path = `${collections}/${made.body.id}`;
  const ask = { query: "otters in the river", mode: "vector" };
  const search = () => product.call("POST", `${path}/search`, ask);
  await product.call("POST", `${path}/documents?wait=true`, [
    { id: "one", text: "Otters swim in the river." },
    { id: "two", text: "Badgers dig under the hill." },
  ]);
  expect((await search()).body.data[0].document_id).toBe("one");

  await product.stop();
  await product.start();
  // The same model is the same after a start.
  expect((await search()).body.data[0].document_id).toBe("one");

  await product.stop();
  product.provider.otherwise({ embeddings: exchanged });
  await product.start();
  const refused = await search();
  const added = await product.call("POST", `${path}/documents?wait=true`, { text: "Owls fly." });
  for (const { status, body } of [refused, added]) {
    expect([status, body.code]).toEqual([409, "EMBEDDER_MISMATCH"]);
    expect(body.detail).toMatch(/other weights.*\/reembed/);
  }
  const { headers } = await product.call("POST", `${path}/reembed`, { embedder: "remote" });
  await expect
    .poll(async () => (await product.call("GET", headers.get("location") ?? "")).body.status, {
      timeout: 20_000,
    })
    .toBe("completed");
  expect((await search()).body.data[0].document_id).toBe("one");
});
