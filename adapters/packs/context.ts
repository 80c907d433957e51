// What packs work with: the services of the front door, over the real tables or over a draft of them.

import type { Prices } from "../../actors/money/catalogue.ts";
import type { Compute, Embedders, Rerankers, Retriever } from "../../actors/ports.ts";
import type { FolderGrant } from "../../actors/tools/folders.ts";
import { newId } from "../../runtime/id.ts";
import type { System } from "../../runtime/system.ts";
import { createResources } from "../http/resources/kinds.ts";
import { type Caller, createAgentStore } from "../http/services/agent-store.ts";
import { createAgentService } from "../http/services/agents.ts";
import type { IngestionService } from "../http/services/ingestion.ts";
import {
  createKnowledgeService,
  type Documents,
  type KnowledgeService,
} from "../http/services/knowledge.ts";
import type { MemoryService } from "../http/services/memories.ts";
import { RecordIndex } from "../http/services/record-index.ts";
import { createSkillService } from "../http/services/skills.ts";
import { createSerial, type Serial } from "../serial.ts";
import { DraftTables } from "./draft-tables.ts";
import type { Draft } from "./kinds/kind.ts";

/** What the front door gives. */
export interface PackContext {
  readonly system: System;
  /** Told of every write of a record. */
  readonly index: Pick<RecordIndex, "changed">;
  /** Changes of records that name others. */
  readonly serial: Serial;
  readonly documents: Documents;
  readonly ingestion: IngestionService;
  readonly knowledge: KnowledgeService;
  readonly memories: Pick<MemoryService, "isUsed" | "removeAll">;
  readonly retriever: Retriever;
  readonly compute: Compute;
  /** Bytes of the files of one tenant's skills. */
  readonly skillBytesMax: number;
  readonly embedders: Embedders;
  readonly rerankers: Pick<Rerankers, "names">;
  readonly prices: Prices;
  /** Folders that the operator granted tools. Default: none. */
  readonly folders?: readonly FolderGrant[];
  /** Milliseconds since the epoch. */
  nowMs(): number;
}

/** Ids that a draft has given, by prefix and name: another draft of the same has the same. */
export type GivenIds = Map<string, string>;

/** A draft of the caller's tenant, in which nothing was written yet. */
export function createDraft(context: PackContext, caller: Caller, ids: GivenIds): Draft {
  const { nowMs, embedders, compute, prices, folders, skillBytesMax: bytesMax } = context;
  const tables = new DraftTables(context.system.tables, caller.tenant);
  // Services of records ask nobody; what would be asked is asked when the draft is stored.
  const system = { tables } as unknown as System;
  const [index, serial] = [new RecordIndex(tables), createSerial()];
  const resources = createResources({ system, index, serial, folders, nowMs });
  const named = { system, index, serial, folders, usersOf: resources.usersOf };
  const stored = { ...named, prices, nowMs };
  const agentStore = createAgentStore(stored);
  const unswept = new Set<string>();
  // Files that nothing has any more go when what let go of them is stored.
  const sweep = async ({ id }: { readonly id: string }): Promise<void> => {
    unswept.add(id);
  };
  return {
    ...{ caller, tables, agentStore, resources, embedders, prices },
    agents: createAgentService(stored, agentStore),
    knowledge: createKnowledgeService({ ...context, system }),
    skills: createSkillService({ ...stored, compute, bytesMax, sweep }),
    unswept,
    at: new Date(nowMs()).toISOString(),
    newId: (prefix, name) => {
      const key = `${prefix} ${name}`;
      const id = ids.get(key) ?? newId(prefix, nowMs());
      ids.set(key, id);
      return id;
    },
  };
}
