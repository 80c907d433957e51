// Knowledge as main uses it, for the front door: loaded with the first document or search, because
// splitting, stemming and ranking are a sixth of main's modules and many servers have no knowledge.

import type { Retriever } from "../actors/ports.ts";
import type { RunningSystem } from "../runtime/pool.ts";
import type { Reader } from "../runtime/store/store.ts";
import type { KnowledgeStore } from "./knowledge/store.ts";

/** What main does with knowledge. */
export interface Knowledge {
  readonly documents: KnowledgeStore;
  readonly retriever: Retriever;
}

/** The services look a collection up before they search in it, so here every row is present. */
const present: Reader = { get: () => new Uint8Array(1), range: () => [] };

/** Knowledge over the system's `bulk` environment. */
export function createKnowledge(system: Pick<RunningSystem, "bulk" | "compute">): Knowledge {
  let loading: Promise<Knowledge> | undefined;
  const loaded = (): Promise<Knowledge> => {
    loading ??= load(system);
    return loading;
  };
  return {
    documents: {
      ingest: async (...of) => (await loaded()).documents.ingest(...of),
      document: async (...of) => (await loaded()).documents.document(...of),
      documents: async (...of) => (await loaded()).documents.documents(...of),
      removeDocument: async (...of) => (await loaded()).documents.removeDocument(...of),
      removeCollection: async (...of) => (await loaded()).documents.removeCollection(...of),
    },
    retriever: {
      search: async (...of) => (await loaded()).retriever.search(...of),
    },
  };
}

async function load({
  bulk,
  compute,
}: Pick<RunningSystem, "bulk" | "compute">): Promise<Knowledge> {
  const [{ createBuiltinEmbedder }, { createKnowledgeStore }, { createRetriever }] =
    await Promise.all([
      import("./embed/builtin.ts"),
      import("./knowledge/store.ts"),
      import("./knowledge/retriever.ts"),
    ]);
  const embedder = createBuiltinEmbedder();
  const reader: Reader = { get: (key) => bulk.get(key), range: (of) => bulk.range(of) };
  return {
    documents: createKnowledgeStore({ bulk, embedder, compute }),
    retriever: createRetriever({ reader, tables: present, embedder }),
  };
}
