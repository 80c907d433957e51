// Engines and targets by their ids, for the tenant that asks: its own, and those of the first tenant that it is
// granted. One that is not granted looks like one that is not there.

import type { EngineInput } from "../../actors/records/engine.ts";
import { type Granted, isGranted } from "../../actors/records/operator-record.ts";
import type { ResourceRecord, ResourceRow } from "../../actors/records/resource.ts";
import type { TargetInput } from "../../actors/records/target.ts";
import { firstTenant } from "../../actors/records/tenant.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Tables } from "../../runtime/system.ts";

/** A record, and whose it is. */
export interface Found<Input> {
  readonly record: ResourceRecord<Input>;
  readonly owner: string;
}

type Of = { readonly tenant: string; readonly id: string };

/** @throws NOT_FOUND, FORBIDDEN for one that is switched off. */
export async function findEngine(tables: Pick<Tables, "get">, of: Of): Promise<Found<EngineInput>> {
  return await found<EngineInput>(tables, of, { table: "engines", name: "Engine", prefix: "en_" });
}

/** @throws NOT_FOUND, FORBIDDEN for one that is switched off. */
export async function findTarget(tables: Pick<Tables, "get">, of: Of): Promise<Found<TargetInput>> {
  return await found<TargetInput>(tables, of, { table: "targets", name: "Target", prefix: "tg_" });
}

/** What work is done by. */
export interface FoundEngine {
  readonly engine: Found<EngineInput>;
  readonly target: Found<TargetInput>;
  /** Whether the engine's own record names the target: what is secret of the engine may go there. */
  readonly isOwnTarget: boolean;
}

/**
 * An engine, and where it works: whoever is granted one works where its owner says; elsewhere where the tenant itself may.
 * @throws as the others; INVALID where nobody says where; FORBIDDEN where secrets of the engine would go elsewhere.
 */
export async function findPlace(
  tables: Pick<Tables, "get">,
  { tenant, engine: id, target: asked }: Asked,
): Promise<FoundEngine> {
  const engine = await findEngine(tables, { tenant, id });
  const { name, type, target: own, secrets = {} } = engine.record;
  const place = asked ?? own;
  if (place === undefined) {
    throw new RuntimeError("INVALID", `Neither the tool or agent nor engine ${name} has a target.`);
  }
  const isOwnTarget = place === own;
  // Whoever has a shell on a machine reads the variables of what runs there. Keys of agents elsewhere stay away by themselves.
  const isExposed = type !== "managed_agent" && Object.keys(secrets).length > 0;
  if (!isOwnTarget && isExposed && tenant !== engine.owner) {
    const message = `Engine ${name} has secrets: it works for others on its own target alone.`;
    throw new RuntimeError("FORBIDDEN", message);
  }
  const by = isOwnTarget ? engine.owner : tenant;
  return { engine, isOwnTarget, target: await findTarget(tables, { tenant: by, id: place }) };
}

interface Asked {
  readonly tenant: string;
  readonly engine: string;
  /** Default: that of the engine. */
  readonly target?: string | undefined;
}

async function found<Input extends Granted & { readonly is_active?: boolean | undefined }>(
  tables: Pick<Tables, "get">,
  { tenant, id }: Of,
  { table, name, prefix }: Readonly<Record<"table" | "name" | "prefix", string>>,
): Promise<Found<Input>> {
  for (const owner of new Set([tenant, firstTenant])) {
    const row = id.startsWith(prefix) ? await tables.get(owner, table, id) : undefined;
    if (row === undefined) continue;
    const { record } = row.value as ResourceRow<Input>;
    if (owner !== tenant && !isGranted(record, tenant)) continue;
    if (record.is_active !== false) return { record, owner };
    throw new RuntimeError("FORBIDDEN", `${name} ${id} is switched off.`);
  }
  throw new RuntimeError("NOT_FOUND", `${name} ${id.slice(0, 64)} does not exist.`);
}
