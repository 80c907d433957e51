// What can be wrong with the sub-agents and triggers of an agent that is there, found before anything of it changes.

import { newSubAgent } from "../../actors/agent-change.ts";
import type { OrchestratedInput } from "../../actors/records/orchestrated.ts";
import { triggerKind } from "../../actors/records/trigger.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Tables } from "../../runtime/system.ts";
import { triggerRules } from "../http/resources/trigger-rules.ts";
import { checkSubAgent } from "../http/services/agent-checks.ts";
import { withSubSkillIds } from "../http/services/skill-names.ts";
import { loadValidator, validate } from "../http/validate.ts";
import { placedUnder, triggerNames, triggerOf } from "./mapping.ts";
import type { OrchestratorParts } from "./port.ts";

/** Any ids of an agent and a sub-agent that are not there yet. */
const someSubAgent = "sa_0";
const someAgent = "ag_0";
const HIDDEN = "***";

/** Tables in which that one is there. */
const withSomeAgent = (tables: Tables): Tables => ({
  get: async (tenant, table, id) =>
    id === someAgent ? { id, value: {}, revision: "" } : await tables.get(tenant, table, id),
  list: (...args) => tables.list(...args),
  counter: (...args) => tables.counter(...args),
  write: (...args) => tables.write(...args),
});

/** @param agent null: one that is about to be made. @throws with the pointer in what was said. */
export async function checkParts(
  { system, folders }: Pick<OrchestratorParts, "system" | "folders">,
  { tenant, agent: made }: { readonly tenant: string; readonly agent: string | null },
  said: OrchestratedInput,
): Promise<void> {
  const agent = made ?? someAgent;
  const tables = made === null ? withSomeAgent(system.tables) : system.tables;
  await loadValidator();
  const place = { tables, tenant, folders };
  const hasMemory = said.memory?.type === "vector_db";
  const names = (said.sub_agents ?? []).map(({ name }) => name);
  for (const [at, input] of (said.sub_agents ?? []).entries()) {
    await within(`/sub_agents/${at}`, async () => {
      if (names.indexOf(input.name) < at) {
        const text = `Two sub-agents are named "${input.name}".`;
        throw new RuntimeError("INVALID", text, { pointer: "/name" });
      }
      const keys = { agent, subAgent: someSubAgent };
      const row = await withSubSkillIds(place, newSubAgent(input, keys, ""));
      await checkSubAgent({ ...place, subAgents: [], hasMemory }, row.subAgent, input);
    });
  }
  const triggers = said.triggers ?? [];
  const known = triggerNames(triggers);
  for (const [at, one] of triggers.entries()) {
    await within(`/triggers/${at}`, async () => {
      const input = triggerOf(one, agent, known[at] ?? "");
      validate(triggerKind.input, input);
      // What is kept of a secret is known to who keeps it alone.
      const isKept = Object.values(one.secrets ?? {}).includes(HIDDEN);
      const named = async (): Promise<readonly string[]> => [];
      if (!isKept) await triggerRules.check?.(input, { ...place, id: one.id ?? null, named });
    });
  }
}

async function within(base: string, check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    throw placedUnder(error, base);
  }
}
