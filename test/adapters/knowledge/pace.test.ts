// Documents come faster than index files are made: what a searching thread holds beside the files stays
// within its bound, a long document comes all the same, and everything is there in the end.

import { expect, test } from "vitest";
import { mergeLimits, segmentAt } from "../../../adapters/knowledge/merge-due.ts";
import { publishPaced } from "../../../adapters/knowledge/pace.ts";
import type { Publication } from "../../../adapters/knowledge/publish.ts";
import { headOf, type Place } from "../../../adapters/knowledge/rows.ts";
import { keys } from "../../../runtime/store/keys.ts";
import { documentsOf, embedder } from "../../support/knowledge-rows.ts";
import { knowledgeRowsOfFile } from "../../support/knowledge-rows-of-file.ts";

const rows = knowledgeRowsOfFile();

/** Writes documents that nobody sees yet. */
async function written(
  place: Place,
  count: number,
  chunksEach: number,
  seed: number,
): Promise<readonly Publication[]> {
  const publications: Publication[] = [];
  for (const { id, chunks } of documentsOf(count, chunksEach, seed)) {
    const write = { documentId: id, writeId: `w${seed}` };
    await rows().writer.writeAll(place, [{ ...write, text: id, chunks }], embedder, "committed");
    const said = { title: "", metadata: {}, bytes: 1, contentHash: id };
    publications.push({ ...write, ...said, chunks: chunks.length });
  }
  return publications;
}

/** Chunks beside the files. */
async function beside(place: Place): Promise<number> {
  const head = headOf(await rows().bulk.get(keys.collectionHead(place.tenant, place.collection)));
  const segment = await segmentAt(rows().bulk, place);
  return segment === null ? head.chunks : head.nextSlot - segment.nextSlot;
}

test("no more is published than there is room for, until the files are made", async () => {
  const place = { tenant: "t1", collection: "cl_pace" };
  const documents = await written(place, 110, 100, 1);
  let most = 0;
  let rest = documents;
  let merges = 0;
  while (rest.length > 0) {
    const some = await rows().writer.publishSome(place, rest, embedder);
    rest = rest.slice(some.length);
    most = Math.max(most, await beside(place));
    if (some.length > 0) continue;
    merges += 1;
    expect(await rows().merger.merge(place)).toBe(true);
  }

  // By one document when there are no files yet: none would be made for fewer.
  expect(most).toBeLessThanOrEqual(mergeLimits.besideMax + 100);
  expect(merges).toBeGreaterThan(1);
  const head = headOf(await rows().bulk.get(keys.collectionHead("t1", "cl_pace")));
  expect([head.documents, head.chunks]).toEqual([110, 11_000]);
}, 60_000);

test("who waits goes on as soon as the files are there; one long document waits for nobody", async () => {
  const place = { tenant: "t1", collection: "cl_wait" };
  const [first, more] = [await written(place, 41, 100, 2), await written(place, 30, 100, 3)];
  const [long] = await written(place, 1, 5_000, 4);
  if (long === undefined) throw new Error("It was not written.");
  for (let rest = first; rest.length > 0; ) {
    rest = rest.slice((await rows().writer.publishSome(place, rest, embedder)).length);
  }

  const isRoom = await rows().writer.publishSome(place, more, embedder);
  const waiting = publishPaced(rows().writer, place, more, embedder);
  await rows().merger.merge(place);
  const isWhole = await waiting;
  const most = await beside(place);
  await rows().merger.merge(place);
  const alone = await rows().writer.publishSome(place, [long], embedder);

  expect(isRoom).toEqual([]);
  expect(isWhole).toBe(true);
  expect(most).toBeLessThanOrEqual(mergeLimits.besideMax);
  expect(alone).toEqual([long]);
}, 60_000);
