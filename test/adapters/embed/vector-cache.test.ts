// Remembered vectors: found again by another opening of the file, bounded, apart for tenants, and never
// a wrong one, whatever was written half.

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Embedder, EmbedUse } from "../../../actors/ports.ts";
import { createBuiltinEmbedder } from "../../../adapters/embed/builtin.ts";
import { remembering } from "../../../adapters/embed/remembering.ts";
import { hashOf, openVectorCache } from "../../../adapters/embed/vector-cache.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "troupe-vectors-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const path = () => join(folder, "vectors", "one");
const vectorOf = (seed: number) => Float32Array.from({ length: 8 }, (_, at) => seed + at / 8);

test("a vector is found again, by another opening too, and not by another tenant", () => {
  const cache = openVectorCache(path(), 8, 100_000);
  cache.put(hashOf("tn_1", "refund"), vectorOf(1));
  const other = openVectorCache(path(), 8, 100_000);

  expect(other.get(hashOf("tn_1", "refund"))).toEqual(vectorOf(1));
  expect(cache.get(hashOf("tn_2", "refund"))).toBeUndefined();
  expect(cache.get(hashOf("tn_1", "Refund"))).toBeUndefined();
  cache.close();
  other.close();
});

test("the file never grows past its limit, and what was put last is mostly there", () => {
  const cache = openVectorCache(path(), 8, 20_000);
  for (let at = 0; at < 5_000; at += 1) cache.put(hashOf("tn_1", `text ${at}`), vectorOf(at));

  let found = 0;
  for (let at = 0; at < 5_000; at += 1) {
    const vector = cache.get(hashOf("tn_1", `text ${at}`));
    if (vector === undefined) continue;
    expect(vector).toEqual(vectorOf(at));
    found += 1;
  }
  expect(statSync(path()).size).toBeLessThanOrEqual(20_000);
  expect(found).toBeGreaterThan(200);
  expect(cache.get(hashOf("tn_1", "text 4999"))).toEqual(vectorOf(4_999));
  cache.close();
});

test("a damaged place is a text that is not remembered, never a wrong vector", () => {
  const cache = openVectorCache(path(), 8, 4_000);
  for (let at = 0; at < 20; at += 1) cache.put(hashOf("tn_1", `text ${at}`), vectorOf(at));
  const whole = readFileSync(path());
  let lost = 0;
  for (let byte = 0; byte < whole.length; byte += 7) {
    const damaged = Buffer.from(whole);
    damaged[byte] = (damaged[byte] ?? 0) ^ 0x41;
    writeFileSync(path(), byte % 2 === 0 ? damaged : damaged.subarray(0, byte));
    for (let at = 0; at < 20; at += 1) {
      const vector = cache.get(hashOf("tn_1", `text ${at}`));
      if (vector === undefined) lost += 1;
      else expect(vector).toEqual(vectorOf(at));
    }
  }
  expect(lost).toBeGreaterThan(0);
  cache.close();
});

/** An embedder that counts what it is asked for; texts with "long" are cut. */
function counting(): { embedder: Embedder; asked: string[] } {
  const asked: string[] = [];
  const builtin = createBuiltinEmbedder();
  const embedder: Embedder = {
    ...builtin,
    embed: async (texts, options) => {
      asked.push(...texts);
      const truncated = texts.flatMap((text, at) => (text.includes("long") ? [at] : []));
      const vectors = await builtin.embed(texts, { tenant: options.tenant });
      options.onUse?.({ tokens: texts.length, estimated: false, truncated });
      return vectors;
    },
  };
  return { embedder, asked };
}

test("equal text is embedded once, in order and in another life too, and only what is new is used", async () => {
  const { embedder, asked } = counting();
  const open = () => openVectorCache(path(), embedder.dimension, 1_000_000);
  const uses: EmbedUse[] = [];
  const options = { tenant: "tn_1", onUse: (use: EmbedUse) => uses.push(use) };

  const first = await remembering(embedder, open).embed(["a b", "c d", "a b"], options);
  const second = await remembering(embedder, open).embed(["c d", "e f", "a b"], options);
  await remembering(embedder, open).embed(["a b"], { tenant: "tn_2" });
  await remembering(embedder, open).embed(["a b"], { tenant: "tn_1", purpose: "query" });

  expect(asked).toEqual(["a b", "c d", "e f", "a b", "a b"]);
  expect(uses.map(({ tokens }) => tokens)).toEqual([2, 1]);
  expect(first[2]).toEqual(first[0]);
  expect([second[0], second[2]]).toEqual([first[1], first[0]]);
  expect(second[1]).toEqual(embedder.embedNow?.("e f"));
});

test("what other weights gave is not found, and is again when the former ones are back", async () => {
  const { embedder, asked } = counting();
  const file = path();
  const ask = async (weights: string) => {
    const open = () => openVectorCache(file, embedder.dimension, 1_000_000);
    const options = { tenant: "tn_1" };
    await remembering(embedder, open, () => Promise.resolve(weights)).embed(["a b"], options);
    return asked.length;
  };

  expect([await ask("one"), await ask("one")]).toEqual([1, 1]);
  expect([await ask("two"), await ask("two"), await ask("one")]).toEqual([2, 2, 2]);
});

test("that a text was cut is said each time, at each of its places", async () => {
  const { embedder } = counting();
  const cached = remembering(embedder, () => openVectorCache(path(), 512, 1_000_000));
  const uses: EmbedUse[] = [];
  const options = { tenant: "tn_1", onUse: (use: EmbedUse) => uses.push(use) };

  await cached.embed(["a", "long", "b", "long"], options);
  await cached.embed(["a", "b", "long"], options);

  expect(uses.map(({ truncated }) => truncated)).toEqual([[1, 3], [2]]);
});

test("an embedder whose memory cannot be opened works without", async () => {
  const { embedder } = counting();
  writeFileSync(join(folder, "file"), "");
  const cached = remembering(embedder, () => openVectorCache(join(folder, "file", "x"), 512, 1));

  expect(await cached.embed(["a", "b"], { tenant: "tn_1" })).toHaveLength(2);
});
