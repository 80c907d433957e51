// Which limits hold for a run, by its context.

import type { DomainLists, LimitScope } from "../records/constraints.ts";
import { domainsOf } from "./scope.ts";

const NONE: readonly LimitScope[] = [];

/** Limits of the runs above and of its own, outermost first. */
export function limitsOf(context: object): readonly LimitScope[] {
  return "scopes" in context ? (context.scopes as readonly LimitScope[]) : NONE;
}

/** What the hosts that are reached for a run have to be among; undefined: it may reach any. */
export function domainsFor(context: object): DomainLists | undefined {
  const lists = domainsOf(limitsOf(context));
  return lists.length === 0 ? undefined : lists;
}
