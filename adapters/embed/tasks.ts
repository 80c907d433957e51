// What the composition roots need of this folder before anything of it is loaded: the compute pool's
// task with its limits, and the settings that travel to workers.

import type { ComputeTask } from "../../runtime/threads/compute-port.ts";
import type { Config } from "../config.ts";
import { providerMemory } from "../provider-memory.ts";

/** The settings of embedders. They hold keys of providers: never logged. */
export type EmbeddersConfig = Pick<
  Config,
  "embedders" | "rerankers" | "defaultEmbedder" | "embedding" | "providers" | "data"
> & {
  /** What all threads know of the providers, of `createEmbedMemory`. Default: each thread knows its own. */
  readonly embedMemory?: SharedArrayBuffer;
};

/** Name of the compute pool's task that runs local models. */
export const localTaskName = "embed.local";

/** Name of the one that runs local re-rankers. */
export const rerankTaskName = "rerank.local";

/** Name of the one that cuts a text to a number of tokens. */
export const cutTaskName = "embed.cut";

/** Name of the one that tells a model's weights by its files. */
export const weightsTaskName = "embed.weights";

/** Nobody waits longer than this for a batch, its model's loading included. */
const BATCH_MS = 120_000;
/** A thread that nobody needs gives its model's memory back after this. */
const IDLE_MS = 300_000;

/** The part of the configuration that `createEmbedders` uses, as plain data. */
export function embeddersConfig(config: EmbeddersConfig): EmbeddersConfig {
  const { embedders, rerankers, defaultEmbedder, embedding, providers, data, embedMemory } = config;
  return {
    ...{ embedders, rerankers, defaultEmbedder, embedding, providers, data },
    ...(embedMemory && { embedMemory }),
  };
}

/** What all threads know of the providers: of each as one that embeds, and apart as one that re-ranks. */
export function createEmbedMemory(
  providers: readonly Partial<Pick<Config["providers"][number], "apiKeys">>[],
): SharedArrayBuffer {
  return providerMemory([...providers, ...providers]);
}

/** Tasks of the compute pool. */
export function embedTasks(
  limits: Pick<Config["embedding"], "threads" | "batchTexts" | "waitMs" | "queueMax">,
): Readonly<Record<string, ComputeTask>> {
  return {
    [cutTaskName]: { url: new URL("./cut-task.js", import.meta.url).href, name: "cutText" },
    [weightsTaskName]: {
      url: new URL("./weights-task.js", import.meta.url).href,
      name: "hashWeights",
    },
    [localTaskName]: {
      url: new URL("./local-model.js", import.meta.url).href,
      name: "embedLocal",
      batch: {
        threads: limits.threads,
        itemsMax: limits.batchTexts,
        waitMs: limits.waitMs,
        waitingMax: limits.queueMax,
        batchMs: BATCH_MS,
        idleMs: IDLE_MS,
      },
    },
    // Somebody waits for each of these, so that they do not stand in line behind an ingestion.
    [rerankTaskName]: {
      url: new URL("./rerank-model.js", import.meta.url).href,
      name: "rerankLocal",
      batch: {
        threads: 1,
        itemsMax: limits.batchTexts,
        waitMs: 0,
        waitingMax: limits.queueMax,
        batchMs: BATCH_MS,
        idleMs: IDLE_MS,
      },
    },
  };
}
