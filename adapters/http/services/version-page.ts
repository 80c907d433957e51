// Pages of the kept versions of a record, newest first.

import type { VersionEntry } from "../../../actors/records/agent-version.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Page, PageRequest } from "./paging.ts";

/**
 * A page of versions; a cursor names the version before which it goes on.
 * @param versions ascending.
 * @throws INVALID for a cursor that is none.
 */
export function pageOfVersions(
  versions: readonly VersionEntry[],
  { limit, after }: PageRequest,
): Page<VersionEntry> {
  const before = after === undefined ? Number.POSITIVE_INFINITY : Number(after);
  if (Number.isNaN(before)) {
    throw new RuntimeError("INVALID", "cursor must be the next_cursor of an earlier page.", {
      parameter: "cursor",
    });
  }
  const rest = versions.filter(({ version }) => version < before).reverse();
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  const hasMore = rest.length > limit && last !== undefined;
  return { items, next: hasMore ? String(last.version) : null };
}

/** The number of a version in a path. @throws NOT_FOUND for what is none. */
export function versionNumber(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new RuntimeError("NOT_FOUND", `There is no version ${text.slice(0, 64)}.`);
}
