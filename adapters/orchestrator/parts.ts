// What belongs to an agent that works by itself: its sub-agents, known again by their names, and its triggers,
// known again by their ids or names. Made, changed and removed until they are as they were said.

import { replaceSubAgent } from "../../actors/agent-change.ts";
import type { SubAgentRow } from "../../actors/records/agent-version.ts";
import {
  type OrchestratedInput,
  type OrchestratedRow,
  type OwnTrigger,
  orchestratedTables,
  type TriggerMark,
} from "../../actors/records/orchestrated.ts";
import type { ResourceRow } from "../../actors/records/resource.ts";
import { type TriggerInput, triggerKind } from "../../actors/records/trigger.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { TableWrite } from "../../runtime/system.ts";
import { inputOf } from "../http/resources/resource-service.ts";
import type { Caller } from "../http/services/agent-store.ts";
import { isSame } from "../http/services/same.ts";
import { loadValidator, validate } from "../http/validate.ts";
import { placedUnder, triggerNames, triggerOf } from "./mapping.ts";
import type { OrchestratorParts } from "./port.ts";

type Parts = Pick<OrchestratorParts, "system" | "agents" | "resources">;

/** Its triggers, the oldest first. */
export async function ownTriggers(
  { system: { tables }, resources }: Pick<Parts, "system" | "resources">,
  tenant: string,
  id: string,
): Promise<readonly ResourceRow<TriggerInput>[]> {
  const users = await resources.usersOf(tenant, id);
  const ids = users.flatMap((user) => (user.id.startsWith("tr_") ? [user.id] : []));
  const found = await Promise.all(
    ids.map(async (one) => {
      const mark = await tables.get(tenant, orchestratedTables.triggers, one);
      if ((mark?.value as TriggerMark | undefined)?.agent !== id) return [];
      const row = await tables.get(tenant, triggerKind.path, one);
      return row === undefined ? [] : [row.value as ResourceRow<TriggerInput>];
    }),
  );
  return found.flat();
}

/** Makes its triggers what was said. @throws with the pointer in what was said. */
export async function settleTriggers(
  parts: Parts,
  caller: Caller,
  {
    id,
    said,
    next,
  }: {
    readonly id: string;
    readonly said: OrchestratedInput;
    readonly next: OrchestratedRow;
  },
): Promise<readonly OwnTrigger[]> {
  const triggers = said.triggers ?? [];
  const names = triggerNames(triggers);
  const left = new Map(
    (await ownTriggers(parts, caller.tenant, id)).map((row) => [row.record.id, row]),
  );
  const known = triggers.map((one, at) => {
    const found = [...left.values()].find(({ record }) =>
      one.id === undefined ? record.name === names[at] : record.id === one.id,
    );
    if (found !== undefined) left.delete(found.record.id);
    if (found !== undefined || one.id === undefined) return found;
    const text = `This agent has no trigger ${one.id}.`;
    throw new RuntimeError("INVALID", text, { pointer: `/triggers/${at}/id` });
  });
  const own: OwnTrigger[] = [];
  for (const [at, one] of triggers.entries()) {
    const isActive = one.is_active ?? true;
    const input: TriggerInput = {
      ...triggerOf(one, id, names[at] ?? ""),
      is_active: isActive && next.status === "running",
    };
    try {
      const made = await put(parts, caller, {
        input,
        before: known[at],
        file: next.file,
        agent: id,
      });
      own.push({ id: made, isActive });
    } catch (error) {
      throw placedUnder(error, `/triggers/${at}`);
    }
  }
  for (const trigger of left.keys()) await removeTrigger(parts, caller, trigger);
  return own;
}

interface Put {
  readonly agent: string;
  readonly file: string | null;
  readonly input: TriggerInput;
  readonly before: ResourceRow<TriggerInput> | undefined;
}

async function put(
  parts: Parts,
  caller: Caller,
  { agent, file, input, before }: Put,
): Promise<string> {
  const { triggers } = parts.resources.kinds;
  await loadValidator();
  validate(triggerKind.input, input);
  const value: TriggerMark = { agent, file };
  const marked = async (id: string): Promise<readonly TableWrite[]> => [
    { type: "put", table: orchestratedTables.triggers, id, value },
  ];
  if (before === undefined) {
    return (await triggers.create(caller, input, null, marked)).record.id;
  }
  const { id } = before.record;
  if (!isSame(inputOf(triggerKind, before), input)) {
    await triggers.replace(caller, id, input, null, marked);
  }
  // It may be another file's now.
  await parts.system.tables.write(caller.tenant, await marked(id));
  return id;
}

async function removeTrigger(
  { system, resources }: Parts,
  caller: Caller,
  id: string,
): Promise<void> {
  await resources.kinds.triggers.remove(caller, id, null).catch((error: unknown) => {
    if (!(error instanceof RuntimeError) || error.code !== "NOT_FOUND") throw error;
  });
  const mark: TableWrite = { type: "remove", table: orchestratedTables.triggers, id };
  await system.tables.write(caller.tenant, [mark]);
}

/** Has its triggers set it to work, or none of them. */
export async function setActive(
  { resources: { kinds } }: Pick<Parts, "resources">,
  caller: Caller,
  { status, triggers }: OrchestratedRow,
): Promise<void> {
  for (const { id, isActive } of triggers) {
    const patch = { is_active: isActive && status === "running" };
    await kinds.triggers.patch(caller, id, patch, null);
  }
}

/** Makes its sub-agents what was said. @throws with the pointer in what was said. */
export async function settleSubAgents(
  { agents }: Pick<Parts, "agents">,
  caller: Caller,
  { id: agent, said }: { readonly id: string; readonly said: OrchestratedInput },
): Promise<void> {
  const left = new Map(
    (await agents.subAgents(caller.tenant, agent)).map((row) => [row.subAgent.name, row]),
  );
  for (const [at, input] of (said.sub_agents ?? []).entries()) {
    const before = left.get(input.name);
    left.delete(input.name);
    try {
      if (before === undefined) await agents.createSubAgent(caller, agent, input, null);
      else if (isChanged(before, replaceSubAgent(before, input, before.subAgent.updated_at))) {
        const ids = { agent, subAgent: before.subAgent.sub_agent_key };
        const next = (row: SubAgentRow, when: string) => replaceSubAgent(row, input, when);
        await agents.updateSubAgent(caller, ids, { set: input, next }, null);
      }
    } catch (error) {
      throw placedUnder(error, `/sub_agents/${at}`);
    }
  }
  for (const { subAgent } of left.values()) {
    await agents.removeSubAgent(caller, { agent, subAgent: subAgent.sub_agent_key }, null);
  }
}

const isChanged = (before: SubAgentRow, after: SubAgentRow): boolean =>
  !isSame(before.subAgent, after.subAgent);
