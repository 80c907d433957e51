// Records that name each other: no record is removed while another names it, because what names and
// what is removed changes under one lock of the tenant.

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

/** @throws CONFLICT naming some of the records that need this one. */
export function refuseUsed(what: string, users: readonly RecordUser[]): void {
  if (users.length === 0) return;
  const shown = users.slice(0, USERS_NAMED);
  const named = shown.map(({ id, kind, name }) => `${kind} ${id} (${name})`).join(", ");
  const more = users.length > USERS_NAMED ? ` and ${users.length - USERS_NAMED} more` : "";
  throw new RuntimeError("CONFLICT", `${what} is used by ${named}${more}; change those first.`);
}
