// A collection over the real store for tests of its index: documents with words and vectors from a
// seed, retrievers with and without files, and merges in this thread.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SegmentFiles } from "../../actors/knowledge/segment.ts";
import type { Embedder, Retriever } from "../../actors/ports.ts";
import { indexFolder } from "../../adapters/knowledge/index-folder.ts";
import { type MergeInput, mergeTask } from "../../adapters/knowledge/merge-task.ts";
import { createMerger, type Merger } from "../../adapters/knowledge/merger.ts";
import { createRetriever } from "../../adapters/knowledge/retriever.ts";
import type { Place, PreparedChunk } from "../../adapters/knowledge/rows.ts";
import type { Searcher } from "../../adapters/knowledge/searcher.ts";
import { createKnowledgeWriter, type KnowledgeWriter } from "../../adapters/knowledge/writer.ts";
import { createSegmentFiles } from "../../adapters/segment-files.ts";
import { newId } from "../../runtime/id.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import { openBulkReader } from "../../runtime/store/bulk-reader.ts";
import type { Reader } from "../../runtime/store/store.ts";
import { seeded } from "../../runtime/testkit/schedule.ts";
import { openData } from "./open-data.ts";
import { clusteredVectors } from "./vectors.ts";

export const dimension = 32;
const VOCABULARY = 400;

/** A document of the tests. */
export interface TestDocument {
  readonly id: string;
  readonly chunks: readonly PreparedChunk[];
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** The store and what tests do with it. */
export interface KnowledgeRows {
  readonly path: string;
  readonly bulk: Bulk;
  readonly writer: KnowledgeWriter;
  readonly merger: Merger;
  readonly embedder: Embedder;
  /** A connection of its own, as another thread has. */
  connect(): Bulk;
  put(place: Place, documents: readonly TestDocument[]): Promise<void>;
  /** With index files unless `files` is null. */
  retriever(options?: {
    readonly files?: SegmentFiles | null;
    readonly damaged?: (place: Place) => void;
    readonly cacheBytesMax?: number;
    readonly elsewhere?: Pick<Searcher, "search">;
  }): Retriever;
  /** A merger whose task works with these. */
  mergerWith(options: {
    readonly files?: SegmentFiles;
    readonly bulk?: Bulk;
    readonly reader?: Reader;
  }): Merger;
  /** What merges read by. */
  readonly reader: Reader;
  close(): Promise<void>;
}

/** Queries of the tests are numbers: the vector of the query is that of its place. */
const queryVectors = clusteredVectors(64, dimension, 99);

export const embedder: Embedder = {
  id: "test-1",
  dimension,
  tokensMax: 1_000,
  tokenizer: { kind: "approximate" },
  embed: async (texts) =>
    texts.map((text) => queryVectors[text.length % queryVectors.length] ?? new Float32Array(0)),
};

/** Documents of some chunks each, always the same for a seed. */
export function documentsOf(count: number, chunksEach: number, seed: number): TestDocument[] {
  const random = seeded(seed);
  const vectors = clusteredVectors(count * chunksEach, dimension, seed);
  return Array.from({ length: count }, (_, at) => ({
    id: `d${seed}.${at}`,
    chunks: Array.from({ length: chunksEach }, (__, number) => ({
      text: Array.from({ length: 12 }, () => `q${Math.floor(random() ** 2 * VOCABULARY)}z`).join(
        " ",
      ),
      headings: [],
      span: [number, number + 1] as const,
      vector: vectors[at * chunksEach + number] ?? new Float32Array(0),
    })),
  }));
}

/** Starts one in a folder of its own, or in one that is there and stays. */
export async function startKnowledgeRows(folder?: string): Promise<KnowledgeRows> {
  const path = folder ?? mkdtempSync(join(tmpdir(), "troupe-index-"));
  const data = await openData(path);
  const connect = (): Bulk => data.connectBulk();
  const bulk = connect();
  const nowMs = Date.now;
  const writer = createKnowledgeWriter({ bulk, nowMs });
  const reader = openBulkReader(path);
  const files = createSegmentFiles();
  const mergerWith: KnowledgeRows["mergerWith"] = (using) =>
    createMerger({
      bulk: using.bulk ?? bulk,
      data: path,
      compute: {
        run: (_, input) => mergeTask(input as MergeInput, { reader, files, nowMs, ...using }),
      },
    });
  return {
    ...{ path, bulk, writer, embedder, reader, connect, mergerWith },
    merger: mergerWith({}),
    async put(place, documents) {
      const writes = documents.map(({ id, chunks, metadata = {} }) => ({
        metadata,
        write: { documentId: id, writeId: newId("wr", nowMs()) },
        chunks,
      }));
      for (const { write, chunks } of writes) {
        await writer.writeText(place, write, write.writeId);
        await writer.writeChunks(place, write, chunks, 0, embedder);
      }
      const rows = writes.map(({ write, chunks, metadata }) => ({
        ...write,
        ...{ title: "", metadata, bytes: 0, contentHash: write.writeId },
        chunks: chunks.length,
      }));
      for (let at = 0; at < rows.length; at += 100) {
        await writer.publish(place, rows.slice(at, at + 100), embedder);
      }
    },
    retriever: ({ files: given = files, damaged = () => undefined, ...more } = {}) =>
      createRetriever({
        reader: connect(),
        settingsOf: () => ({}),
        embedder,
        ...(given !== null && {
          segments: { files: given, folderOf: (place) => indexFolder(path, place), damaged },
        }),
        ...more,
      }),
    async close() {
      await data.close();
      if (folder === undefined) rmSync(path, { recursive: true, force: true });
    },
  };
}
