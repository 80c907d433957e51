// Knowledge as main uses it, for the front door: loaded with the first document or search, because
// stemming and ranking are a sixth of main's modules and many servers have no knowledge.

import type { ProviderPurse } from "../actors/money/provider-call.ts";
import type { Embedders, Rerankers, Retriever } from "../actors/ports.ts";
import { collectionsTable, type StoredCollection } from "../actors/records/collection.ts";
import { ingestionJobsTable, type Source } from "../actors/records/ingestion-job.ts";
import type { RunningSystem } from "../runtime/pool.ts";
import type { SealerSource } from "../runtime/store/sealer.ts";
import { BUILTIN } from "./embed/kinds.ts";
import type { QuestionParts, Questions } from "./embed/questions.ts";
import type { EmbeddersConfig } from "./embed/tasks.ts";
import { searchesElsewhere } from "./knowledge/elsewhere.ts";
import type { Place } from "./knowledge/rows.ts";
import type { SourcePlace } from "./knowledge/sources.ts";
import type { KnowledgeStore } from "./knowledge/store.ts";

/** What main does with knowledge. */
export interface Knowledge {
  readonly documents: KnowledgeStore;
  readonly sources: {
    keep(tenant: string, job: string, sources: readonly Source[]): Promise<void>;
    forget(tenant: string, job: string): Promise<void>;
  };
  readonly retriever: Retriever;
  readonly embedders: Embedders;
  readonly questions: Questions;
  readonly rerankers: Pick<Rerankers, "names">;
}

/** What it is configured with. */
export type KnowledgeConfig = EmbeddersConfig & {
  /** How what is a tenant's is sealed on the disk; absent: it is not. */
  readonly sealer?: SealerSource | undefined;
};

/** Knowledge over the system's `bulk` environment. */
export function createKnowledge(
  system: KnowledgeSystem,
  config: KnowledgeConfig,
  heard: Heard,
): Knowledge {
  let loading: Promise<Knowledge> | undefined;
  const loaded = (): Promise<Knowledge> => {
    loading ??= load(system, config, heard);
    return loading;
  };
  return {
    documents: {
      document: async (...of) => (await loaded()).documents.document(...of),
      passage: async (...of) => (await loaded()).documents.passage(...of),
      documents: async (...of) => (await loaded()).documents.documents(...of),
      removeDocument: async (...of) => (await loaded()).documents.removeDocument(...of),
      removeCollection: async (...of) => (await loaded()).documents.removeCollection(...of),
      edition: async (...of) => (await loaded()).documents.edition(...of),
      beginEdition: async (...of) => (await loaded()).documents.beginEdition(...of),
      dropEdition: async (...of) => (await loaded()).documents.dropEdition(...of),
    },
    sources: {
      keep: async (...of) => (await loaded()).sources.keep(...of),
      forget: async (...of) => (await loaded()).sources.forget(...of),
    },
    retriever: {
      search: async (...of) => (await loaded()).retriever.search(...of),
    },
    questions: {
      of: async (...of) => (await loaded()).questions.of(...of),
      missed: (...of) => void loaded().then(({ questions }) => questions.missed(...of)),
    },
    rerankers: { names: config.rerankers.map(({ name }) => name) },
    embedders: {
      names: [BUILTIN, ...config.embedders.map(({ name }) => name)],
      defaultName: config.defaultEmbedder,
      find: async (...of) => (await loaded()).embedders.find(...of),
      pinned: async (...of) => (await loaded()).embedders.pinned(...of),
    },
  };
}

/** Who is told what was answered without a vector, and where it is paid. */
type Heard = Pick<QuestionParts, "log" | "figures"> & { readonly purse: ProviderPurse };

type KnowledgeSystem = Pick<RunningSystem, "bulk" | "compute" | "tables" | "tell" | "tenants">;

async function load(
  { bulk, compute, tables, tell, tenants }: KnowledgeSystem,
  config: KnowledgeConfig,
  { purse, ...heard }: Heard,
): Promise<Knowledge> {
  const modules = await Promise.all([
    import("./embed/builtin.ts"),
    import("./embed/embedders.ts"),
    import("./knowledge/store.ts"),
    import("./knowledge/retriever.ts"),
    import("./knowledge/merger.ts"),
    import("../actors/collection.ts"),
    import("./knowledge/sources.ts"),
    import("./embed/rerankers.ts"),
    import("./knowledge/pin.ts"),
    import("./embed/questions.ts"),
  ]);
  const [{ createBuiltinEmbedder }, { createEmbedders }, { createKnowledgeStore }] = modules;
  const [, , , { createRetriever }, { createMerger }, actor] = modules;
  const { forgetSources, keepSources, sweepSources } = modules[6];
  const { pinEdition } = modules[8];
  const embedder = createBuiltinEmbedder();
  const weightOf = (tenant: string): number => tenants.weightOf(tenant);
  const embedders = createEmbedders(embedder, { config, compute, weightOf, purse });
  const { queryMs: waitMs } = config.embedding;
  const questions = modules[9].createQuestions({ find: embedders.pinned, waitMs, ...heard });
  const rerankers = modules[7].createRerankers({ config, compute, weightOf, purse });
  const merger = createMerger({ bulk, compute, data: config.data, sealer: config.sealer });
  const say = ({ tenant, collection }: Place, type: "grown" | "damaged"): void =>
    tell(actor.collectionAddress(tenant, collection), { type });
  const documents = createKnowledgeStore({
    bulk,
    changed: async (place) => {
      if (await merger.isDue(place)) say(place, "grown");
    },
    removeFiles: (edition) => merger.removeFiles(edition),
  });
  const isKnown = async ({ tenant, job }: SourcePlace): Promise<boolean> =>
    (await tables.get(tenant, ingestionJobsTable, job)) !== undefined;
  const swept = sweepSources(bulk, isKnown);
  // Told to whoever keeps something next.
  swept.catch(() => undefined);
  return {
    sources: {
      keep: async (tenant, job, sources) => {
        await swept;
        await keepSources(bulk, { tenant, job }, sources);
      },
      forget: (tenant, job) => forgetSources(bulk, { tenant, job }),
    },
    documents,
    retriever: createRetriever({
      reader: bulk,
      settingsOf: async ({ tenant, collection }) => {
        const row = await tables.get(tenant, collectionsTable, collection);
        return row && ((row.value as StoredCollection).retrieval ?? {});
      },
      ...{ embedder, embedders, questions, rerankers },
      adopt: (edition, pin) => pinEdition(bulk, edition, pin),
      elsewhere: searchesElsewhere({
        compute,
        data: config.data,
        sealer: config.sealer,
        damaged: (place) => say(place, "damaged"),
      }),
    }),
    embedders,
    questions,
    rerankers,
  };
}
