// The nearest by their vectors, without their texts: the chunks, ids and likenesses that a search for
// passages gives, in memory, in files and beside them, after documents were replaced.

import { expect, test } from "vitest";
import { indexFolder } from "../../../adapters/knowledge/index-folder.ts";
import { createSearcher } from "../../../adapters/knowledge/searcher.ts";
import { createSegmentFiles } from "../../../adapters/segment-files.ts";
import { find } from "../../support/find.ts";
import { documentsOf, embedder } from "../../support/knowledge-rows.ts";
import { knowledgeRowsOfFile } from "../../support/knowledge-rows-of-file.ts";

const rows = knowledgeRowsOfFile();

test("the nearest are the passages of a search by vectors, by the same ids", async () => {
  const place = { tenant: "t1", collection: "cl_nearest" };
  const searcher = createSearcher({
    reader: rows().bulk,
    segments: {
      files: createSegmentFiles(),
      folderOf: (of) => indexFolder(rows().path, of),
      damaged: (_, error) => {
        throw error;
      },
    },
  });
  const by = rows().retriever();
  const seen = new Set<string>();
  const same = async (): Promise<void> => {
    for (const query of ["q1z q2z", "q7z", "q30z x"]) {
      const [vector = new Float32Array(0)] = await embedder.embed([query], { tenant: "t1" });
      const asked = { ...place, query, mode: "vector" as const, topK: 10 };
      const passages = await find(by, { ...asked, settings: { score_threshold: 0 } });
      // Twice: the second time it is known where they are.
      for (let times = 0; times < 2; times += 1) {
        const found = await searcher.nearest(place, { vector, topK: 10 });
        const near = found.filter(({ similarity }) => similarity >= 0);
        expect(near.map(({ documentId, chunkId }) => [documentId, chunkId])).toEqual(
          passages.map(({ documentId, chunkId }) => [documentId, chunkId]),
        );
        for (const [at, { similarity }] of near.entries()) {
          expect(similarity).toBeCloseTo(passages[at]?.scores.vector.score ?? 9, 4);
        }
        for (const { chunkId } of near) seen.add(chunkId);
      }
    }
  };
  await rows().put(place, documentsOf(12, 20, 1));
  await same();
  await rows().merger.merge(place, { isForced: true });
  await same();
  const before = new Set(seen);
  // The same documents with other texts, some of which are beside the files.
  const others = documentsOf(6, 20, 2).map((one, at) => ({ ...one, id: `d1.${at}` }));
  await rows().put(place, others);
  await same();
  await rows().merger.merge(place, { isForced: true });
  await same();
  const all = (await searcher.nearest(place, { vector: await first(), topK: 300 })).map(
    ({ chunkId }) => chunkId,
  );
  expect(all).toHaveLength(12 * 20);
  // A replaced document's chunks have other ids than its old ones.
  const replaced = all.filter((id) => /^d1\.[0-5]\./.test(id));
  expect(replaced).toHaveLength(120);
  expect(replaced.filter((id) => before.has(id))).toEqual([]);
}, 30_000);

async function first(): Promise<Float32Array> {
  const [vector = new Float32Array(0)] = await embedder.embed(["q1z"], { tenant: "t1" });
  return vector;
}
