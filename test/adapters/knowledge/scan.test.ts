// A scan lets others work meanwhile: documents that come and go then are found once, not never.

import { expect, test } from "vitest";
import type { SegmentFiles } from "../../../actors/knowledge/segment.ts";
import { indexFolder } from "../../../adapters/knowledge/index-folder.ts";
import type { Place } from "../../../adapters/knowledge/rows.ts";
import { createSearcher } from "../../../adapters/knowledge/searcher.ts";
import { createSegmentFiles } from "../../../adapters/segment-files.ts";
import { documentsOf } from "../../support/knowledge-rows.ts";
import { knowledgeRowsOfFile } from "../../support/knowledge-rows-of-file.ts";

const ALL = [[0, Number.MAX_SAFE_INTEGER]] as const;
const rows = knowledgeRowsOfFile();

/** Files that are scanned for every question, which takes until something else was done. */
function scannedFiles(meanwhile: () => Promise<void>): SegmentFiles {
  const files = createSegmentFiles();
  return {
    ...files,
    vectors: {
      ...files.vectors,
      view: async (...of) => {
        const view = await files.vectors.view(...of);
        return {
          ...view,
          scanTakes: () => 0,
          scan: async (vector, limit, counts) => {
            await meanwhile();
            const all = await view.compare(vector, ALL, view.count);
            return all.filter(({ slot }) => counts(slot)).slice(0, limit);
          },
        };
      },
    },
  };
}

test.each([
  ["", undefined],
  [" with a filter", { part: { eq: 1 } }],
])("a document that is replaced during a search%s is found", async (_name, filter) => {
  const place: Place = { tenant: "t1", collection: filter ? "cl_filtered" : "cl_all" };
  const documents = documentsOf(5, 10, 1).map((one) => ({ ...one, metadata: { part: 1 } }));
  const [replaced] = documents;
  const vector = replaced?.chunks[3]?.vector;
  if (replaced === undefined || vector === undefined) throw new Error("unreachable");
  await rows().put(place, documents);
  await rows().merger.merge(place, { isForced: true });
  let isDone = false;
  const searcher = createSearcher({
    reader: rows().connect(),
    segments: {
      files: scannedFiles(async () => {
        if (isDone) return;
        isDone = true;
        await rows().put(place, [replaced]);
        await searcher.nearest(place, asked);
      }),
      folderOf: (of) => indexFolder(rows().path, of),
      damaged: (_, error) => {
        throw error;
      },
    },
  });
  const asked = { vector, topK: 1, ...(filter && { filter }) };

  const [nearest] = await searcher.nearest(place, asked);

  expect(isDone).toBe(true);
  expect(nearest?.documentId).toBe(replaced.id);
  expect(nearest?.similarity).toBeCloseTo(1, 2);
});
