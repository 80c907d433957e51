// Triggers hear of every change of their record, also where the server dies between the change and the word of it:
// the actor is told before, which has it look by itself a little later, and again after.

import type { ResourceRow } from "../../actors/records/resource.ts";
import type { TriggerInput } from "../../actors/records/trigger.ts";
import { triggerAddress } from "../../actors/triggers/state.ts";
import type { System } from "../../runtime/system.ts";
import type { ResourceService } from "../http/resources/resource-service.ts";
import { forgetPlace, notePlace, type TriggerPlace } from "./places.ts";
import type { Watching } from "./watching.ts";

/** What it works with. */
export interface ToldParts {
  readonly system: Pick<System, "ask" | "tables">;
  /** Files that triggers watch. Default: none. */
  readonly watching?: Pick<Watching, "changed">;
}

/** The service, with the actors of its records told. */
export function toldTriggers(
  service: ResourceService<TriggerInput>,
  { system, watching }: ToldParts,
): ResourceService<TriggerInput> {
  const { tables } = system;
  const before = async (tenant: string, trigger: string): Promise<void> => {
    await notePlace(tables, { tenant, trigger });
    await system.ask(triggerAddress(tenant, trigger), { type: "changing" });
  };
  const after = async (
    tenant: string,
    trigger: string,
    row: ResourceRow<TriggerInput> | undefined,
  ): Promise<void> => {
    await system.ask(triggerAddress(tenant, trigger), { type: "set" });
    // It tells who it listens to by itself; here so that it is known when this is answered.
    if (row?.record.type === "event") await listens(system, { tenant, trigger }, row.record);
    // What is in its folder now is known when this is answered: what comes then is a change.
    await watching?.changed({ tenant, trigger }, row?.record);
    await forgetPlace(tables, { tenant, trigger }, row?.record);
  };
  const changed = async (
    tenant: string,
    id: string,
    change: () => Promise<ResourceRow<TriggerInput>>,
  ): Promise<ResourceRow<TriggerInput>> => {
    await service.get(tenant, id);
    await before(tenant, id);
    const row = await change();
    await after(tenant, id, row);
    return row;
  };
  return {
    ...service,
    create: async (caller, input, key, beside) => {
      const { tenant } = caller;
      const row = await service.create(caller, input, key, async (id) => {
        await before(tenant, id);
        return (await beside?.(id)) ?? [];
      });
      await after(tenant, row.record.id, row);
      return row;
    },
    replace: (caller, id, ...more) =>
      changed(caller.tenant, id, () => service.replace(caller, id, ...more)),
    patch: (caller, id, ...more) =>
      changed(caller.tenant, id, () => service.patch(caller, id, ...more)),
    rollback: (caller, id, ...more) =>
      changed(caller.tenant, id, () => service.rollback(caller, id, ...more)),
    remove: async (caller, id, ifMatch) => {
      const { tenant } = caller;
      await service.get(tenant, id);
      await system.ask(triggerAddress(tenant, id), { type: "changing" });
      await service.remove(caller, id, ifMatch);
      await after(tenant, id, undefined);
    },
  };
}

async function listens(
  system: Pick<System, "ask">,
  { tenant, trigger }: TriggerPlace,
  record: TriggerInput,
): Promise<void> {
  // Loaded with the first one that listens.
  const { listenerOf } = await import("../../actors/triggers/heed.ts");
  const { sourceAddress } = await import("../../actors/triggers/source.ts");
  const heeded = listenerOf(trigger, record);
  if (heeded === null) return;
  const { of, listener } = heeded;
  await system.ask(sourceAddress(tenant, of), { type: "listen", listener });
}
