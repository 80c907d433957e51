// The domain services behind the routes, made once by the composition root. Routes are thin: they
// turn a request into a call of one of these and its result into the surface's shape.

import type { MemoryStore } from "../../../actors/memory/store.ts";
import type { Prices } from "../../../actors/money/catalogue.ts";
import type { Compute, Embedders, Rerankers, Retriever } from "../../../actors/ports.ts";
import type { GuardFigures } from "../../../actors/records/guardrail.ts";
import { removalAddress } from "../../../actors/removal.ts";
import type { Log } from "../../../runtime/log.ts";
import type { System } from "../../../runtime/system.ts";
import { writeSmall } from "../../data-folder.ts";
import type { PackContext } from "../../packs/context.ts";
import type { PackService } from "../../packs/pack-service.ts";
import { createSerial } from "../../serial.ts";
import { TenantRates } from "../../tenants/limits.ts";
import { TenantRemovals } from "../../tenants/removal.ts";
import {
  createTenantService,
  type TenantOptions,
  type TenantService,
} from "../../tenants/tenants.ts";
import type { SealedTenants } from "../../vault/sealing.ts";
import { createWebhookSecrets, type WebhookSecrets } from "../../webhooks/secrets.ts";
import { WorkGate } from "../gate/work-gate.ts";
import { createResources, type Resources } from "../resources/kinds.ts";
import { createAgentStore } from "./agent-store.ts";
import { createVersionService, type VersionService } from "./agent-versions.ts";
import { type AgentService, createAgentService } from "./agents.ts";
import { type ApprovalService, createApprovalService } from "./approvals.ts";
import { type ChatService, createChatService } from "./chat.ts";
import { type ConversationService, createConversationService } from "./conversations.ts";
import type { CredentialServices, Trust } from "./credentials.ts";
import type { DatasetItems } from "./dataset-items.ts";
import { createDryRunService, type DryRunService } from "./dry-runs.ts";
import { createEvaluationService, type EvaluationService } from "./evaluations.ts";
import type { GuardrailService } from "./guardrails.ts";
import {
  createIngestionService,
  type EditionBegins,
  type IngestionService,
  type Sources,
} from "./ingestion.ts";
import { createKnowledgeService, type Documents, type KnowledgeService } from "./knowledge.ts";
import { createMemoryService, type MemoryService } from "./memories.ts";
import type { RecordBodies } from "./record-bodies.ts";
import { RecordIndex } from "./record-index.ts";
import { refuseUsed } from "./record-links.ts";
import { createSkillService, type SkillService } from "./skills.ts";
import type { UsageBooks } from "./usage-books.ts";

/** What the services work with. */
export interface ServiceOptions {
  readonly system: System;
  readonly documents: Documents & EditionBegins;
  readonly sources: Sources;
  readonly retriever: Retriever;
  readonly compute: Compute;
  readonly embedders: Embedders;
  readonly rerankers: Pick<Rerankers, "names">;
  readonly memories: MemoryStore;
  /** Bytes of the files of one tenant's skills. */
  readonly skillBytesMax: number;
  readonly prices: Prices;
  /** The data folder. */
  readonly data: string;
  readonly log: Log;
  /** Keys of tenants, where what is theirs is sealed on the disk. */
  readonly sealed?: Pick<SealedTenants, "destroy" | "source"> | undefined;
  readonly trust: Trust;
  /** Where findings of guardrails are counted. Default: nowhere. */
  readonly guards?: GuardFigures;
  /** Milliseconds since the epoch. */
  nowMs(): number;
}

/** All of them. */
export interface Services {
  readonly system: System;
  readonly agents: AgentService;
  readonly versions: VersionService;
  readonly chat: ChatService;
  readonly gate: WorkGate;
  readonly approvals: ApprovalService;
  readonly conversations: ConversationService;
  readonly dryRuns: DryRunService;
  readonly knowledge: KnowledgeService;
  readonly compute: Compute;
  readonly embedders: Embedders;
  readonly ingestion: IngestionService;
  readonly memories: MemoryService;
  readonly resources: Resources;
  readonly skills: SkillService;
  /** Items of data sets. */
  readonly items: DatasetItems;
  readonly evaluations: EvaluationService;
  readonly webhookSecrets: WebhookSecrets;
  /** Loaded when they are first asked for. */
  guardrails(): Promise<GuardrailService>;
  readonly prices: Prices;
  /** Loaded when they are first looked at. */
  books(): Promise<UsageBooks>;
  /** Tokens and integrations: loaded when they are first asked for. */
  credentials(): Promise<CredentialServices>;
  readonly trust: Trust;
  /** Loaded when it is first asked for. */
  packs(): Promise<PackService>;
  /** What it is made of. */
  readonly packContext: PackContext;
  readonly tenants: TenantService;
  /** The data folder. */
  readonly data: string;
  /** How threads come by what opens the rows in it, where they are sealed. */
  readonly sealer: SealedTenants["source"] | undefined;
  /** How fast tenants may ask. */
  readonly tenantRates: TenantRates;
  /** Answers on records that are kept. */
  readonly bodies: RecordBodies;
  nowMs(): number;
}

/** Makes the services. */
export function createServices(options: ServiceOptions): Services {
  const { system, compute, prices, nowMs } = options;
  const index = new RecordIndex(system.tables);
  const serial = createSerial();
  const resources = createResources({ system, index, serial, nowMs });
  const { items } = resources;
  const stored = { system, index, serial, usersOf: resources.usersOf, prices, nowMs };
  // One store: changes of an agent wait for each other, whichever service makes them.
  const store = createAgentStore(stored);
  const made = createAgentService(stored, store);
  const memories = createMemoryService({ ...options, agents: made });
  const agents: AgentService = {
    ...made,
    remove: async (caller, id, ifMatch) => {
      const { tenant } = caller;
      const { agent } = await made.get(tenant, id);
      // Looked at once more when it is removed: here before anything is begun.
      refuseUsed(`Agent ${id}`, await resources.usersOf(tenant, id), caller);
      const remembers = await memories.isUsed(tenant, agent);
      // Whatever dies from here on, what is left after the agent is removed by a run.
      if (remembers) await system.ask(removalAddress(tenant), { type: "agent", id });
      const row = await made.remove(caller, id, ifMatch);
      // From here on nobody finds the agent, whatever else is left of it.
      if (remembers) await memories.removeAll(tenant, { agent: id });
      return row;
    },
  };
  const conversations = createConversationService(system);
  const webhookSecrets = createWebhookSecrets(system.tables, nowMs);
  const approvals = createApprovalService(system);
  const gate = new WorkGate({ load: () => system.load() });
  const ingestion = createIngestionService(options);
  const knowledge = createKnowledgeService({ ...options, ingestion });
  const packContext: PackContext = { ...options, index, serial, ingestion, knowledge, memories };
  return {
    ...{ system, compute, nowMs, agents, conversations, gate, approvals, data: options.data },
    sealer: options.sealed?.source,
    embedders: options.embedders,
    versions: createVersionService(stored, store),
    chat: createChatService({
      ...{ system, approvals, conversations, gate, compute, webhookSecrets, prices, nowMs },
      ...(options.guards && { guards: options.guards }),
    }),
    dryRuns: createDryRunService({ system, prices, nowMs }),
    knowledge,
    ingestion,
    memories,
    resources,
    skills: createSkillService({ ...stored, compute, bytesMax: options.skillBytesMax }),
    items,
    evaluations: createEvaluationService({
      ...options,
      serial,
      items,
      dataset: (tenant, id) => resources.kinds.datasets.get(tenant, id),
    }),
    webhookSecrets,
    guardrails: async () =>
      (await import("./guardrails.ts")).createGuardrailService(system.tables, nowMs),
    prices,
    books: laterBooks(system, nowMs),
    trust: options.trust,
    credentials: laterCredentials(options),
    packContext,
    packs: laterPacks(packContext),
    ...tenantServices(options),
    bodies: index.bodies,
  };
}

function tenantServices({
  system,
  data,
  log,
  sealed,
  nowMs,
}: ServiceOptions): Pick<Services, "tenants" | "tenantRates"> {
  const tenantRates = new TenantRates(system.tables);
  const note = (name: string, text: string): Promise<void> => writeSmall(data, name, text);
  const removals = new TenantRemovals({ system, data, log, sealed, nowMs, note });
  const changed: TenantOptions["changed"] = ({ id, limits }) => tenantRates.changed(id, limits);
  return { tenantRates, tenants: createTenantService({ system, nowMs, removals, changed }) };
}

function laterPacks(context: PackContext): Services["packs"] {
  let packs: Promise<PackService> | undefined;
  return () => {
    packs ??= import("../../packs/pack-service.ts").then((made) => made.createPackService(context));
    return packs;
  };
}

/** With what alerts bring about beside each batch. */
function laterBooks(system: System, nowMs: () => number): Services["books"] {
  const { tables } = system;
  const make = async (): Promise<UsageBooks> => {
    const [{ createUsageBooks }, { alertWrites, sendNotices }] = await Promise.all([
      import("./usage-books.ts"),
      import("./alerts.ts"),
    ]);
    return createUsageBooks({
      tables,
      beside: (batch) => alertWrites(tables, batch, nowMs()),
      after: (tenant) => sendNotices(system, tenant),
    });
  };
  let books: Promise<UsageBooks> | undefined;
  return () => {
    books ??= make();
    return books;
  };
}

function laterCredentials(options: ServiceOptions): Services["credentials"] {
  let made: Promise<CredentialServices> | undefined;
  return () => {
    made ??= import("./credentials.ts").then((one) => one.createCredentialServices(options));
    return made;
  };
}
