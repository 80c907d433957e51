// A local model through the whole product: a real ONNX model (random weights) that the settings name,
// documents in and searches over HTTP, kill -9 and restarts; and what is said when its folder has
// another model or none.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import { writeSmallModel } from "../support/small-model.ts";
import type { Json } from "../support/wire-client.ts";

const collections = "/v2/knowledge/collections";
const folder = mkdtempSync(join(tmpdir(), "troupe-model-"));
const words = ["invoice", "refund", "flight", "weather", "answer", "question", "paris", "berlin"];

let product: Product;
let path = "";

beforeAll(async () => {
  writeSmallModel(folder);
  const config = `embedders:\n  - { name: small, model: "${folder}", dtype: fp32 }\ndefault_embedder: small\n`;
  product = await startProduct({ config, env: { TROUPE_WORKERS: "2" } });
});

afterAll(async () => {
  await product.end();
  rmSync(folder, { recursive: true, force: true });
});

/** A text of its own for each number, in words that the tokenizer knows. */
const textOf = (number: number): string =>
  [...number.toString(8).padStart(4, "0")].map((digit) => words[Number(digit)]).join(" ");

const searched = (query: string) =>
  product.call("POST", `${path}/search`, { query, mode: "vector", top_k: 3 });

/** The documents that are found first, by their own text. */
async function foundFirst(numbers: readonly number[]): Promise<readonly string[]> {
  const answers = await Promise.all(numbers.map((number) => searched(textOf(number))));
  return answers.map(({ body }) => body.data[0]?.document_id);
}

test("documents and questions of many callers are embedded by it, and each finds its own", async () => {
  const made = await product.call("POST", collections, { name: "Local" });
  path = `${collections}/${made.body.id}`;

  const sent = await Promise.all(
    [0, 1, 2, 3].map((part) => {
      const documents = Array.from({ length: 25 }, (_, at) => part * 25 + at).map((number) => ({
        id: `d${number}`,
        text: textOf(number),
      }));
      return product.call("POST", `${path}/documents?wait=true`, documents);
    }),
  );
  const numbers = [0, 17, 42, 63, 99];

  expect(made.body.embedder).toMatchObject({ dimension: 32 });
  expect(sent.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
  expect(await foundFirst(numbers)).toEqual(numbers.map((number) => `d${number}`));
});

test("after kill -9 its vectors are there, and what was taken in meanwhile is finished", async () => {
  const documents = Array.from({ length: 200 }, (_, at) => ({
    id: `d${100 + at}`,
    text: textOf(100 + at),
  }));
  const started = await product.call("POST", `${path}/documents?wait=false`, documents);
  await product.kill();
  await product.start();

  const job = started.headers.get("location") ?? "";
  await expect
    .poll(async () => (await product.call("GET", job)).body.status, { timeout: 40_000 })
    .toBe("completed");

  expect((await product.call("GET", job)).body.documents).toMatchObject({ created: 200 });
  expect(await foundFirst([5, 42, 123, 299])).toEqual(["d5", "d42", "d123", "d299"]);
});

test("other weights of the same size are refused, while it runs and after a start; embedding anew repairs it", async () => {
  const made = await product.call("POST", collections, { name: "Kept" });
  const kept = `${collections}/${made.body.id}`;
  const documents = [1, 2, 3].map((number) => ({ id: `k${number}`, text: textOf(number) }));
  await product.call("POST", `${kept}/documents?wait=true`, documents);
  const ask = { query: textOf(2), mode: "vector", top_k: 3 };
  const before = await product.call("POST", `${kept}/search`, ask);

  writeSmallModel(folder, { seed: 7 });
  await expect
    .poll(async () => (await product.call("POST", `${kept}/search`, ask)).status, {
      timeout: 20_000,
    })
    .toBe(409);
  await product.stop();
  await product.start();
  const search = await product.call("POST", `${kept}/search`, ask);
  const hybrid = await product.call("POST", `${kept}/search`, { ...ask, mode: "hybrid" });
  const add = await product.call("POST", `${kept}/documents?wait=true`, { text: "a refund" });
  const words = await product.call("POST", `${kept}/search`, { query: "refund", mode: "lexical" });
  const repair = await product.call("POST", `${kept}/reembed`, { embedder: "small" });
  await expect
    .poll(
      async () => (await product.call("GET", repair.headers.get("location") ?? "")).body.status,
      { timeout: 20_000 },
    )
    .toBe("completed");
  const after = await product.call("POST", `${kept}/search`, ask);

  expect(before.body.data[0].document_id).toBe("k2");
  for (const { status, body } of [search, hybrid, add]) {
    expect([status, body.code]).toEqual([409, "EMBEDDER_MISMATCH"]);
    expect(body.detail).toMatch(/other weights.*\/reembed with \{"embedder": "small"\}/);
  }
  expect(words.status).toBe(200);
  expect(after.body.data[0].document_id).toBe("k2");
  // The first collection was not embedded anew.
  expect((await searched(textOf(5))).body.code).toBe("EMBEDDER_MISMATCH");
});

test("vectors of other weights in the same folder are not taken for the new ones", async () => {
  const made = await product.call("POST", collections, { name: "Other weights" });
  const other = `${collections}/${made.body.id}`;

  await product.call("POST", `${other}/documents?wait=true`, { id: "same", text: textOf(42) });
  const asked = { query: `${textOf(42)} and paris`, mode: "vector", top_k: 1 };
  const [anew] = (await product.call("POST", `${other}/search`, asked)).body.data;
  await product.stop();
  rmSync(join(product.folder, "data", "vectors"), { recursive: true });
  await product.start();
  await product.call("DELETE", `${other}/documents/same`);
  await product.call("POST", `${other}/documents?wait=true`, { id: "same", text: textOf(42) });
  const [exact] = (await product.call("POST", `${other}/search`, asked)).body.data;

  expect(anew.scores.vector.score).toBeCloseTo(exact.scores.vector.score, 4);
});

test("a folder that has a model of another size now is refused in words; a new collection takes it", async () => {
  await product.stop();
  writeSmallModel(folder, { hidden: 64 });
  await product.start();

  const search = await searched(textOf(1));
  const add = await product.call("POST", `${path}/documents?wait=true`, { text: "a refund" });
  const words = await product.call("POST", `${path}/search`, { query: "refund", mode: "lexical" });
  const made = await product.call("POST", collections, { name: "Anew" });

  for (const { status, body } of [search, add]) {
    expect([status, body.code]).toEqual([409, "EMBEDDER_MISMATCH"]);
    expect(body.detail).toMatch(/32/);
    expect(body.detail).toMatch(/64/);
  }
  expect([words.status, made.body.embedder.dimension]).toEqual([200, 64]);
});

test("a folder without its files is said, file by file", async () => {
  await product.stop();
  rmSync(join(folder, "onnx"), { recursive: true });
  await product.start();

  const search = await searched(textOf(1));
  const made: Json = await product.call("POST", collections, { name: "None" });
  const both = await product.call("POST", `${path}/search`, { query: textOf(1) });

  expect([search.status, search.body.code]).toEqual([503, "EMBEDDER_UNAVAILABLE"]);
  expect([both.status, both.body.degraded.code]).toEqual([200, "EMBEDDER_UNAVAILABLE"]);
  expect(both.body.data.length).toBeGreaterThan(0);
  for (const said of [search.body.detail, both.body.degraded.message]) {
    expect(said).toContain(join(folder, "onnx/model.onnx"));
  }
  expect([made.status, made.body.code]).toEqual([503, "EMBEDDER_UNAVAILABLE"]);
});
