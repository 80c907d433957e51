// Records that name each other: no record is removed while another names it, because what names and
// what is removed changes under one lock of the tenant.

import { type AllowedResources, reaches } from "../../../actors/records/resource-scope.ts";
import { RuntimeError } from "../../../runtime/errors.ts";

/** A record that names others. */
export interface RecordUser {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  /** Ids, or "id@3" for a version of one. */
  readonly links: readonly string[];
}

/** Under which records that name others change, and those that may be named are removed. */
export function lockOf(tenant: string): string {
  return `${tenant}/its records`;
}

/** Whether a link, "pr_x" or "pr_x@3", is to a record. */
export function isLinkTo(link: string, id: string): boolean {
  return link === id || (link.startsWith(id) && link.charAt(id.length) === "@");
}

/** Versions of a record that others name. */
export function versionsNamed(users: readonly RecordUser[], id: string): readonly number[] {
  const own = users.flatMap(({ links }) => links.filter((link) => isLinkTo(link, id)));
  return own.filter((link) => link !== id).map((link) => Number(link.slice(id.length + 1)));
}

/** Records that a refusal names. */
const USERS_NAMED = 10;

/**
 * @param by who asks: what it does not reach is counted and not named.
 * @throws CONFLICT naming some of the records that need this one.
 */
export function refuseUsed(
  what: string,
  users: readonly RecordUser[],
  by: { readonly allowedResources?: AllowedResources | null } = {},
): void {
  if (users.length === 0) return;
  const seen = users.filter(({ id }) => reaches(by.allowedResources, id));
  const shown = seen.slice(0, USERS_NAMED).map(({ id, kind, name }) => `${kind} ${id} (${name})`);
  const rest = users.length - shown.length;
  const named = shown.length === 0 ? `${rest} others` : shown.join(", ");
  const more = shown.length > 0 && rest > 0 ? ` and ${rest} more` : "";
  throw new RuntimeError("CONFLICT", `${what} is used by ${named}${more}; change those first.`);
}
