// How many of the nearest a large collection finds that lies evenly and is asked in a few words: held
// against comparing with every chunk.

import { afterAll, beforeAll, expect, test } from "vitest";
import { lexicalVector } from "../../../actors/text/vector.ts";
import { builtinEmbedder } from "../../../adapters/embed/builtin.ts";
import { indexFolder } from "../../../adapters/knowledge/index-folder.ts";
import { isAllCompared, isScanned } from "../../../adapters/knowledge/near.ts";
import { type Place, segmentOf } from "../../../adapters/knowledge/rows.ts";
import { createSearcher, type Searcher } from "../../../adapters/knowledge/searcher.ts";
import type { WritePart } from "../../../adapters/knowledge/writer.ts";
import { createSegmentFiles } from "../../../adapters/segment-files.ts";
import { keys } from "../../../runtime/store/keys.ts";
import { seeded } from "../../../runtime/testkit/schedule.ts";
import { type KnowledgeRows, startKnowledgeRows } from "../../support/knowledge-rows.ts";

const { dimension } = builtinEmbedder;
const place: Place = { tenant: "t1", collection: "cl_even" };
const [DOCUMENTS, EACH, WORDS, QUESTION_WORDS] = [60, 100, 40, 6];
const random = seeded(21);
let rows: KnowledgeRows;

beforeAll(async () => {
  rows = await startKnowledgeRows();
});

afterAll(() => rows.close());

/** Of words that any other text may have as well. */
function textOf(words: number): string {
  const word = (): string => `q${Math.floor(random() ** 2 * 4_000)}z`;
  return Array.from({ length: words }, word).join(" ");
}

function partOf(topic: number): WritePart {
  const chunks = Array.from({ length: EACH }, (_, at) => {
    const text = textOf(WORDS);
    const vector = lexicalVector(text, dimension);
    return { text, headings: [], span: [at, at + 1] as const, vector };
  });
  return { documentId: `d${topic}`, writeId: `w${topic}`, text: "text", chunks };
}

async function publish(parts: readonly WritePart[]): Promise<void> {
  await rows.writer.writeAll(place, parts, builtinEmbedder, "committed");
  const publications = parts.map(({ documentId, writeId, chunks }) => ({
    ...{ documentId, writeId, title: "", metadata: {}, bytes: 4, contentHash: "h" },
    chunks: chunks?.length ?? 0,
  }));
  await rows.writer.publish(place, publications, builtinEmbedder);
}

function searcherWith(files: boolean): Searcher {
  return createSearcher({
    reader: rows.connect(),
    ...(files && {
      segments: {
        files: createSegmentFiles(),
        folderOf: (of: Place) => indexFolder(rows.path, of),
        damaged: (_: Place, error: unknown) => {
          throw error;
        },
      },
    }),
  });
}

test("short questions about texts that lie evenly find 98 of 100 of their nearest, also where documents went", async () => {
  const parts = Array.from({ length: DOCUMENTS }, (_, topic) => partOf(topic));
  for (let at = 0; at < DOCUMENTS; at += 10) await publish(parts.slice(at, at + 10));
  await rows.merger.merge(place, { isForced: true });
  const stored = await rows.bulk.get(keys.segment(place.tenant, place.collection));
  if (stored === undefined) throw new Error("There are no files.");
  const { vectors } = segmentOf(stored);
  expect(vectors).toMatchObject({ count: DOCUMENTS * EACH, measured: DOCUMENTS * EACH });
  const view = await createSegmentFiles().vectors.view(
    indexFolder(rows.path, place),
    vectors,
    builtinEmbedder,
  );
  const questions = Array.from({ length: 30 }, () =>
    lexicalVector(textOf(QUESTION_WORDS), dimension),
  );
  const [exact, files] = [searcherWith(false), searcherWith(true)];
  const share = async (): Promise<number> => {
    let [found, all] = [0, 0];
    for (const vector of questions) {
      const wanted = await exact.nearest(place, { vector, topK: 10 });
      const near = await files.nearest(place, { vector, topK: 10 });
      const ids = new Set(near.map(({ chunkId }) => chunkId));
      expect(near).toHaveLength(10);
      all += wanted.length;
      found += wanted.filter(({ chunkId }) => ids.has(chunkId)).length;
    }
    return found / all;
  };
  expect(await share()).toBeGreaterThanOrEqual(0.98);
  // The graph would have to look at more than comparing takes, and scanning takes less than both.
  expect(isAllCompared(view)).toBe(true);
  expect(questions.every((question) => isScanned(view, question, 10))).toBe(true);
  view.close();
  // Documents are gone, which the files still have.
  await rows.writer.removeDocuments(
    place,
    Array.from({ length: 8 }, (_, at) => `d${at * 2}`),
  );
  expect(await share()).toBeGreaterThanOrEqual(0.98);
}, 180_000);
