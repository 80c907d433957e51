// Evaluations as the door has them: what can be known is checked before one is started, and their rows are
// read. What runs them is their actor (actors/evaluation).

import { compileSchema, loadSchemas } from "../../../actors/answer/output-schema.ts";
import { type EvaluationStart, evaluationAddress } from "../../../actors/evaluation/messages.ts";
import type { Prices } from "../../../actors/money/catalogue.ts";
import { versionId } from "../../../actors/records/agent-version.ts";
import {
  type EvaluationInput,
  type EvaluationPlan,
  type EvaluationRow,
  type EvaluationTarget,
  evaluationLimits,
  evaluationsTable,
  type NamedScorer,
  type ResultRow,
  resultsTable,
  type Scorer,
} from "../../../actors/records/evaluation.ts";
import { MICROS } from "../../../actors/records/price.ts";
import { type AllowedResources, reaches } from "../../../actors/records/resource-scope.ts";
import type { TenantLimits } from "../../../actors/records/tenant-limits.ts";
import { targetNamed, targetPlace } from "../../../actors/targets.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { newId } from "../../../runtime/id.ts";
import type { System } from "../../../runtime/system.ts";
import type { Serial } from "../../serial.ts";
import type { Caller } from "./agent-store.ts";
import type { DatasetItems } from "./dataset-items.ts";
import { type OnceKey, once } from "./once.ts";
import type { OperatorGuards } from "./operator-guards.ts";
import { type HiddenPlaces, type Page, type PageRequest, pageOf, pageOfSeen } from "./paging.ts";
import { lockOf } from "./record-links.ts";
import { operationsOf } from "./tenant-prices.ts";

const ID = /^ev_[0-9a-z]{26}$/;

/** The evaluations of a system. */
export interface EvaluationService {
  /** @throws INVALID, SCHEMA_INVALID, EMBEDDER_UNKNOWN with the pointer, KEY_REUSED. */
  start(caller: Caller, input: EvaluationInput, key: OnceKey | null): Promise<EvaluationRow>;
  /** Newest first. */
  /** @param allowed what who asks reaches: evaluations of anything else are left out. */
  list(
    tenant: string,
    page: PageRequest,
    allowed?: AllowedResources | null,
  ): Promise<Page<EvaluationRow>>;
  /** @throws NOT_FOUND. */
  get(tenant: string, id: string): Promise<EvaluationRow>;
  /** In the order of the items. @throws NOT_FOUND. */
  results(tenant: string, id: string, page: PageRequest): Promise<Page<ResultRow>>;
  /** What is done is kept. One that has ended stays as it is. @throws NOT_FOUND. */
  cancel(tenant: string, id: string): Promise<EvaluationRow>;
  /** With its results. @throws NOT_FOUND. */
  remove(tenant: string, id: string): Promise<void>;
}

interface Parts {
  readonly system: System;
  readonly items: Pick<DatasetItems, "ids">;
  /** Changes of a tenant's records, one after the other. */
  readonly serial: Serial;
  readonly hidden: HiddenPlaces;
  readonly operatorGuards: OperatorGuards;
  readonly embedders: { readonly names: readonly string[] };
  readonly prices: Prices;
  /** Limits of a tenant that has none of its own. */
  readonly tenantLimits: TenantLimits;
  /** @throws NOT_FOUND. */
  dataset(tenant: string, id: string): Promise<unknown>;
  nowMs(): number;
}

/** The service over a system. */
export function createEvaluationService(parts: Parts): EvaluationService {
  const { system, hidden } = parts;
  const get = async (tenant: string, id: string): Promise<EvaluationRow> => {
    const row = ID.test(id) ? await system.tables.get(tenant, evaluationsTable, id) : undefined;
    if (row !== undefined) return row.value as EvaluationRow;
    throw new RuntimeError("NOT_FOUND", `Evaluation ${id.slice(0, 64)} does not exist.`);
  };
  const tell = async (tenant: string, id: string, type: "cancel" | "delete"): Promise<unknown> => {
    await get(tenant, id);
    return await system.ask(evaluationAddress(tenant, id), { type });
  };
  return {
    start: (caller, input, key) => start(parts, caller, input, key),
    list: async (tenant, page, allowed) => {
      const { tables } = system;
      const { items, next } = await pageOfSeen(page, {
        ...{ tenant, hidden },
        read: (range) => tables.list(tenant, evaluationsTable, { ...range, reverse: true }),
        sees: ({ value }) => {
          const { dataset_id, targets } = (value as EvaluationRow).plan;
          const named = [dataset_id, ...targets.map(({ target }) => target)];
          return named.every((id) => reaches(allowed, id));
        },
      });
      return { items: items.map(({ value }) => value as EvaluationRow), next };
    },
    get,
    results: async (tenant, id, { limit, after }) => {
      await get(tenant, id);
      const from = after === undefined ? {} : { after };
      const page = { prefix: `${id}.`, limit: limit + 1, ...from };
      const rows = await system.tables.list(tenant, resultsTable, page);
      return pageOf(rows, limit, {
        ...{ id: (row) => row.id, item: ({ value }) => value as ResultRow },
      });
    },
    cancel: async (tenant, id) => (await tell(tenant, id, "cancel")) as EvaluationRow,
    remove: async (tenant, id) => {
      await tell(tenant, id, "delete");
    },
  };
}

async function start(
  parts: Parts,
  caller: Caller,
  input: EvaluationInput,
  key: OnceKey | null,
): Promise<EvaluationRow> {
  const { system, serial, nowMs } = parts;
  const { tables } = system;
  const { tenant, service, keyId } = caller;
  let counted: readonly string[] | null = null;
  const place = { tables, tenant, service };
  const { result: id, isRepeat } = await once<string>(place, key, nowMs(), async (remember) => {
    // What is refused is not remembered.
    await planOf(parts, tenant, input);
    counted = await itemsOf(parts, tenant, input);
    const made = newId("ev", nowMs());
    const writes = remember(made);
    if (writes.length > 0) await tables.write(tenant, writes);
    return made;
  });
  if (isRepeat) {
    // Begun, it is what it is, whatever has become of its data set.
    const begun = await tables.get(tenant, evaluationsTable, id);
    if (begun !== undefined) return begun.value as EvaluationRow;
  }
  const items = counted ?? (await itemsOf(parts, tenant, input));
  // Its runs read the operator's chain where the tenant has it.
  await parts.operatorGuards.of(tenant);
  return await serial.run(lockOf(tenant), async () => {
    // Nothing that it names is removed between this look and its first turn, which says what it names.
    const plan = await planOf(parts, tenant, input);
    // Begun once, however often it is said.
    const message: EvaluationStart = {
      ...{ type: "start", plan, items, service },
      ...(keyId === null ? {} : { keyId }),
      tenantDefaults: parts.tenantLimits,
    };
    return (await system.ask(evaluationAddress(tenant, id), message)) as EvaluationRow;
  });
}

/** Ids of the items that are run. @throws INVALID for none, and for too many. */
async function itemsOf(
  { items }: Pick<Parts, "items">,
  tenant: string,
  { dataset_id, tags = [] }: EvaluationInput,
): Promise<readonly string[]> {
  const ids = await items.ids(tenant, dataset_id, tags);
  refuseCount(ids.length, tags);
  return ids;
}

async function planOf(
  parts: Parts,
  tenant: string,
  input: EvaluationInput,
): Promise<EvaluationPlan> {
  const { dataset_id, targets, budget, tags = [] } = input;
  try {
    await parts.dataset(tenant, dataset_id);
  } catch (error) {
    throw notHere(error, "/dataset_id");
  }
  const { chat, evaluationJudge } = await operationsOf(parts, tenant);
  const scorers = await namedScorers(parts, input.scorers);
  const settled: EvaluationTarget[] = [];
  for (const [at, one] of targets.entries()) {
    settled.push(await targetOf(parts.system, tenant, one, `/targets/${at}`));
  }
  return {
    name: input.name ?? settled.map(({ name, version }) => `${name} v${version}`).join(" vs "),
    ...{ dataset_id, targets: settled, scorers, tags },
    threshold: input.threshold ?? evaluationLimits.threshold,
    concurrency: input.concurrency ?? evaluationLimits.concurrencyDefault,
    budgetMicros: budget === undefined ? null : Math.round(budget * MICROS),
    pricesMicros: { chat, evaluationJudge },
  };
}

function refuseCount(items: number, tags: readonly string[]): void {
  const pointer = "/dataset_id";
  if (items === 0) {
    const which = tags.length === 0 ? "" : " with one of these tags";
    throw new RuntimeError("INVALID", `The data set has no items${which}.`, { pointer });
  }
  const most = evaluationLimits.items;
  if (items <= most) return;
  const message = `An evaluation runs at most ${most} items, these are ${items}: narrow it by tags.`;
  throw new RuntimeError("INVALID", message, { pointer });
}

async function targetOf(
  { tables }: Pick<System, "tables">,
  tenant: string,
  { target, version }: EvaluationInput["targets"][number],
  pointer: string,
): Promise<EvaluationTarget> {
  const { current, versions } = targetPlace(target);
  const row = await tables.get(tenant, current, target);
  if (row === undefined) {
    const message = `${targetNamed(target)} does not exist.`;
    throw new RuntimeError("INVALID", message, { pointer: `${pointer}/target` });
  }
  const { version: newest, ...rest } = row.value as { readonly version: number } & Named;
  const wanted = version ?? newest;
  const found = await tables.get(tenant, versions, versionId(target, wanted));
  if (found === undefined) {
    const message = `${targetNamed(target)} has no version ${wanted}, or it is not kept any more.`;
    throw new RuntimeError("INVALID", message, { pointer: `${pointer}/version` });
  }
  return { target, version: wanted, name: (rest.agent ?? rest.record)?.name ?? target };
}

interface Named {
  readonly agent?: { readonly name: string };
  readonly record?: { readonly name: string };
}

/** Scorers with the names that scores have. @throws INVALID for two of one name. */
async function namedScorers(
  { embedders }: Parts,
  scorers: readonly Scorer[],
): Promise<readonly NamedScorer[]> {
  const names = new Set<string>();
  const named: NamedScorer[] = [];
  for (const [at, one] of scorers.entries()) {
    const name = one.name ?? one.type;
    const pointer = `/scorers/${at}`;
    if (names.has(name)) {
      const message = `Two scorers are named ${name}: give one a name of its own.`;
      throw new RuntimeError("INVALID", message, { pointer: `${pointer}/name` });
    }
    names.add(name);
    if (one.type === "schema" && one.schema !== undefined) {
      await loadSchemas();
      compileSchema(one.schema, `${pointer}/schema`);
    }
    if (one.type === "similarity" && one.embedder !== undefined) {
      if (!embedders.names.includes(one.embedder)) {
        const message = `There is no embedder ${one.embedder}; there are ${embedders.names.join(", ")}.`;
        throw new RuntimeError("INVALID", message, { pointer: `${pointer}/embedder` });
      }
    }
    named.push({ ...one, name, weight: one.weight ?? 1 });
  }
  return named;
}

/** What a body names and does not exist is a wrong body. */
function notHere(error: unknown, pointer: string): unknown {
  if (!(error instanceof RuntimeError) || error.code !== "NOT_FOUND") return error;
  return new RuntimeError("INVALID", error.message, { pointer });
}
