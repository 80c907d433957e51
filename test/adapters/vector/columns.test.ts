// Files whose graph finds its way badly, which are scanned: what a scan finds is what comparing with all
// finds, over the real library.

import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { NearHit, VectorHeader, VectorView } from "../../../actors/knowledge/segment.ts";
import { lexicalVector } from "../../../actors/text/vector.ts";
import { columnSumsLimits } from "../../../adapters/vector/column-sums.ts";
import {
  appendColumns,
  columnsBytes,
  columnsQuestion,
  scanColumns,
} from "../../../adapters/vector/columns.ts";
import { createVectorFiles } from "../../../adapters/vector/vector-files.ts";
import { seeded } from "../../../runtime/testkit/schedule.ts";
import { clusteredVectors } from "../../support/vectors.ts";

const files = createVectorFiles();
const embedder = { id: "test-1", dimension: 256 };
const ALL = [[0, Number.MAX_SAFE_INTEGER]] as const;
const COUNT = 5_000;
const random = seeded(7);
let folder: string;
let first: VectorHeader;

const words = (count: number): string =>
  Array.from({ length: count }, () => `q${Math.floor(random() ** 2 * 4_000)}z`).join(" ");
const vectorOf = (count: number): Float32Array => lexicalVector(words(count), embedder.dimension);
const slotsOf = (hits: readonly NearHit[]): number[] => hits.map(({ slot }) => slot);

const vectors = Array.from({ length: COUNT + 300 }, () => vectorOf(30));
const questions = Array.from({ length: 40 }, () => vectorOf(6));

async function made(
  name: string,
  previous: VectorHeader | null,
  { from = 0, until = COUNT, without = [] as readonly number[] },
): Promise<VectorHeader> {
  const build = await files.build(folder, embedder, previous);
  for (const slot of without) build.remove(slot);
  for (let slot = from; slot < until; slot += 1) {
    build.add(slot, vectors[slot] ?? new Float32Array(0), () => vectorOf(6));
  }
  return await build.save(name);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "troupe-columns-"));
  first = await made("a.vectors", null, {});
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function expectExact(
  view: VectorView,
  counts: (slot: number) => boolean,
  ranges: readonly (readonly [number, number])[],
): Promise<void> {
  for (const question of questions) {
    const exact = await view.compare(question, ranges, 10);
    expect(await view.scan(question, 10, counts)).toEqual(exact);
  }
}

test("short questions about texts that lie evenly are scanned for, and find all of their nearest", async () => {
  expect(first.columns).toBe(true);
  expect(statSync(join(folder, first.name)).size).toBe(first.bytes);
  const view = await files.view(folder, first, embedder);
  for (const question of questions) {
    // Less than the graph, and less than comparing.
    const takes = view.scanTakes(question, 10);
    expect(takes).toBeLessThan(Math.min(view.candidatesLeast * 16, view.count) / 2);
  }
  await expectExact(view, () => true, ALL);
  // The library finds its way in it as before.
  expect(view.search(vectors[3] ?? new Float32Array(0), 1)[0]?.slot).toBe(3);
  view.close();
});

test("only what counts is found, however far it is", async () => {
  const view = await files.view(folder, first, embedder);
  await expectExact(view, (slot) => slot >= 4_000 && slot < 4_500, [[4_000, 500]]);
  await expectExact(view, (slot) => slot === 17, [[17, 1]]);
  expect(await view.scan(questions[0] ?? new Float32Array(0), 10, () => false)).toEqual([]);
  view.close();
});

test("the next file is scanned too, with what was added and without what was removed", async () => {
  const without = [0, 5, 4_999, ...Array.from({ length: 100 }, (_, at) => 1_000 + at)];
  const more = { from: COUNT, until: COUNT + 300, without };
  const next = await made("b.vectors", first, more);
  expect(next).toMatchObject({ columns: true, measured: first.measured });
  const view = await files.view(folder, next, embedder);
  await expectExact(view, () => true, ALL);
  const found = await view.scan(vectors[5] ?? new Float32Array(0), 500, () => true);
  expect(slotsOf(found)).not.toContain(5);
  view.close();
});

test("a file whose graph finds its way, and one of a version without columns, is not scanned", async () => {
  const build = await files.build(folder, embedder, null);
  for (const [slot, vector] of clusteredVectors(COUNT, embedder.dimension).entries()) {
    build.add(slot, vector);
  }
  const clustered = await build.save("c.vectors");
  expect(clustered.columns).toBe(false);
  const view = await files.view(folder, clustered, embedder);
  const [question] = questions;
  expect(view.scanTakes(question ?? new Float32Array(0), 10)).toBe(Number.POSITIVE_INFINITY);
  view.close();

  // Of a version that did not know: it is measured again by the next merge.
  const { columns: _, ...old } = clustered;
  const next = await files.build(folder, embedder, old);
  for (let slot = 0; slot < 300; slot += 1) {
    next.add(COUNT + slot, vectors[slot] ?? new Float32Array(0));
  }
  expect((await next.save("d.vectors")).measured).toBe(COUNT + 300);
});

test("files of several blocks are scanned over their borders", async () => {
  const rows = columnSumsLimits.rows + 37;
  const dimension = 8;
  const path = join(folder, "blocks");
  const one = 0x3c00;
  const halves = new Uint16Array(rows * dimension);
  // Rows are alike but for three, each larger in a number of its own.
  const larger = [3, columnSumsLimits.rows - 1, rows - 1];
  for (let row = 0; row < rows; row += 1) halves[row * dimension] = one;
  for (const [at, row] of larger.entries()) halves[row * dimension + 1 + at] = one;
  writeFileSync(path, halves);
  const layout = { rows, dimension, vectorsAt: 0, columnsAt: halves.byteLength };
  await appendColumns(path, layout);
  expect(statSync(path).size).toBe(layout.columnsAt + columnsBytes(layout));
  const file = openSync(path, "r");
  const slots = Float64Array.from({ length: rows }, (_, row) => row * 2);
  const question = columnsQuestion(Float32Array.of(0.2, 0.5, 0.6, 0.7, 0, 0, 0, 0));
  const found = await scanColumns({ file, layout, slots }, question, 1, () => true);
  closeSync(file);
  expect(found).toEqual(expect.arrayContaining(larger.map((row) => row * 2)));
  expect(found.length).toBeLessThan(100);
});
