// Postings files against the index in memory: the same hits with exactly the same scores, however
// the chunks lie between the file and memory, and however often the file was continued.

import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { searchLexical } from "../../../actors/knowledge/bm25.ts";
import { createLexicalIndex } from "../../../actors/knowledge/lexical.ts";
import type { PostingsHeader } from "../../../actors/knowledge/segment.ts";
import { createPostingsFiles } from "../../../adapters/lexical/postings-files.ts";

const files = createPostingsFiles();
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "troupe-postings-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const words = ["alpha", "beta", "gamma", "exporting", "invoices", "退款", "naïve", "the", "zebra"];
const text = fc
  .array(fc.constantFrom(...words), { minLength: 0, maxLength: 10 })
  .map((picked) => picked.join(" "));

let names = 0;
async function made(
  texts: ReadonlyMap<number, string>,
  gone: Iterable<number> = [],
  previous: PostingsHeader | null = null,
): Promise<PostingsHeader> {
  const build = await files.build(folder, previous);
  for (const slot of gone) build.remove(slot);
  for (const [slot, body] of texts) build.add(slot, body);
  names += 1;
  return await build.save(`${names}.postings`);
}

test("scores are exactly those of one index in memory", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(text, { maxLength: 30 }),
      fc.tuple(fc.nat(30), fc.nat(30)),
      fc.array(fc.nat(29), { maxLength: 10 }),
      fc.nat(2),
      text,
      fc.boolean(),
      async (bodies, cuts, gone, when, query, isReadBefore) => {
        const [one, two] = [...cuts].sort((a, b) => a - b);
        const slots = bodies.map((body, at): [number, string] => [at * 3 + 1, body]);
        const removed = new Set(gone.map((at) => at * 3 + 1));
        const first = await made(new Map(slots.slice(0, one)));
        const early = when === 0 ? removed : [];
        const second = await made(new Map(slots.slice(one, two)), early, first);
        const view = await files.view(folder, second);
        const rest = createLexicalIndex();
        for (const [slot, body] of slots.slice(two)) rest.add(slot, body);
        // What was read before a removal is not found after it.
        if (isReadBefore) searchLexical([view, rest], query, 10);
        for (const [slot, body] of slots) {
          if (!removed.has(slot)) continue;
          view.remove(slot);
          rest.remove(slot, body);
        }
        const single = createLexicalIndex();
        for (const [slot, body] of slots) if (!removed.has(slot)) single.add(slot, body);

        const expected = single.search(query, 10);

        expect(searchLexical([view, rest], query, 10)).toEqual(expected);
        expect(searchLexical([view, rest], query, 10)).toEqual(expected);
        view.close();
      },
    ),
    { numRuns: 60 },
  );
}, 30_000);

test("a filter leaves hits out and changes no score", async () => {
  const view = await files.view(
    folder,
    await made(new Map(Array.from({ length: 50 }, (_, at) => [at, `alpha beta${at % 3}`]))),
  );

  const all = searchLexical([view], "alpha beta1", 50);
  const even = searchLexical([view], "alpha beta1", 50, (slot) => slot % 2 === 0);

  expect(even).toEqual(all.filter(({ slot }) => slot % 2 === 0));
  expect(even).toHaveLength(25);
  view.close();
});

test("finds every one of many words, and none that is not there", async () => {
  const many = Array.from({ length: 2_000 }, (_, at) => `q${at}z`);
  const texts = new Map(many.map((word, at) => [at, `${word} common`]));
  const view = await files.view(folder, await made(texts));

  for (const [at, word] of many.entries()) {
    expect(searchLexical([view], word, 3).map(({ slot }) => slot)).toEqual([at]);
  }
  expect(searchLexical([view], "absent", 3)).toEqual([]);
  expect(searchLexical([view], "common", 7)).toHaveLength(7);
  view.close();
});

test("a file that is cut, changed in one bit, missing or of other terms is refused", async () => {
  const header = await made(new Map([[1, "alpha beta"]]));
  const path = join(folder, header.name);
  const good = readFileSync(path);
  const refused = async (of = header): Promise<void> => {
    await expect(files.view(folder, of)).rejects.toMatchObject({ code: "DATA_DAMAGED" });
    await expect(files.build(folder, of)).rejects.toMatchObject({ code: "DATA_DAMAGED" });
  };

  await refused({ ...header, termsVersion: header.termsVersion + 1 });
  await refused({ ...header, chunks: 2 });
  for (let at = 0; at < good.length; at += 5) {
    const bytes = Buffer.from(good);
    bytes[at] = (bytes[at] ?? 0) ^ 16;
    writeFileSync(path, bytes);
    await refused();
  }
  writeFileSync(path, good);
  truncateSync(path, good.length - 1);
  await refused();
  rmSync(path);
  await refused();
});
