// The domain services behind the routes, made once by the composition root. Routes are thin: they
// turn a request into a call of one of these and its result into the surface's shape.

import type { Figures } from "../../../actors/figures.ts";
import type { MemoryStore } from "../../../actors/memory/store.ts";
import type { Prices } from "../../../actors/money/catalogue.ts";
import type { Compute, Embedders, Rerankers, Retriever } from "../../../actors/ports.ts";
import type { GuardFigures, Guardrail } from "../../../actors/records/guardrail.ts";
import type { TenantLimits } from "../../../actors/records/tenant-limits.ts";
import { removalAddress } from "../../../actors/removal.ts";
import type { FolderGrant } from "../../../actors/tools/folders.ts";
import type { Log } from "../../../runtime/log.ts";
import type { System } from "../../../runtime/system.ts";
import { Refusals } from "../../audit/refusals.ts";
import type { GatewaySettings } from "../../channels/gateway.ts";
import { type LaterGateway, laterGateway } from "../../channels/later-gateway.ts";
import type { Registry } from "../../channels/registry.ts";
import { writeSmall } from "../../data-folder.ts";
import { toolGrounds } from "../../openapi/reading.ts";
import type { OrchestratorSettings } from "../../orchestrator/port.ts";
import type { PackContext } from "../../packs/context.ts";
import type { PackService } from "../../packs/pack-service.ts";
import { createSerial } from "../../serial.ts";
import { type LaterTargets, laterTargets } from "../../targets/later.ts";
import { withRoom } from "../../tenants/asks-room.ts";
import { TenantRates } from "../../tenants/limits.ts";
import { TenantRemovals } from "../../tenants/removal.ts";
import { StorageRoom } from "../../tenants/storage-room.ts";
import {
  createTenantService,
  type TenantOptions,
  type TenantService,
} from "../../tenants/tenants.ts";
import type { HookParts, Hooks } from "../../triggers/hooks.ts";
import { type Watching, watchFiles } from "../../triggers/watching.ts";
import type { SealedTenants } from "../../vault/sealing.ts";
import { createWebhookSecrets, type WebhookSecrets } from "../../webhooks/secrets.ts";
import { WorkGate } from "../gate/work-gate.ts";
import { createResources, type Resources } from "../resources/kinds.ts";
import type { ServerGrant } from "../resources/resource-rules.ts";
import { createAgentStore } from "./agent-store.ts";
import { createVersionService, type VersionService } from "./agent-versions.ts";
import { type AgentService, createAgentService } from "./agents.ts";
import { type ApprovalService, createApprovalService } from "./approvals.ts";
import { type ChatService, createChatService } from "./chat.ts";
import { type ConversationService, createConversationService } from "./conversations.ts";
import type { CredentialServices, Trust } from "./credentials.ts";
import type { DatasetItems } from "./dataset-items.ts";
import { createDeliveryService, type DeliveryService } from "./deliveries.ts";
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
import type { OperatorGuards } from "./operator-guards.ts";
import { type OrchestratorServices, orchestratorServices } from "./orchestrator-services.ts";
import { createHiddenPlaces, type HiddenPlaces } from "./paging.ts";
import type { RecordBodies } from "./record-bodies.ts";
import { RecordIndex } from "./record-index.ts";
import { refuseUsed } from "./record-links.ts";
import type { GuardParts } from "./screening.ts";
import { withSentPictures } from "./sent-pictures.ts";
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
  /** Of tenants that have none of their own. Default: none. */
  readonly tenantLimits?: TenantLimits;
  /** Folders that the operator granted tools. Default: none. */
  readonly folders?: readonly FolderGrant[];
  /** Tool servers of the operator. */
  readonly toolServers?: readonly ServerGrant[];
  /** The data folder. */
  readonly data: string;
  readonly log: Log;
  /** Keys of tenants, where what is theirs is sealed on the disk. */
  readonly sealed?: Pick<SealedTenants, "destroy" | "source"> | undefined;
  readonly trust: Trust;
  /** Of channels. Default: the operator says nothing of them. */
  readonly gateway?: GatewaySettings & { readonly registry?: Registry };
  /** Where findings of guardrails are counted. Default: nowhere. */
  readonly guards?: GuardFigures;
  /** Of agents that work by themselves. Default: as without settings. */
  readonly orchestrator?: OrchestratorSettings | undefined;
  /** Where work is counted. Default: nowhere. */
  readonly figures?: Figures;
  /** The operator's guardrails, which hold for all tenants. Default none. */
  readonly operatorRules?: readonly Guardrail[];
  /** Milliseconds since the epoch. */
  nowMs(): number;
}

/** All of them. */
export interface Services extends LaterTargets, OrchestratorServices {
  readonly system: System;
  readonly agents: AgentService;
  readonly versions: VersionService;
  readonly chat: ChatService;
  readonly gate: WorkGate;
  readonly approvals: ApprovalService;
  readonly hidden: HiddenPlaces;
  readonly conversations: ConversationService;
  readonly dryRuns: DryRunService;
  /** Of messages that guardrails refuse. */
  readonly refusals: Pick<Refusals, "end">;
  /** The operator's chain, which may be set anew. */
  readonly operatorGuards: OperatorGuards;
  readonly knowledge: KnowledgeService;
  readonly compute: Compute;
  readonly embedders: Embedders;
  readonly ingestion: IngestionService;
  readonly memories: MemoryService;
  readonly resources: Resources;
  /** What lists know of records. */
  readonly index: Pick<RecordIndex, "ordered">;
  readonly skills: SkillService;
  /** Items of data sets. */
  readonly items: DatasetItems;
  readonly evaluations: EvaluationService;
  readonly webhookSecrets: WebhookSecrets;
  /** What channels send, and who speaks there. */
  readonly deliveries: DeliveryService;
  /** Files that triggers watch. */
  readonly watching: Watching;
  /** Deliveries to triggers: loaded with the first. */
  hooks(): Promise<Hooks>;
  /** Accounts of channels: open from when the first is needed. */
  readonly gateway: LaterGateway;
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
  /** How much they may store. */
  readonly storageRoom: StorageRoom;
  /** Answers on records that are kept. */
  readonly bodies: RecordBodies;
  nowMs(): number;
}

/** Makes the services. */
export function createServices(options: ServiceOptions): Services {
  const { system, compute, prices, nowMs, tenantLimits = {}, folders } = options;
  const index = new RecordIndex(system.tables);
  const serial = createSerial();
  const channelChanges = new Set<ChannelChanged>();
  const watching = watchFiles({ system, folders, log: options.log });
  const resources = createResources({
    ...{ system, index, serial, folders, nowMs, watching, channelKinds: options.gateway },
    ...toolGrounds(compute, options),
    channelChanged: async (tenant, id) => {
      for (const tell of channelChanges) await tell(tenant, id);
    },
  });
  const named = { system, index, serial, folders, usersOf: resources.usersOf };
  const stored = { ...named, prices, tenantLimits, nowMs };
  // One store: changes of an agent wait for each other, whichever service makes them.
  const store = createAgentStore(stored);
  const made = createAgentService(stored, store);
  const memories = createMemoryService({ ...options, agents: made });
  const agents = withMemories({ system, made, memories, usersOf: resources.usersOf });
  const hidden = createHiddenPlaces(options.trust.vault);
  const conversations = createConversationService(system, hidden);
  const webhookSecrets = createWebhookSecrets(system.tables, nowMs);
  const approvals = createApprovalService(system, hidden);
  const operatorGuards = laterOperatorGuards(options);
  const refusals = new Refusals({ tables: system.tables, log: options.log });
  const guardParts: GuardParts = {
    ...{ operatorGuards, refusals, ...(options.guards && { guards: options.guards }) },
  };
  const gate = new WorkGate({
    load: () => system.load(),
    weightOf: (tenant) => system.tenants.weightOf(tenant),
  });
  const ingestion = createIngestionService({ ...options, hidden });
  const knowledge = createKnowledgeService({ ...options, ingestion });
  const limited = tenantServices(options);
  const asked = { system, approvals, conversations, gate, compute, webhookSecrets, prices, nowMs };
  const answering = createChatService({ ...asked, ...guardParts });
  const pictured = withSentPictures(answering, system.tables);
  const chat = withRoom(pictured, limited.storageRoom, tenantLimits);
  const gateway = gatewayOf(options, { chat, conversations, approvals });
  channelChanges.add(gateway.changed);
  const packContext: PackContext = { ...options, index, serial, ingestion, knowledge, memories };
  return {
    ...{ index, refusals, watching },
    ...{ system, compute, nowMs, agents, conversations, gate, approvals, hidden, operatorGuards },
    data: options.data,
    ...{ sealer: options.sealed?.source, embedders: options.embedders, trust: options.trust },
    versions: createVersionService(stored, store),
    ...{ chat, gateway, deliveries: createDeliveryService(system, nowMs), memories, resources },
    ...orchestratorServices({ ...named, watching, nowMs, agents, resources }, chat, options),
    ...laterTargets({ ...options, hosts: options.trust.hosts }),
    hooks: laterHooks({ system, storageRoom: limited.storageRoom, nowMs }),
    dryRuns: createDryRunService({ ...guardParts, system, compute, prices, nowMs }),
    knowledge,
    ingestion,
    skills: createSkillService({ ...stored, compute, bytesMax: options.skillBytesMax }),
    items: resources.items,
    evaluations: createEvaluationService({
      tenantLimits,
      ...options,
      ...{ operatorGuards, serial, hidden },
      items: resources.items,
      dataset: (tenant, id) => resources.kinds.datasets.get(tenant, id),
    }),
    webhookSecrets,
    guardrails: async () =>
      (await import("./guardrails.ts")).createGuardrailService(system.tables, nowMs),
    prices,
    books: laterBooks(system, nowMs),
    credentials: laterCredentials(options),
    packContext,
    packs: laterPacks(packContext),
    ...limited,
    bodies: index.bodies,
  };
}

type ChannelChanged = LaterGateway["changed"];

const noGateway: GatewaySettings = { hosts: [], middleware: null, publicUrl: null };

function gatewayOf(
  { system, compute, log, gateway = noGateway, figures, nowMs }: ServiceOptions,
  asked: Pick<Services, "chat" | "conversations" | "approvals">,
): LaterGateway {
  const { registry } = gateway as { readonly registry?: Registry };
  return laterGateway({
    ...asked,
    system,
    compute,
    log,
    settings: gateway,
    registry,
    figures,
    nowMs,
  });
}

/** Agents whose memories go with them. */
function withMemories({
  system,
  made,
  memories,
  usersOf,
}: {
  readonly system: System;
  readonly made: AgentService;
  readonly memories: MemoryService;
  readonly usersOf: Resources["usersOf"];
}): AgentService {
  return {
    ...made,
    remove: async (caller, id, ifMatch) => {
      const { tenant } = caller;
      const { agent } = await made.get(tenant, id);
      // Looked at once more when it is removed: here before anything is begun.
      refuseUsed(`Agent ${id}`, await usersOf(tenant, id), caller);
      const remembers = await memories.isUsed(tenant, agent);
      // Whatever dies from here on, what is left after the agent is removed by a run.
      if (remembers) await system.ask(removalAddress(tenant), { type: "agent", id });
      const row = await made.remove(caller, id, ifMatch);
      // From here on nobody finds the agent, whatever else is left of it.
      if (remembers) await memories.removeAll(tenant, { agent: id });
      return row;
    },
  };
}

/** Loaded by the first message. */
function laterOperatorGuards({
  system,
  operatorRules = [],
  nowMs,
}: ServiceOptions): OperatorGuards {
  let rules = operatorRules;
  let guards: Promise<OperatorGuards> | undefined;
  const made = async (): Promise<OperatorGuards> => {
    const { createOperatorGuards } = await import("./operator-guards.ts");
    return createOperatorGuards(rules, system.tables, nowMs);
  };
  return {
    of: async (tenant) => {
      guards ??= made();
      return (await guards).of(tenant);
    },
    set: (next) => {
      rules = next;
      void guards?.then((one) => one.set(next));
    },
  };
}

function tenantServices({
  system,
  data,
  log,
  sealed,
  tenantLimits: defaults = {},
  nowMs,
}: ServiceOptions): Pick<Services, "tenants" | "tenantRates" | "storageRoom"> {
  const { tables } = system;
  const tenantRates = new TenantRates(tables, undefined, defaults);
  const files = async (tenant: string): Promise<number> =>
    (await import("../../tenants/file-bytes.ts")).fileBytes(data, tenant);
  const storageRoom = new StorageRoom({ tables, tenants: system.tenants, defaults, files });
  const note = (name: string, text: string): Promise<void> => writeSmall(data, name, text);
  const removals = new TenantRemovals({ system, data, log, sealed, nowMs, note });
  const changed: TenantOptions["changed"] = ({ id, limits }) => {
    tenantRates.changed(id, limits);
    storageRoom.changed(id, limits);
  };
  const tenants = createTenantService({
    ...{ system, nowMs, removals, changed, files },
    defaults,
  });
  return { tenantRates, storageRoom, tenants };
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

function laterHooks(parts: HookParts): Services["hooks"] {
  let made: Promise<Hooks> | undefined;
  return () => {
    made ??= import("../../triggers/hooks.ts").then(({ createHooks }) => createHooks(parts));
    return made;
  };
}

function laterCredentials(options: ServiceOptions): Services["credentials"] {
  let made: Promise<CredentialServices> | undefined;
  return () => {
    made ??= import("./credentials.ts").then((one) => one.createCredentialServices(options));
    return made;
  };
}
