// Agents that work by themselves: what their service is, and what it works with. Types only.

import type { AgentRow, SubAgentRow } from "../../actors/records/agent-version.ts";
import type { AgentOrigin } from "../../actors/records/constraints.ts";
import type {
  OrchestratedInput,
  OrchestratedRow,
  OrchestratedStatus,
} from "../../actors/records/orchestrated.ts";
import type { ResourceRow } from "../../actors/records/resource.ts";
import type { TriggerInput } from "../../actors/records/trigger.ts";
import type { FolderGrant } from "../../actors/tools/folders.ts";
import type { System } from "../../runtime/system.ts";
import type { Resources } from "../http/resources/kinds.ts";
import type { Caller } from "../http/services/agent-store.ts";
import type { AgentService } from "../http/services/agents.ts";
import type { OnceKey } from "../http/services/once.ts";
import type { Page, PageRequest } from "../http/services/paging.ts";
import type { RecordIndex } from "../http/services/record-index.ts";
import type { TriggerService } from "../http/services/triggers.ts";
import type { Launcher } from "../triggers/launches.ts";

/** A run that `start` has begun. */
export interface StartedRun {
  readonly run: string;
  readonly conversation: string;
}

/** What it works with. */
export interface OrchestratorParts {
  readonly system: Pick<System, "tables" | "cancel">;
  readonly agents: AgentService;
  readonly resources: Resources;
  readonly triggers: Pick<TriggerService, "view" | "occurrence">;
  readonly index: Pick<RecordIndex, "ordered">;
  readonly launches: Pick<Launcher, "launch">;
  readonly settings: OrchestratorSettings;
  /** That the operator granted, to whichever tenants. */
  readonly folders: readonly FolderGrant[];
  nowMs(): number;
}

/** What the operator says of them. */
export interface OrchestratorSettings {
  /** A model as providers are asked for it. */
  modelOf(name: string): Promise<string>;
  /** Whether their tools may reach other machines. */
  readonly remoteTools: boolean;
  /** Runs of them that work at once, over all tenants; the others wait in one line. */
  readonly atOnce: number;
  /** Whether there is a script of the operator's of this name for a tenant. */
  hasScript(tenant: string, name: string): Promise<boolean>;
}

/** One of them with what belongs to it. */
export interface Orchestrated {
  readonly row: AgentRow;
  readonly state: OrchestratedRow;
  readonly subAgents: readonly SubAgentRow[];
  readonly triggers: readonly ResourceRow<TriggerInput>[];
}

/** Where a definition comes from. */
export interface Source {
  readonly origin: NonNullable<AgentOrigin>;
  /** Name of the file; null: of none. */
  readonly file: string | null;
}

/** What becomes of one. */
export interface Change {
  readonly said: OrchestratedInput;
  readonly source: Source;
  /** Default: as it is. */
  readonly status?: OrchestratedStatus | undefined;
  readonly ifMatch: number | null;
  /** Whether there is a new version where nothing differs. */
  readonly always: boolean;
}

/** The service. `ifMatch` is the version a change must be made from. */
export interface Orchestrator {
  create(
    caller: Caller,
    of: Pick<Change, "said" | "source" | "status">,
    key: OnceKey | null,
  ): Promise<Orchestrated>;
  /** @throws NOT_FOUND, also for an agent that was made otherwise. */
  get(tenant: string, id: string): Promise<Orchestrated>;
  /** In order of creation. @param only ids, of the only ones that there are for who asks. */
  list(tenant: string, page: PageRequest, only?: readonly string[]): Promise<Page<Orchestrated>>;
  change(caller: Caller, id: string, change: Change): Promise<Orchestrated>;
  remove(caller: Caller, id: string, ifMatch: number | null): Promise<void>;
  /** Has its triggers set it to work; with an input it begins at once. */
  start(
    caller: Caller,
    id: string,
    input: string | null,
    key: OnceKey | null,
  ): Promise<{ readonly agent: Orchestrated; readonly run: StartedRun | null }>;
  /** Nothing sets it to work any more, and what it was set to work on is cancelled. */
  stop(
    caller: Caller,
    id: string,
  ): Promise<{ readonly agent: Orchestrated; readonly cancelled: readonly string[] }>;
  /** Its file is gone: it is stopped, its triggers are removed, and it is the tenant's. */
  release(caller: Caller, id: string): Promise<void>;
  /** A model as they name it, as providers are asked for it. */
  modelOf(name: string): Promise<string>;
  /** What is wrong with files, as who reads them has told it last. */
  readonly problems: FileProblems;
}

/** What is wrong with files, by their names. */
export interface FileProblems {
  /** Whose agents they are. */
  tenant: string;
  byFile: ReadonlyMap<string, readonly string[]>;
}
