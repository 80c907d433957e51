// The Memories port: what is remembered of a user by an agent, outside of any conversation. Tenant,
// agent, user and collection are the address of every call, never a filter.

import type { FoundMessage, MemoryBounds, MemoryEntry, RecalledMemory } from "../records/memory.ts";

/** Whose memory. `user` null: of the agent itself. */
export interface MemoryScope {
  readonly tenant: string;
  readonly agent: string;
  readonly user: string | null;
  readonly collection: string;
}

/** Whose conversations. `user` null: those that name nobody. */
export type HistoryScope = Omit<MemoryScope, "collection">;

/** Who writes, and since when: what was forgotten later than `sinceMs` stays forgotten. */
export interface MemoryOperation {
  /** Made of the run and its step: an operation that comes again gives what it gave before. */
  readonly id: string;
  /** Start of the work it belongs to, ms since the epoch. */
  readonly sinceMs: number;
}

/** A fact to keep. */
export interface MemoryWrite {
  readonly text: string;
  readonly kind?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly importance?: number;
  readonly source: MemoryEntry["source"];
  readonly writtenBy: MemoryEntry["written_by"];
  /** Entry that this one takes the place of; one that is gone is no error. */
  readonly replaces?: string;
}

/** What became of a write. */
export interface MemoryWritten {
  /** `forgotten`: its user, or its conversation, was deleted meanwhile. Nothing was written. */
  readonly status: "created" | "updated" | "unchanged" | "forgotten";
  readonly id: string | null;
  /** Entries that went to make room. */
  readonly dropped?: readonly string[];
}

/** A search in one memory. */
export interface MemoryQuery {
  readonly query: string;
  readonly topK: number;
  readonly threshold: number;
  readonly halfLifeDays: number;
  readonly signal?: AbortSignal;
}

/** A message that is to be found by a search of the history. */
export interface HistoryMessage {
  readonly conversation: string;
  readonly sequence: number;
  readonly role: "user" | "assistant";
  readonly text: string;
  readonly atMs: number;
}

/** Memories of all agents. An embedder that cannot be asked is no error: words alone are compared. */
export interface Memories {
  /** Best first. */
  recall(scope: MemoryScope, query: MemoryQuery): Promise<readonly RecalledMemory[]>;
  /**
   * Writes a fact down once for an operation. One that says what an entry says already renews that
   * entry. @throws MEMORY_FULL when the bounds say so, INVALID for a text that is too long.
   */
  write(
    scope: MemoryScope,
    write: MemoryWrite,
    bounds: MemoryBounds,
    operation: MemoryOperation,
  ): Promise<MemoryWritten>;
  /** Removes an entry of this scope; whether it was there. */
  remove(scope: MemoryScope, id: string): Promise<boolean>;
  /** Notes that entries were recalled. */
  recalled(scope: MemoryScope, ids: readonly string[]): Promise<void>;
  /** Makes messages findable; those of a deleted conversation are left out. */
  addHistory(
    scope: HistoryScope,
    messages: readonly HistoryMessage[],
    sinceMs: number,
  ): Promise<void>;
  /** Messages of the user's conversations, best first. */
  searchHistory(
    scope: HistoryScope,
    query: { readonly query: string; readonly topK: number },
  ): Promise<readonly FoundMessage[]>;
  /** Removes what was learned in a conversation and its messages; later writes of it are refused. */
  forgetConversation(scope: HistoryScope, conversation: string): Promise<void>;
}
