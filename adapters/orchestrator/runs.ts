// Runs that nobody waits for: begun by `start`, or by triggers, and cancelled with a stop.

import { setTimeout } from "node:timers/promises";
import type { AgentRow } from "../../actors/records/agent-version.ts";
import type { OrchestratedRow } from "../../actors/records/orchestrated.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { newId } from "../../runtime/id.ts";
import { type OnceKey, once } from "../http/services/once.ts";
import type { OrchestratorParts, StartedRun } from "./port.ts";

/** Until it is on disk. */
const LAUNCH_MS = 60_000;
/** How often, and each how many ms, a run that is about to begin is looked for. */
const BEGINNING_LOOKS = 50;
const BEGINNING_LOOK_MS = 100;
const STOPPED = "its agent was stopped";

/** Begins one; under a key once. */
export async function launchRun(
  { system: { tables }, launches, nowMs }: Pick<OrchestratorParts, "system" | "launches" | "nowMs">,
  of: {
    readonly tenant: string;
    readonly row: AgentRow;
    readonly input: string;
    readonly key: OnceKey | null;
  },
): Promise<StartedRun> {
  const { tenant, row, input, key } = of;
  const { agent_key: target } = row.agent;
  const place = { tables, tenant, service: `orchestrator/start/${target}` };
  const { result: conversation } = await once<string>(place, key, nowMs(), async (remember) => {
    const opened = newId("cv", nowMs());
    const kept = remember(opened);
    if (kept.length > 0) await tables.write(tenant, kept);
    return opened;
  });
  const work = { tenant, target, text: input, conversation, depth: 0 };
  const launch = { ...work, key: `start:${conversation}` };
  const { run } = await launches.launch(launch, AbortSignal.timeout(LAUNCH_MS));
  return { run, conversation };
}

/** Cancels what its triggers and `start` have begun. @returns the runs that were under way. */
export async function cancelRuns(
  { system, triggers }: Pick<OrchestratorParts, "system" | "triggers">,
  tenant: string,
  state: OrchestratedRow,
): Promise<readonly string[]> {
  const working = await Promise.all(
    state.triggers.map(({ id }) => workOf(triggers, { tenant, trigger: id })),
  );
  const cancelled: string[] = [];
  for (const run of [...working, ...state.runs]) {
    if (run === null) continue;
    try {
      await system.cancel(tenant, run, STOPPED);
      cancelled.push(run);
    } catch (error) {
      gone(error);
    }
  }
  return cancelled;
}

/** The run that a trigger has at work; one that is about to begin is waited for, as its name is not known yet. */
async function workOf(
  triggers: OrchestratorParts["triggers"],
  { tenant, trigger }: { readonly tenant: string; readonly trigger: string },
): Promise<string | null> {
  for (let look = 0; look < BEGINNING_LOOKS; look += 1) {
    if (look > 0) await setTimeout(BEGINNING_LOOK_MS);
    const { working } = await triggers.view(tenant, trigger);
    if (working === null) return null;
    const row = await triggers.occurrence(tenant, trigger, working).catch(gone);
    if (row?.run != null) return row.run;
  }
  return null;
}

/** It has ended by itself. */
function gone(error: unknown): null {
  if (error instanceof RuntimeError && ["NOT_FOUND", "CONFLICT"].includes(error.code)) return null;
  throw error;
}
