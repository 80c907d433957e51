// What the routes under /admin share: whose data a request is about, and the form of a list.

import { RuntimeError } from "../../../runtime/errors.ts";
import type { KeyStore } from "../keys.ts";
import { json } from "../reply.ts";
import type { RouteContext } from "../route.ts";
import { cursorOf, type Page } from "../services/paging.ts";

/** `?tenant=` of the operator that means every tenant. */
const ALL = "*";

/** Fields of every route under /admin. */
export const common = { service: "admin", errors: "problem" } as const;

/** The tenant a request is about: its own, or for the operator the one it names. */
export async function tenantOf(
  keys: KeyStore,
  { principal }: Pick<RouteContext, "principal">,
  named: string | null,
): Promise<string> {
  if (named === null || named === principal.tenant) return principal.tenant;
  if (principal.isServer) return await known(keys, named);
  throw new RuntimeError("NOT_FOUND", `There is no tenant ${named.slice(0, 64)}.`);
}

/** The tenant, if there is one. @throws NOT_FOUND. */
export async function known(keys: KeyStore, id: string): Promise<string> {
  const isId = /^tn_[A-Za-z0-9_]{1,61}$/.test(id);
  if (isId && (await keys.tenant(id)) !== undefined) return id;
  throw new RuntimeError("NOT_FOUND", `There is no tenant ${id.slice(0, 64)}.`);
}

/**
 * The tenant a list is of, or null for all: what the operator gets unless it names one, as
 * `?tenant=` or in X-Tenant.
 */
export async function scopeOf(
  keys: KeyStore,
  context: Pick<RouteContext, "principal" | "query" | "request">,
): Promise<string | null> {
  const { principal, query, request } = context;
  const named = query.get("tenant");
  const isNamed = named !== null && named !== ALL;
  const isAll = !isNamed && (named === ALL || request.header("x-tenant") === undefined);
  if (principal.isServer && isAll) return null;
  return await tenantOf(keys, context, named);
}

/** Takes secrets out of a text. */
export type Redact = (text: string) => string;

/** A time as it is answered. */
export const toTime = (ms: number): string => new Date(ms).toISOString();

/** The same for what may not have been. */
export const timeOrNull = (ms: number | null): string | null => (ms === null ? null : toTime(ms));

/** A page of a list as it is answered. */
export function shown<T>(list: string, page: Page<T>): ReturnType<typeof json> {
  return json(200, { data: page.items, next_cursor: cursorOf(list, page) });
}
