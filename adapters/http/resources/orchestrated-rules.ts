// Triggers that belong to an agent of /agents/v1 or of a file: who else changes them is told where they are changed.

import { orchestratedTables, type TriggerMark } from "../../../actors/records/orchestrated.ts";
import type { TriggerInput } from "../../../actors/records/trigger.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Tables } from "../../../runtime/system.ts";
import type { Caller } from "../services/agent-store.ts";
import { FILES_BY, ORCHESTRATED_BY } from "../services/orchestrated-by.ts";
import type { ResourceService } from "./resource-service.ts";

/** Triggers that others' agents have are theirs alone to change. */
export function withOwners(
  service: ResourceService<TriggerInput>,
  tables: Pick<Tables, "get">,
): ResourceService<TriggerInput> {
  const checked = async (caller: Caller, id: string): Promise<void> => {
    if ([ORCHESTRATED_BY, FILES_BY].includes(caller.service)) return;
    const row = await tables.get(caller.tenant, orchestratedTables.triggers, id);
    const mark = row?.value as TriggerMark | undefined;
    if (mark === undefined) return;
    const where =
      mark.file === null ? `with PUT /agents/v1/agents/${mark.agent}` : `in the file ${mark.file}`;
    const text = `Trigger ${id} belongs to agent ${mark.agent}: it is changed ${where}.`;
    throw new RuntimeError("CONFLICT", text);
  };
  return {
    ...service,
    replace: async (caller, id, ...more) => {
      await checked(caller, id);
      return await service.replace(caller, id, ...more);
    },
    patch: async (caller, id, ...more) => {
      await checked(caller, id);
      return await service.patch(caller, id, ...more);
    },
    rollback: async (caller, id, ...more) => {
      await checked(caller, id);
      return await service.rollback(caller, id, ...more);
    },
    remove: async (caller, id, ifMatch) => {
      await checked(caller, id);
      await service.remove(caller, id, ifMatch);
    },
  };
}
