// Publishing no faster than index files are made: what every searching thread holds in memory beside
// them stays bounded, however fast documents come.

import { setTimeout as pause } from "node:timers/promises";
import type { Publication } from "./publish.ts";
import type { EmbedderName, Place } from "./rows.ts";
import type { KnowledgeWriter } from "./writer.ts";

/** How long one call waits for room, and how often it looks, in ms. */
export const paceLimits = { waitMs: 20_000, lookMs: 25 } as const;

/**
 * Publishes documents as there comes room for them. Resolves to whether all are visible; when not, the
 * caller has the index files made and calls again with those that are not.
 */
export async function publishPaced(
  writer: KnowledgeWriter,
  edition: Place,
  documents: readonly Publication[],
  embedder: EmbedderName,
): Promise<boolean> {
  const endMs = performance.now() + paceLimits.waitMs;
  let rest = documents;
  for (;;) {
    if (rest.length === 0) return true;
    const some = await writer.publishSome(edition, rest, embedder);
    rest = rest.slice(some.length);
    if (some.length > 0) continue;
    // What was made visible just now may have filled the room: nobody was told yet.
    if (rest.length < documents.length || performance.now() > endMs) return false;
    await pause(paceLimits.lookMs);
  }
}
