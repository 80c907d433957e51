// Where triggers of some types are found by who does not know their tenant: rows of the system, so that a start looks
// at those of type `startup` alone, and a delivery finds the tenant of the one it names.

import { systemTenant } from "../../actors/records/api-key.ts";
import type { TriggerInput } from "../../actors/records/trigger.ts";
import type { Tables } from "../../runtime/system.ts";

/** Tables of the system tenant: rows `tn_x.tr_x`, told of each start, or of files; rows `tr_x`, where deliveries are sent. */
export const placeTables = {
  startup: "trigger-startups",
  webhook: "trigger-hooks",
  file_change: "trigger-files",
} as const;

/** Whose a trigger is. */
export interface TriggerPlace {
  readonly tenant: string;
  readonly trigger: string;
}

const types = ["startup", "webhook", "file_change"] as const;

/** Notes one that is about to become of such a type, as any of them: one row too many says nothing to anybody. */
export async function notePlace(tables: Tables, of: TriggerPlace): Promise<void> {
  await tables.write(
    systemTenant,
    types.map((type) => ({ type: "put", table: placeTables[type], id: idIn(type, of), value: of })),
  );
}

/** Forgets where it is not found any more: it is of another type now, or gone. */
export async function forgetPlace(
  tables: Tables,
  of: TriggerPlace,
  record: Pick<TriggerInput, "type"> | undefined,
): Promise<void> {
  const others = types.filter((type) => type !== record?.type);
  await tables.write(
    systemTenant,
    others.map((type) => ({ type: "remove", table: placeTables[type], id: idIn(type, of) })),
  );
}

/** Whose the webhook of an id is. */
export async function hookPlace(
  tables: Pick<Tables, "get">,
  trigger: string,
): Promise<TriggerPlace | null> {
  const row = await tables.get(systemTenant, placeTables.webhook, trigger);
  return (row?.value as TriggerPlace | undefined) ?? null;
}

const idIn = (type: keyof typeof placeTables, { tenant, trigger }: TriggerPlace): string =>
  type === "webhook" ? trigger : `${tenant}.${trigger}`;
