// Which records a piece of work is done by: the engine and the target that a task names, as far as its tenant may use
// them. One that does not exist and one that is not granted look alike.

import type { WorkTask } from "../../actors/engines/works.ts";
import { type EngineInput, engineKind } from "../../actors/records/engine.ts";
import { type Granted, isGranted } from "../../actors/records/operator-record.ts";
import {
  type ResourceRecord,
  type ResourceRow,
  resourceTables,
} from "../../actors/records/resource.ts";
import { type TargetInput, targetKind } from "../../actors/records/target.ts";
import { firstTenant } from "../../actors/records/tenant.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Tables } from "../../runtime/system.ts";

/** A record, and whose it is. */
export interface Found<Input> {
  readonly record: ResourceRecord<Input>;
  readonly owner: string;
}

/** What work is done by. */
export interface FoundEngine {
  readonly engine: Found<EngineInput>;
  readonly target: Found<TargetInput>;
  /** Whether the engine's own record names the target: what is secret of the engine may go there. */
  readonly isOwnTarget: boolean;
}

const engines = resourceTables(engineKind).current;
const targets = resourceTables(targetKind).current;

/** @throws NOT_FOUND; FORBIDDEN for what its operator has switched off; INVALID for an engine without a target. */
export async function findEngine(
  tables: Pick<Tables, "get">,
  { tenant, engine: id, target: asked }: Pick<WorkTask, "tenant" | "engine" | "target">,
): Promise<FoundEngine> {
  const engine = await found<EngineInput>(tables, engines, { tenant, id, what: "engine" });
  const own = engine.record.target;
  const place = asked ?? own;
  if (place === undefined) {
    throw new RuntimeError("INVALID", `The engine ${engine.record.name} has no target.`);
  }
  // Where its operator lets it work it works for all to whom it is granted.
  const by = place === own ? engine.owner : tenant;
  const target = await found<TargetInput>(tables, targets, {
    ...{ tenant: by, id: place, what: "target" },
  });
  return { engine, target, isOwnTarget: place === own };
}

interface Wanted {
  readonly tenant: string;
  readonly id: string;
  readonly what: "engine" | "target";
}

async function found<Input extends Granted & { readonly is_active?: boolean }>(
  tables: Pick<Tables, "get">,
  table: string,
  { tenant, id, what }: Wanted,
): Promise<Found<Input>> {
  const own = await recordOf<Input>(tables, tenant, table, id);
  const granted = own ?? (await recordOf<Input>(tables, firstTenant, table, id));
  if (granted === undefined || (own === undefined && !isGranted(granted, tenant))) {
    throw new RuntimeError("NOT_FOUND", `There is no ${what} ${id.slice(0, 64)} for this tenant.`);
  }
  if (granted.is_active === false) {
    throw new RuntimeError("FORBIDDEN", `The ${what} ${id} is switched off.`);
  }
  return { record: granted, owner: own === undefined ? firstTenant : tenant };
}

async function recordOf<Input>(
  tables: Pick<Tables, "get">,
  tenant: string,
  table: string,
  id: string,
): Promise<ResourceRecord<Input> | undefined> {
  const row = await tables.get(tenant, table, id);
  return (row?.value as ResourceRow<Input> | undefined)?.record;
}
