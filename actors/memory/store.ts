// Memories as the front door works on them: listed, shown, changed, deleted. Types only.

import type { MemoryBounds, MemoryEntry } from "../records/memory.ts";
import type { Memories } from "./memories.ts";

/** Which memories. `user` null: those of agents themselves; absent: of everybody. */
export interface MemoryFilter {
  readonly agent?: string;
  readonly user?: string | null;
  readonly collection?: string;
}

/** Which page; `after` is `next` of the one before. */
export interface MemoryPage {
  readonly limit: number;
  readonly after?: string;
}

/** What a change of an entry sets. */
export type MemoryChange = Partial<Pick<MemoryEntry, "text" | "kind" | "metadata" | "importance">>;

/** Memories as the front door has them. Every call names its tenant. */
export interface MemoryStore extends Memories {
  /** @throws NOT_FOUND. */
  get(tenant: string, id: string): Promise<MemoryEntry>;
  /** In order of agent, user, collection and id. @throws INVALID for a cursor that is none of this list. */
  list(
    tenant: string,
    filter: MemoryFilter,
    page: MemoryPage,
  ): Promise<{ readonly items: readonly MemoryEntry[]; readonly next: string | null }>;
  /** @throws NOT_FOUND, REVISION_MISMATCH for another version than `ifMatch`, INVALID. */
  change(
    tenant: string,
    id: string,
    change: MemoryChange,
    options: { readonly ifMatch: number | null; readonly bounds: MemoryBounds },
  ): Promise<MemoryEntry>;
  /** @throws NOT_FOUND, REVISION_MISMATCH. */
  removeEntry(tenant: string, id: string, ifMatch: number | null): Promise<void>;
  /**
   * Removes all memories of a user, of an agent, or of a user with an agent, and what makes their
   * messages findable. @returns entries removed.
   */
  removeAll(
    tenant: string,
    of: { readonly agent?: string; readonly user?: string | null },
  ): Promise<number>;
}
