// Which triggers are told of a start: rows of the system, so that a start looks at no others.

import { systemTenant } from "../../actors/records/api-key.ts";
import type { TriggerInput } from "../../actors/records/trigger.ts";
import type { Tables } from "../../runtime/system.ts";

/** Table of the system tenant; rows `tn_x.tr_x`. */
export const startupsTable = "trigger-startups";

/** A trigger that may be of type `startup`. */
export interface StartupRow {
  readonly tenant: string;
  readonly trigger: string;
}

/** Notes one that is about to become of that type; one too many says nothing to anybody. */
export async function noteStartup(tables: Tables, of: StartupRow): Promise<void> {
  await tables.write(systemTenant, [
    { type: "put", table: startupsTable, id: idOf(of), value: of },
  ]);
}

/** Forgets one that is of another type now, or gone. */
export async function forgetStartup(
  tables: Tables,
  of: StartupRow,
  record: Pick<TriggerInput, "type"> | undefined,
): Promise<void> {
  if (record?.type === "startup") return;
  const id = idOf(of);
  if ((await tables.get(systemTenant, startupsTable, id)) === undefined) return;
  await tables.write(systemTenant, [{ type: "remove", table: startupsTable, id }]);
}

const idOf = ({ tenant, trigger }: StartupRow): string => `${tenant}.${trigger}`;
