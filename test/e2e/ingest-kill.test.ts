// kill -9 of the real process while a job takes documents in: what was acknowledged goes on by
// itself, every document is there once, and no chunk is found twice.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const KILLS = 6;
const DOCUMENTS = 400;
const SENTENCES = 60;
/** Longest life of one process while the job goes on, ms. */
const LIFE_MS = 400;
const collections = "/v2/knowledge/collections";

let product: Product;
beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "1" } });
});
afterAll(() => product.end());

const textOf = (number: number): string => {
  const about = (at: number) => `On page ${number}, line ${at} tells of mark${number}x${at}.`;
  return `# Page ${number}\n\n${Array.from({ length: SENTENCES }, (_, at) => about(at)).join(" ")}`;
};

async function allDocuments(path: string): Promise<readonly Json[]> {
  const rows: Json[] = [];
  for (let cursor = ""; ; ) {
    const query = `limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
    const { body } = await product.call("GET", `${path}/documents?${query}`);
    rows.push(...body.data);
    if (body.next_cursor === null) return rows;
    cursor = body.next_cursor;
  }
}

test("kill -9 during ingestion, again and again: nothing is lost and no chunk is there twice", async () => {
  const { body } = await product.call("POST", collections, { name: "Pages" });
  const path = `${collections}/${body.id}`;
  const documents = Array.from({ length: DOCUMENTS }, (_, number) => ({
    id: `page-${number}`,
    text: textOf(number),
  }));
  const started = await product.call("POST", `${path}/documents?wait=false`, documents);
  const job = started.headers.get("location") ?? "";
  const progress: number[] = [];

  for (let kill = 0; kill < KILLS; kill += 1) {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * LIFE_MS));
    await product.kill();
    await product.start();
    progress.push((await product.call("GET", job)).body.done);
  }
  await expect
    .poll(async () => (await product.call("GET", job)).body.status, { timeout: 40_000 })
    .toBe("completed");
  const done = (await product.call("GET", job)).body;
  const rows = await allDocuments(path);

  expect(started.status).toBe(202);
  expect(done.documents).toEqual({
    total: DOCUMENTS,
    created: DOCUMENTS,
    updated: 0,
    unchanged: 0,
    failed: 0,
  });
  expect(progress).toEqual([...progress].sort((a, b) => a - b));
  expect(rows.map(({ id }) => id).sort()).toEqual(documents.map(({ id }) => id).sort());
  expect(rows.reduce((sum, { chunks }) => sum + chunks, 0)).toBe(done.chunks);
  for (const number of [0, 7, 199, DOCUMENTS - 1]) {
    const asked = { query: `mark${number}x${SENTENCES - 1}`, top_k: 50, mode: "lexical" };
    const { data } = (await product.call("POST", `${path}/search`, asked)).body;
    const own = data.filter(({ document_id }: Json) => document_id === `page-${number}`);
    const spans = own.map(({ span }: Json) => String(span));
    expect(own.length, `page ${number}`).toBeGreaterThan(0);
    expect(new Set(spans).size, `page ${number}`).toBe(spans.length);
  }
}, 120_000);
