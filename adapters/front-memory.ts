// Memories as main uses them, for the front door: loaded when they are first asked for.

import type { MemoryStore } from "../actors/memory/store.ts";
import type { Embedders } from "../actors/ports.ts";
import type { RunningSystem } from "../runtime/pool.ts";
import type { Questions } from "./embed/questions.ts";

/** Memories over the system's `bulk` environment. */
export function createFrontMemories(
  { bulk }: Pick<RunningSystem, "bulk">,
  { embedders, questions }: { readonly embedders: Embedders; readonly questions: Questions },
): MemoryStore {
  let loading: Promise<MemoryStore> | undefined;
  const loaded = (): Promise<MemoryStore> => {
    loading ??= import("./memory/memories.ts").then(({ createMemories }) =>
      createMemories({ bulk, embedders, questions }),
    );
    return loading;
  };
  return {
    recall: async (...of) => (await loaded()).recall(...of),
    write: async (...of) => (await loaded()).write(...of),
    remove: async (...of) => (await loaded()).remove(...of),
    recalled: async (...of) => (await loaded()).recalled(...of),
    addHistory: async (...of) => (await loaded()).addHistory(...of),
    searchHistory: async (...of) => (await loaded()).searchHistory(...of),
    forgetConversation: async (...of) => (await loaded()).forgetConversation(...of),
    get: async (...of) => (await loaded()).get(...of),
    list: async (...of) => (await loaded()).list(...of),
    change: async (...of) => (await loaded()).change(...of),
    removeEntry: async (...of) => (await loaded()).removeEntry(...of),
    removeAll: async (...of) => (await loaded()).removeAll(...of),
  };
}
