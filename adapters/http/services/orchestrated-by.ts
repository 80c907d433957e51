// Who changes agents that work by themselves: /agents/v1, and the server where it keeps files. What a file says is
// changed there alone.

import type { AgentRow } from "../../../actors/records/agent-version.ts";
import { type OrchestratedRow, orchestratedTables } from "../../../actors/records/orchestrated.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Tables } from "../../../runtime/system.ts";

/** Service of the routes of /agents/v1, and of the server where it keeps files: no key has that one. */
export const ORCHESTRATED_BY = "orchestrator";
export const FILES_BY = "agents-folder";

/** @throws CONFLICT for an agent that a file says, unless it is that which changes it. */
export async function refuseFileAgent(
  tables: Pick<Tables, "get">,
  { tenant, service }: { readonly tenant: string; readonly service: string },
  { agent }: AgentRow,
): Promise<void> {
  if (agent.origin !== "file" || service === FILES_BY) return;
  const row = await tables.get(tenant, orchestratedTables.agents, agent.agent_key);
  const file = (row?.value as OrchestratedRow | undefined)?.file ?? null;
  // Its file is gone: it is the tenant's.
  if (row !== undefined && file === null) return;
  const where = file === null ? "" : `: it is changed in ${file}`;
  const text = `Agent ${agent.agent_key} is kept by a file of the server${where}.`;
  throw new RuntimeError("CONFLICT", text);
}
