// What is said around an evaluation: to its actor, between it and the runs of its items. Types and
// addresses only, so that main can speak to it without loading it.

import { type Address, address } from "../../runtime/address.ts";
import type { EvaluationPlan, ResultRow, SideResult } from "../records/evaluation.ts";
import type { TenantLimits } from "../records/tenant-limits.ts";

/** Begins an evaluation; said again it changes nothing. The reply is its row. */
export interface EvaluationStart {
  readonly type: "start";
  readonly plan: EvaluationPlan;
  /** Ids of the items, in their order. */
  readonly items: readonly string[];
  readonly service: string;
  readonly keyId?: string;
  /** Limits of a tenant that has none of its own. */
  readonly tenantDefaults?: TenantLimits;
}

/** What may be said to an evaluation from outside. */
export type EvaluationRequest =
  | EvaluationStart
  | { readonly type: "cancel" }
  /** Cancels it, and removes it with its results. */
  | { readonly type: "delete" };

/** Key of the record that holds the ids of the items. */
export const itemsKey = "items";

/** Input of a run of kind `evaluation-item`. */
export interface ItemRunInput {
  readonly plan: EvaluationPlan;
  readonly index: number;
  readonly service: string;
  readonly keyId?: string;
  /** Limits of a tenant that has none of its own. */
  readonly tenantDefaults?: TenantLimits;
}

/** Its result. */
export interface ItemRunResult {
  readonly row: ResultRow;
  /** The balance did not cover it: what comes after it would fail too. */
  readonly isBroke: boolean;
}

/** What the run of kind `evaluation` is told again and again, and shows. */
export interface EvaluationProgress {
  readonly type: "evaluation_progress";
  readonly status: string;
  readonly total: number;
  readonly done: number;
  readonly passed: readonly number[];
  readonly units: number;
}

/** Address of an evaluation. */
export function evaluationAddress(tenant: string, id: string): Address {
  return address({ kind: "evaluation", tenant, root: id });
}

/** Where an item's answer on a side is made: always the same place, so that it is made once. */
export function completionAddress(
  place: { readonly tenant: string; readonly evaluation: string; readonly index: number },
  side: SideResult["side"],
): Address {
  const root = `${place.evaluation}.${place.index}${side}`;
  return address({ kind: "completion", tenant: place.tenant, root });
}

/** Key under which the run of an evaluation is told of its progress. */
export const progressKey = (step: number): string => `progress:${step}`;
