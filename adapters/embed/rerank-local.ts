// A re-ranker whose model runs in this process, in threads of the compute pool. This side of it sends
// each text on its own, with the question: the pool puts those of all callers together.

import { setMaxListeners } from "node:events";
import type { Compute, Reranker } from "../../actors/ports.ts";
import type { LocalModel } from "./model-folder.ts";
import type { RerankInput } from "./rerank-model.ts";
import { rerankTaskName } from "./tasks.ts";

let calls = 0;

/** @param timeoutMs for all texts of one search, the model's loading included. */
export function createLocalReranker(
  id: string,
  model: LocalModel,
  timeoutMs: number,
  compute: Pick<Compute, "run">,
): Reranker {
  return {
    id,
    async rerank(query, texts, { tenant, signal }) {
      calls += 1;
      // When one fails the others are not wanted any more.
      const failed = new AbortController();
      const stop = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
      // Each text that waits listens to it.
      setMaxListeners(texts.length + 1, stop);
      const options = { tenant, key: `rerank:${calls}`, signal: stop, timeoutMs };
      const score = async (text: string): Promise<number> => {
        const input: RerankInput = { model, query, text };
        return (await compute.run(rerankTaskName, input, options)) as number;
      };
      try {
        return await Promise.all(texts.map(score));
      } catch (error) {
        failed.abort();
        throw error;
      }
    },
  };
}
