// The Memories port of tests that remember nothing.

import type { Memories } from "../../actors/memory/memories.ts";

const refuse = (): Promise<never> => Promise.reject(new Error("Nothing is remembered here."));

/** Refuses every call. */
export const noMemories: Memories = {
  recall: refuse,
  write: refuse,
  remove: refuse,
  recalled: refuse,
  addHistory: refuse,
  searchHistory: refuse,
  forgetConversation: refuse,
};
