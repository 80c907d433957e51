// Agents of the operator's folder at the front door: what they may, and who follows their files.

import { systemTenant } from "../actors/records/api-key.ts";
import { orchestratedTables } from "../actors/records/orchestrated.ts";
import type { Scripts } from "../actors/tools/script-run.ts";
import type { Log } from "../runtime/log.ts";
import type { RunningSystem } from "../runtime/pool.ts";
import { settleable } from "../runtime/shared/settleable.ts";
import { type Config, childEnvironment } from "./config.ts";
import type { EngineLines } from "./engine-lines.ts";
import type { Preparation } from "./front-channels.ts";
import type { Services } from "./http/services/services.ts";
import type { OrchestratorSettings } from "./orchestrator/port.ts";
import type { Variables } from "./orchestrator/variables.ts";

/** What they are made of. */
export interface FrontAgentParts {
  readonly config: Config;
  readonly system: Pick<RunningSystem, "tables" | "compute">;
  readonly diary: Log;
  readonly lines: Pick<EngineLines, "findScriptsBy">;
  readonly preparation?: Preparation;
}

/** Agents and tools of the operator's folders. */
export interface FrontAgents {
  readonly settings: OrchestratorSettings;
  /** Follows the folder of tools. @returns what stops it. */
  keepScripts(): Promise<() => void>;
  /** Follows the folder of agents, once the first tenant is there. @returns what stops it. */
  keep(services: Pick<Services, "orchestrator">): Promise<() => void>;
}

/** Makes them. */
export function frontAgents(parts: FrontAgentParts): FrontAgents {
  const { config, system, diary: log, lines } = parts;
  const { scripts: folder, scriptTenants: tenants } = config.tools;
  const scripts = settleable<Scripts>();
  return {
    settings: {
      modelOf: async (name) => {
        const { modelOfFile } = await import("./llm/models.ts");
        const { llmConfigOf } = await import("./llm-config.ts");
        return modelOfFile(llmConfigOf(config), name);
      },
      remoteTools: config.agents.remoteTools,
      atOnce: config.agents.maxRunning,
      hasScript: async (tenant, name) =>
        folder !== null && (await (await scripts.promise).find({ tenant, name })) !== null,
    },
    keepScripts: async () => {
      if (folder === null) return () => undefined;
      const { keepScripts } = await import("./sandbox/folder.ts");
      const { compute, tables } = system;
      const kept = keepScripts({ folder, tenants, compute, log, tables });
      lines.findScriptsBy(kept);
      scripts.resolve(kept);
      return kept.end;
    },
    keep: async (services) => keepAgents(parts, services),
  };
}

function keepAgents(
  { config, system: { tables }, diary: log, preparation }: FrontAgentParts,
  services: Pick<Services, "orchestrator">,
): () => void {
  const { folder, clientId } = config.agents;
  let stop: (() => void) | null = null;
  let isStopped = false;
  const begin = async (): Promise<void> => {
    await preparation?.over;
    // Without a folder, those of the one that there was are stopped.
    const { files } = orchestratedTables;
    const isLeft = (await tables.list(systemTenant, files, { limit: 1 })).length > 0;
    if (folder === null && !isLeft) return;
    const { keepAgentFolder } = await import("./orchestrator/folder.ts");
    const orchestrator = await services.orchestrator();
    if (isStopped) return;
    const variables = variablesOf(config);
    const kept = { tables, orchestrator, variables, folder, clientId, log };
    stop = await keepAgentFolder({ ...kept, firstTenant: FIRST_TENANT });
    if (isStopped) stop();
  };
  begin().catch((err: unknown) => {
    if (!isStopped) log.write("error", "The folder of agents cannot be followed.", { err });
  });
  return () => {
    isStopped = true;
    stop?.();
  };
}

/** Whose agents they are where no CLIENT_ID says it. */
const FIRST_TENANT = "tn_default";

/** What their files may name. */
export function variablesOf({ agents, yamlVariables: names }: Config): Variables {
  const set = childEnvironment(names);
  const named = names.map((name) => [name, set[name] ?? null] as const);
  return { ...Object.fromEntries(named), CLIENT_ID: agents.clientId };
}
