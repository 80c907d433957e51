// Vector files over the real library: what it finds, and everything that would kill the process or
// poison the index without the checks before it.

import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Index } from "usearch";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { dot } from "../../../actors/knowledge/retrieve.ts";
import type { VectorHeader } from "../../../actors/knowledge/segment.ts";
import { createVectorFiles } from "../../../adapters/vector/vector-files.ts";
import { seeded } from "../../../runtime/testkit/schedule.ts";
import { clusteredVectors, nearest, unit } from "../../support/vectors.ts";

const files = createVectorFiles();
const embedder = { id: "test-1", dimension: 64 };
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "troupe-vector-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function made(
  vectors: readonly Float32Array[],
  options: { of?: typeof embedder; name?: string; previous?: VectorHeader; from?: number } = {},
): Promise<VectorHeader> {
  const { of = embedder, name = "a.vectors", previous = null, from = 0 } = options;
  const build = await files.build(folder, of, previous);
  for (const [at, vector] of vectors.entries()) build.add(from + at, vector);
  return await build.save(name);
}

test("finds at least 98 of 100 of the nearest that exact comparison finds", async () => {
  const of = { id: "test-1", dimension: 384 };
  const all = clusteredVectors(6_100, 384);
  const [queries, stored] = [all.slice(0, 100), all.slice(100)];
  const view = await files.view(folder, await made(stored, { of }), of);

  let found = 0;
  for (const query of queries) {
    const slots = new Set(view.search(query, 10).map(({ slot }) => slot));
    found += nearest(stored, query, 10).filter((slot) => slots.has(slot)).length;
  }

  expect(found / (queries.length * 10)).toBeGreaterThanOrEqual(0.98);
}, 60_000);

/** Unit vectors in any direction. */
function evenVectors(count: number, dimension: number): Float32Array[] {
  const random = seeded(3);
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random());
  return Array.from({ length: count }, () =>
    unit(Float32Array.from({ length: dimension }, normal)),
  );
}

test("vectors that lie evenly are searched as thoroughly as comparing with all says, and found as well", async () => {
  const of = { id: "test-1", dimension: 96 };
  const even = evenVectors(12_060, of.dimension);
  const [queries, stored] = [even.slice(0, 60), even.slice(60)];

  const header = await made(stored, { of });
  const clustered = await made(clusteredVectors(1_000, 64), { name: "b.vectors" });

  expect(header.expansion).toBeGreaterThan(clustered.expansion);
  const view = await files.view(folder, header, of);
  let found = 0;
  for (const query of queries) {
    const slots = new Set(view.search(query, 10).map(({ slot }) => slot));
    found += nearest(stored, query, 10).filter((slot) => slots.has(slot)).length;
  }
  view.close();
  expect(found / (queries.length * 10)).toBeGreaterThanOrEqual(0.98);
}, 60_000);

test("it is measured again when a quarter is new, and not before", async () => {
  const all = clusteredVectors(4_000, 64);
  const first = await made(all.slice(0, 3_000));
  const little = await made(all.slice(3_000, 3_500), {
    name: "b.vectors",
    previous: first,
    from: 3_000,
  });
  const more = await made(all.slice(3_500), { name: "c.vectors", previous: little, from: 3_500 });

  expect([first, little, more].map(({ measured }) => measured)).toEqual([3_000, 3_000, 4_000]);
  expect(little.expansion).toBe(first.expansion);
});

test("questions unlike everything find as many, and only they are searched more thoroughly", async () => {
  const all = clusteredVectors(33_040, 64);
  const [near, stored] = [all.slice(0, 40), all.slice(40)];
  const header = await made(stored);
  const view = await files.view(folder, header, embedder);
  const random = seeded(4);
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random());
  const anywhere = near.map((vector) => unit(vector.map(normal)));
  const between = near.map((vector, at) => {
    const others = [1, 2, 3].map((step) => near[(at + step) % near.length] ?? vector);
    return unit(
      vector.map((value, place) => others.reduce((sum, one) => sum + (one[place] ?? 0), value)),
    );
  });
  const { far } = header;
  if (far === undefined) throw new Error("It was not measured.");

  expect(far.expansion).toBeGreaterThan(header.expansion);
  const asked = vi.spyOn(Index.prototype, "search");
  const timesAsked = (questions: readonly Float32Array[]): number => {
    asked.mockClear();
    for (const question of questions) view.search(question, 10);
    return asked.mock.calls.length;
  };
  expect(timesAsked(near)).toBeLessThan(45);
  expect(timesAsked(anywhere)).toBe(80);
  asked.mockRestore();
  for (const questions of [near, anywhere, between]) {
    let found = 0;
    for (const question of questions) {
      const hits = view.search(question, 10).slice(0, 10);
      const slots = new Set(hits.map(({ slot }) => slot));
      found += nearest(stored, question, 10).filter((slot) => slots.has(slot)).length;
    }
    expect(found / (questions.length * 10)).toBeGreaterThanOrEqual(0.98);
  }
  // What was looked at anyhow is given too.
  expect(view.search(anywhere[0] ?? new Float32Array(64), 3)).toHaveLength(far.expansion);
  expect(view.search(near[0] ?? new Float32Array(64), 3)).toHaveLength(3);
  view.close();
}, 120_000);

test("goes on from a file with what was added and without what was removed", async () => {
  const vectors = clusteredVectors(600, 64);
  const first = await made(vectors.slice(0, 400));
  const build = await files.build(folder, embedder, first);
  for (let slot = 0; slot < 100; slot += 1) build.remove(slot);
  for (let at = 400; at < 600; at += 1) build.add(at, vectors[at] ?? new Float32Array(64));

  const second = await build.save("b.vectors");

  expect(second).toMatchObject({ count: 500, dimension: 64, embedder: "test-1" });
  const view = await files.view(folder, second, embedder);
  for (const slot of [0, 99, 100, 399, 400, 599]) {
    const [best] = view.search(vectors[slot] ?? new Float32Array(64), 1);
    expect(best?.slot === slot).toBe(slot >= 100);
  }
  const old = await files.view(folder, first, embedder);
  expect(old.search(vectors[0] ?? new Float32Array(64), 1)[0]?.slot).toBe(0);
});

test("compares with what it is told to, exactly as the library does, after additions and removals", async () => {
  const vectors = clusteredVectors(900, 64);
  const first = await made(vectors.slice(0, 400));
  const build = await files.build(folder, embedder, first);
  for (let slot = 50; slot < 150; slot += 1) build.remove(slot);
  // Some take the places of those that were removed: not in the order of slots any more.
  for (let at = 400; at < 880; at += 1) build.add(at, vectors[at] ?? new Float32Array(64));
  const header = await build.save("b.vectors");
  const view = await files.view(folder, header, embedder);
  const isThere = (slot: number): boolean => slot < 50 || (slot >= 150 && slot < 880);

  for (const question of vectors.slice(880)) {
    const all = new Map(
      view.search(question, header.count).map(({ slot, similarity }) => [slot, similarity]),
    );
    for (const ranges of [
      [[0, 900]],
      [
        [40, 20],
        [140, 30],
        [395, 10],
      ],
      [[700, 1]],
      [[60, 50]],
      [],
    ] as const) {
      const wanted = ranges.flatMap(([from, count]) =>
        Array.from({ length: count }, (_, at) => from + at).filter(isThere),
      );
      const hits = await view.compare(question, ranges, 12);

      expect(hits).toHaveLength(Math.min(12, wanted.length));
      expect(hits.every(({ slot }) => wanted.includes(slot))).toBe(true);
      const exact = wanted
        .map((slot) => ({ slot, like: dot(vectors[slot] ?? question, question) }))
        .sort((a, b) => b.like - a.like);
      for (const [at, { slot, similarity }] of hits.entries()) {
        // A float of 16 bits has three digits.
        expect(similarity).toBeCloseTo(exact[at]?.like ?? 9, 2);
        expect(similarity).toBeCloseTo(dot(vectors[slot] ?? question, question), 2);
        if (all.has(slot)) expect(Math.abs(similarity - (all.get(slot) ?? 9))).toBeLessThan(0.0015);
      }
      expect(hits.map(({ similarity }) => similarity)).toEqual(
        hits.map(({ similarity }) => similarity).sort((a, b) => b - a),
      );
    }
  }
  view.close();
});

test("nothing is compared with vectors that are not finite or of another size", async () => {
  const view = await files.view(folder, await made(clusteredVectors(20, 64)), embedder);
  for (const vector of [new Float32Array(64).fill(Number.NaN), new Float32Array(32)]) {
    await expect(view.compare(vector, [[0, 20]], 5)).rejects.toThrow("64 finite numbers");
  }
  view.close();
});

test("keys are slots of 53 bits, and one that is there keeps its vector", async () => {
  const slot = Number.MAX_SAFE_INTEGER;
  const [one, other] = clusteredVectors(2, 64);
  const build = await files.build(folder, embedder, null);
  if (one === undefined || other === undefined) throw new Error("unreachable");
  build.add(slot, one);
  build.add(slot, other);
  for (const wrong of [-1, 0.5, 2 ** 53]) expect(() => build.add(wrong, one)).toThrow("slot");

  const view = await files.view(folder, await build.save("a.vectors"), embedder);

  expect(view.count).toBe(1);
  const [best] = view.search(one, 5);
  expect(best?.slot).toBe(slot);
  expect(best?.similarity).toBeCloseTo(1, 2);
});

test("a view of a part of a larger array is compared with all its own numbers", async () => {
  const vectors = clusteredVectors(300, 64);
  const flat = new Float32Array(300 * 64);
  for (const [at, vector] of vectors.entries()) flat.set(vector, at * 64);
  const parts = vectors.map((_, at) => flat.subarray(at * 64, (at + 1) * 64));

  const view = await files.view(folder, await made(parts), embedder);

  for (const [at, part] of parts.entries()) expect(view.search(part, 1)[0]?.slot).toBe(at);
});

test("vectors that are not finite or of another size go neither in nor out", async () => {
  const build = await files.build(folder, embedder, null);
  const bad = [
    new Float32Array(64).fill(Number.NaN),
    unit(new Float32Array(64).fill(1)).fill(Number.POSITIVE_INFINITY, 3, 4),
    new Float32Array(32).fill(0.1),
    new Float32Array(128).fill(0.1),
  ];
  for (const vector of bad) expect(() => build.add(1, vector)).toThrow("64 finite numbers");
  const view = await files.view(folder, await build.save("a.vectors"), embedder);

  expect(view.count).toBe(0);
  expect(view.search(unit(new Float32Array(64).fill(1)), 5)).toEqual([]);
  for (const vector of bad) expect(() => view.search(vector, 5)).toThrow("64 finite numbers");
});

describe("a file that is not what was written", () => {
  const refused = async (header: VectorHeader, of = embedder): Promise<void> => {
    await expect(files.view(folder, header, of)).rejects.toMatchObject({ code: "DATA_DAMAGED" });
    await expect(files.build(folder, of, header)).rejects.toMatchObject({ code: "DATA_DAMAGED" });
  };

  test("is refused when garbage, empty, cut anywhere or missing", async () => {
    const header = await made(clusteredVectors(200, 64));
    const path = join(folder, header.name);
    const good = readFileSync(path);
    const random = seeded(7);

    for (const bytes of [
      Buffer.from("garbage"),
      Buffer.alloc(0),
      Buffer.from(Uint8Array.from({ length: header.bytes }, () => random() * 256)),
      Buffer.concat([good, Buffer.from("x")]),
    ]) {
      writeFileSync(path, bytes);
      await refused(header);
    }
    for (const share of [0.1, 0.5, 0.99]) {
      writeFileSync(path, good);
      truncateSync(path, Math.floor(header.bytes * share));
      await refused(header);
    }
    rmSync(path);
    await refused(header);
    writeFileSync(path, good);
    expect((await files.view(folder, header, embedder)).count).toBe(200);
  });

  test("is refused with any one bit turned", async () => {
    const header = await made(clusteredVectors(100, 64));
    const path = join(folder, header.name);
    const good = readFileSync(path);
    const random = seeded(11);

    for (let turn = 0; turn < 40; turn += 1) {
      const bytes = Buffer.from(good);
      const at = turn < 16 ? turn : Math.floor(random() * bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
      writeFileSync(path, bytes);
      await refused(header);
    }
  });

  test("is refused when of another embedder, another dimension or another file", async () => {
    const header = await made(clusteredVectors(100, 64));
    const of = { id: "test-1", dimension: 32 };
    const other = await made(clusteredVectors(100, 32), { of, name: "b.vectors" });

    await refused(header, { id: "test-2", dimension: 64 });
    await refused(header, of);
    copyFileSync(join(folder, other.name), join(folder, header.name));
    await refused(header);
  });
});

test("files are replaced and removed while others search them", async () => {
  const vectors = clusteredVectors(500, 64);
  const header = await made(vectors);
  const view = await files.view(folder, header, embedder);
  await made(clusteredVectors(50, 64, 9), { name: "b.vectors" });

  // What another process could do to the folder.
  renameSync(join(folder, "b.vectors"), join(folder, header.name));
  rmSync(join(folder, header.name));

  for (const [at, vector] of vectors.entries()) {
    expect(view.search(vector, 1)[0]?.slot).toBe(at);
  }
});
