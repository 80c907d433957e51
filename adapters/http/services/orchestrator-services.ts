// The services of work that nobody waits for: triggers, what they begin, and agents that work by themselves.

import type { FolderGrant } from "../../../actors/tools/folders.ts";
import type { System } from "../../../runtime/system.ts";
import type {
  Orchestrator,
  OrchestratorParts,
  OrchestratorSettings,
} from "../../orchestrator/port.ts";
import { createLaunches, type Launcher } from "../../triggers/launches.ts";
import type { ChatService } from "./chat.ts";
import { createTriggerService, type TriggerParts, type TriggerService } from "./triggers.ts";

/** Those services. */
export interface OrchestratorServices {
  readonly triggers: TriggerService;
  /** What triggers and `start` begin. */
  readonly launches: Launcher;
  /** Agents that work by themselves: loaded when one is first asked for. */
  orchestrator(): Promise<Orchestrator>;
}

const noSettings: OrchestratorSettings = {
  ...{ modelOf: async (name) => name, remoteTools: false, atOnce: 10 },
  hasScript: async () => false,
};

type OwnParts = Omit<
  OrchestratorParts,
  "settings" | "triggers" | "launches" | "system" | "folders"
> &
  Pick<TriggerParts, "watching"> & { readonly system: System };

/** Makes them. */
export function orchestratorServices(
  parts: OwnParts,
  chat: ChatService,
  {
    orchestrator: settings = noSettings,
    folders = [],
  }: {
    readonly orchestrator?: OrchestratorSettings | undefined;
    readonly folders?: readonly FolderGrant[];
  },
): OrchestratorServices {
  const { system, watching, nowMs } = parts;
  const triggers = createTriggerService({ system, watching, nowMs });
  const launches = createLaunches({ chat, system, atOnce: settings.atOnce });
  let made: Promise<Orchestrator> | undefined;
  return {
    triggers,
    launches,
    orchestrator: () => {
      made ??= import("../../orchestrator/orchestrator.ts").then((one) =>
        one.createOrchestrator({ ...parts, folders, triggers, launches, settings }),
      );
      return made;
    },
  };
}
