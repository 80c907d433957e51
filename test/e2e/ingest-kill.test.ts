// kill -9 of the real process, again and again, while jobs take documents in and while a collection is
// embedded anew: what was acknowledged goes on by itself, every document is there once, no chunk is
// found twice, and what had been embedded is not sent to the provider again.

import { afterAll, beforeAll, expect, test } from "vitest";
import { meaningEmbedder } from "../support/meaning-embedder.ts";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const KILLS = 6;
const DOCUMENTS = 600;
const SENTENCES = 30;
/** A process lives for some calls of the embedder and a moment more; each third until documents are done. */
const CALLS = 4;
const MOMENT_MS = 120;
const LOOK_MS = 10;
/** One that does neither within this has stopped working, ms. */
const LIFE_MS = 60_000;
/** What a call of the embedder takes, so that some are under way when it is killed, ms. */
const CALL_MS = 60;
/** Texts that one process can have under way when it is killed: two pieces of 64. */
const UNDER_WAY = 2 * 64;
const collections = "/v2/knowledge/collections";

let product: Product;
beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "1" }, config: meaningEmbedder });
});
afterAll(() => product.end());

const textOf = (number: number): string => {
  const about = (at: number) => `On page ${number}, line ${at} tells of mark${number}x${at}.`;
  return `# Page ${number}\n\n${Array.from({ length: SENTENCES }, (_, at) => about(at)).join(" ")}`;
};
const documents = Array.from({ length: DOCUMENTS }, (_, number) => ({
  id: `page-${number}`,
  text: textOf(number),
}));

async function newCollection(embedder: string): Promise<string> {
  const { body } = await product.call("POST", collections, { name: "Pages", embedder });
  return `${collections}/${body.id}`;
}

/** How many documents are done when it is over. */
async function life(job: string, hasToShow: boolean): Promise<number> {
  const endMs = Date.now() + LIFE_MS;
  const enough = product.provider.count() + 1 + Math.random() * CALLS;
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  for (let first: number | undefined; ; await pause(LOOK_MS)) {
    const { done, status } = (await product.call("GET", job)).body;
    first ??= done as number;
    const isEnough = hasToShow ? done > first : product.provider.count() >= enough;
    if (isEnough || status === "completed") {
      await pause(Math.random() * MOMENT_MS);
      return done;
    }
    expect(Date.now(), `the job stays at ${done} documents`).toBeLessThan(endMs);
  }
}

/** Kills it again and again while the job goes on; how far it had come each time. */
async function killed(
  job: string,
  look: () => Promise<void> = () => Promise.resolve(),
): Promise<readonly number[]> {
  const progress: number[] = [];
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const seen = await life(job, kill % 3 === 0);
    await product.kill();
    await product.start();
    const { done } = (await product.call("GET", job)).body;
    expect(done).toBeGreaterThanOrEqual(seen);
    progress.push(done);
    await look();
  }
  await expect
    .poll(async () => (await product.call("GET", job)).body.status, { timeout: 60_000 })
    .toBe("completed");
  return progress;
}

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

/** Every document, and every chunk once. */
async function expectWhole(path: string, chunks: number): Promise<void> {
  const rows = await allDocuments(path);
  expect(rows.map(({ id }) => id).sort()).toEqual(documents.map(({ id }) => id).sort());
  expect(rows.reduce((sum, row) => sum + row.chunks, 0)).toBe(chunks);
  for (const number of [0, 7, 99, DOCUMENTS - 1]) {
    const asked = { query: `mark${number}x${SENTENCES - 1}`, top_k: 50, mode: "lexical" };
    const { data } = (await product.call("POST", `${path}/search`, asked)).body;
    const own = data.filter(({ document_id }: Json) => document_id === `page-${number}`);
    const spans = own.map(({ span }: Json) => String(span));
    expect(own.length, `page ${number}`).toBeGreaterThan(0);
    expect(new Set(spans).size, `page ${number}`).toBe(spans.length);
  }
}

/** Texts that the provider has embedded, from a call on. */
function embedded(from = 0): readonly string[] {
  return product.provider
    .calls()
    .slice(from)
    .filter(({ path }) => path.endsWith("/embeddings"))
    .flatMap(({ body }) => body["input"] as readonly string[]);
}

/** Numbers of documents that a job has reported. */
async function reported(job: string): Promise<readonly number[]> {
  const { body } = await product.call("GET", `${job}/documents?limit=100`);
  return body.data.map(({ number }: Json) => number);
}

test("kill -9 during ingestion, six times: nothing is lost, twice there, or embedded again when done", async () => {
  const path = await newCollection("meaning");
  product.provider.reset();
  product.provider.otherwise({ firstByteMs: CALL_MS });
  const started = await product.call("POST", `${path}/documents?wait=false`, documents);
  const job = started.headers.get("location") ?? "";

  /** Documents that were reported after each start, and how many calls the provider had seen. */
  const looks: { readonly numbers: readonly number[]; readonly calls: number }[] = [];
  const progress = await killed(job, async () => {
    looks.push({ numbers: await reported(job), calls: product.provider.count() });
  });
  const done = (await product.call("GET", job)).body;

  expect(started.status).toBe(202);
  expect(done.documents).toMatchObject({ total: DOCUMENTS, created: DOCUMENTS, failed: 0 });
  expect(progress).toEqual([...progress].sort((a, b) => a - b));
  expect(new Set(progress).size).toBeGreaterThan(1);
  await expectWhole(path, done.chunks);
  expect(embedded().length).toBeGreaterThanOrEqual(done.chunks);
  for (const { numbers, calls } of looks) {
    const marks = new Set(numbers.map((number) => `mark${number}x`));
    const again = embedded(calls).filter((text) => marks.has(/mark\d+x/.exec(text)?.[0] ?? ""));
    expect(again).toEqual([]);
  }
}, 300_000);

test("kill -9 while a collection is embedded anew, six times: it is whole, before the switch and after it", async () => {
  const path = await newCollection("builtin");
  await product.call("POST", `${path}/documents?wait=true`, documents);
  product.provider.reset();
  product.provider.otherwise({ firstByteMs: CALL_MS });
  const started = await product.call("POST", `${path}/reembed`, { embedder: "meaning" });
  const job = started.headers.get("location") ?? "";

  const progress = await killed(job);
  const done = (await product.call("GET", job)).body;
  const collection = (await product.call("GET", path)).body;

  expect(done.documents).toMatchObject({ total: DOCUMENTS, updated: DOCUMENTS, failed: 0 });
  expect(new Set(progress).size).toBeGreaterThan(1);
  expect(collection.embedder.dimension).toBe(64);
  await expectWhole(path, done.chunks);
  expect(embedded().length).toBeLessThanOrEqual(done.chunks + KILLS * UNDER_WAY);
}, 300_000);
