// A large collection in the real process: its files are made by the pool while documents come, and
// kill -9 at random moments of writing and merging loses no acknowledged document and doubles no chunk.

import { existsSync, readdirSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Filter } from "../../actors/records/filter.ts";
import { seeded } from "../../runtime/testkit/schedule.ts";
import { type Product, startProduct } from "../support/product.ts";

const KILLS = 5;
/** Longest time from the first document of a life to its kill, ms. */
const LIFE_MS = 1_500;
const SECTIONS = 500;
const path = "/v2/knowledge/collections";

let product: Product;

beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "1" } });
});
afterAll(() => product.end());

/** Every section is a chunk; its word is in no other. */
function documentOf(number: number): { id: string; text: string } {
  const section = (at: number): string => `# Part ${at}\n\nq${number}x${at}z is here.`;
  const text = Array.from({ length: SECTIONS }, (_, at) => section(at)).join("\n\n");
  return { id: `d${number}`, text };
}

/** Words that begin alike are found too, after it. */
async function find(
  collection: string,
  query: string,
  more: { readonly filter?: Filter } = {},
): Promise<readonly string[]> {
  const body = { query, mode: "lexical", top_k: 3, ...more };
  const answer = await product.call("POST", `${path}/${collection}/search`, body);
  const ids: string[] = answer.body.data.map(
    ({ chunk_id }: { chunk_id: string }) => chunk_id.split("-")[0],
  );
  expect(new Set(ids).size).toBe(ids.length);
  return ids;
}

test("kill -9 while documents come and are merged: each acknowledged one is there, whole and once", {
  timeout: 170_000,
}, async () => {
  const seed = Number(process.env["E2E_SEED"] ?? Date.now() % 1_000_000);
  console.log(`knowledge-index.test: seed ${seed} (E2E_SEED repeats it)`);
  const random = seeded(seed);
  const made = await product.call("POST", path, { name: "Large" });
  const collection = String(made.body.id);
  const acknowledged = new Set<number>();
  let next = 0;
  const put = async (): Promise<boolean> => {
    const number = next;
    next += 1;
    try {
      const answer = await product.call(
        "POST",
        `${path}/${collection}/documents`,
        documentOf(number),
      );
      if (answer.status === 201) acknowledged.add(number);
      return answer.status === 201;
    } catch {
      return false;
    }
  };
  while (acknowledged.size * SECTIONS < 4_500) await put();
  const folder = (): string => {
    const index = join(product.folder, "data", "index");
    const [tenant = ""] = existsSync(index) ? readdirSync(index) : [];
    return join(index, tenant, collection);
  };
  const files = (): readonly string[] => (existsSync(folder()) ? readdirSync(folder()) : []);
  await expect.poll(() => files().length, { timeout: 30_000 }).toBe(2);

  const narrowed = (document_id: string): Promise<readonly string[]> =>
    find(collection, "q3x7z", { filter: { document_id } });
  expect((await narrowed("d3"))[0]).toBe("d3.7");
  expect((await narrowed("d2")).filter((id) => !id.startsWith("d2."))).toEqual([]);

  for (let kill = 0; kill < KILLS; kill += 1) {
    let isDead = false;
    const writing = (async () => {
      while (!isDead && (await put()));
    })();
    await new Promise((resolve) => setTimeout(resolve, random() * LIFE_MS));
    isDead = true;
    await product.kill();
    await writing;
    await product.start();
    for (const number of [...acknowledged].slice(-8)) {
      const at = Math.floor(random() * SECTIONS);
      const [first] = await find(collection, `q${number}x${at}z`);
      expect(first).toBe(`d${number}.${at}`);
    }
  }

  const listed = await product.call("GET", `${path}/${collection}/documents?limit=100`);
  const chunks = new Map<string, number>();
  for (const { id, chunks: count } of listed.body.data) chunks.set(id, count);
  expect(chunks.size).toBe(listed.body.data.length);
  expect([...new Set(chunks.values())]).toEqual([SECTIONS]);
  for (const number of acknowledged) expect(chunks.has(`d${number}`)).toBe(true);

  // Damage is found at the next start, in the middle of nobody's search.
  await expect.poll(() => files().length, { timeout: 30_000 }).toBe(2);
  await product.kill();
  const before = [...files()];
  for (const name of before) truncateSync(join(folder(), name), 1_000);
  await product.start();
  expect((await find(collection, "q0x7z"))[0]).toBe("d0.7");
  await expect
    .poll(() => files().length === 2 && files().every((name) => !before.includes(name)), {
      timeout: 30_000,
    })
    .toBe(true);
  expect((await find(collection, "q1x9z"))[0]).toBe("d1.9");

  expect((await product.call("DELETE", `${path}/${collection}`)).status).toBe(204);
  expect(existsSync(folder())).toBe(false);
});
