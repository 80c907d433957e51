// What runs on every engine, on a worker thread or on main when there are no workers: the catalog of
// actors and runs, and the ports they use, built from plain configuration.

import { catalog } from "../actors/catalog.ts";
import type { MergePorts } from "../actors/collection.ts";
import type { Credentials } from "../actors/credentials/port.ts";
import type { Figures } from "../actors/figures.ts";
import type { Files } from "../actors/files.ts";
import type { McpServer, McpServers } from "../actors/mcp/port.ts";
import { Marks } from "../actors/money/ahead.ts";
import { createPrices, type PriceList } from "../actors/money/catalogue.ts";
import type { Compute, Llm, Ports } from "../actors/ports.ts";
import type { FolderGrant } from "../actors/tools/folders.ts";
import type { Webhooks } from "../actors/webhooks.ts";
import type { Log } from "../runtime/log.ts";
import type { WeightOf } from "../runtime/shared/tenant-weights.ts";
import type { SealerSource } from "../runtime/store/sealer.ts";
import type { Reader } from "../runtime/store/store.ts";
import type { WorkerHost } from "../runtime/threads/host.ts";
import type { Config } from "./config.ts";
import { operatorIntegrations } from "./credentials/operator-integrations.ts";
import type { CredentialOptions, RequestTokens } from "./credentials/port.ts";
import { createEgress } from "./egress.ts";
import { createBuiltinEmbedder } from "./embed/builtin.ts";
import { createEmbedders } from "./embed/embedders.ts";
import { createQuestions } from "./embed/questions.ts";
import { createRerankers } from "./embed/rerankers.ts";
import type { EmbeddersConfig } from "./embed/tasks.ts";
import { channels, channelsOf } from "./engine-channels.ts";
import { farPort } from "./far-port.ts";
import {
  farChannels,
  farEngines,
  farLaunches,
  farMcp,
  farSchedules,
  farScripts,
  farWorks,
} from "./far-ports.ts";
import { searchesElsewhere } from "./knowledge/elsewhere.ts";
import { fetchDocument } from "./knowledge/fetch-document.ts";
import { createIngest } from "./knowledge/ingest.ts";
import { createMerger } from "./knowledge/merger.ts";
import { pinEdition } from "./knowledge/pin.ts";
import { createReembed } from "./knowledge/reembed.ts";
import { createRemovals } from "./knowledge/removals.ts";
import { createRetriever } from "./knowledge/retriever.ts";
import type { Place } from "./knowledge/rows.ts";
import { settingsFrom } from "./knowledge/settings.ts";
import { createKnowledgeWriter } from "./knowledge/writer.ts";
import { createLlm } from "./llm/llm.ts";
import { shareCalls } from "./llm/share-calls.ts";
import { llmConfigOf } from "./llm-config.ts";
import type { GuardOptions } from "./mcp-client/guarded-fetch.ts";
import { createMemories } from "./memory/memories.ts";
import { linePurse } from "./money/purse-line.ts";
import { createPoolParser } from "./parse/pool-parser.ts";
import { headerOpener, rowSeals } from "./secret-rows.ts";
import { type RunTeller, tellRuns } from "./telemetry/ended-runs.ts";
import { createGenAiFigures, measured } from "./telemetry/gen-ai-figures.ts";
import { createGuardFigures } from "./telemetry/guard-figures.ts";
import { createMissedVectors } from "./telemetry/missed-vectors.ts";
import { notedCompute, notedEngines } from "./telemetry/noted-work.ts";
import { createWorkFigures } from "./telemetry/work-figures.ts";
import { poolClass } from "./undici-pool.ts";
import { createVault } from "./vault/vault.ts";
import { createWeb } from "./web.ts";
import type { DeliverOptions } from "./webhooks/deliver.ts";

/** What a worker's ports are built from. It holds keys: never logged. */
export type HostConfig = Pick<
  Config,
  | "providers"
  | "defaultProvider"
  | "defaultModel"
  | "knownModels"
  | "answers"
  | "knowledge"
  | "webhooks"
  | "tools"
  | "integrations"
  | "agents"
> &
  EmbeddersConfig & {
    readonly prices: PriceList;
    /** Where it is counted what was answered without a vector; see `missed-vectors.ts`. */
    readonly missed: SharedArrayBuffer;
    /** Where findings of guardrails are counted; see `guard-figures.ts`. Default: nowhere. */
    readonly guardMemory?: SharedArrayBuffer;
    /** What all threads know of the providers; see `provider-memory.ts`. */
    readonly providerMemory: SharedArrayBuffer;
    /** Where it is measured what models take; see `gen-ai-figures.ts`. Default: nowhere. */
    readonly genAiMemory?: SharedArrayBuffer;
    /** Where other work is counted; see `work-figures.ts`. Default: nowhere. */
    readonly workMemory?: SharedArrayBuffer;
    /** Whether main is told of runs that end, or that begin and end. Default: not. */
    readonly tells?: "ends" | "all" | undefined;
    /** Changes with every start of the machine; "" where nobody knows. */
    readonly boot: string;
    /** Why webhooks, tools and other agents are not called; default: they are. */
    readonly closed?: string;
    /** The master keys of secrets; see `vault/master-keys.ts`. */
    readonly masterKeys: SharedArrayBuffer;
    /** How what is a tenant's is sealed on the disk; absent: it is not. */
    readonly sealer?: SealerSource | undefined;
  };

/** The server listens by then, in most cases: what its first chat needs is loaded before it comes. */
const WARM_AFTER_MS = 3_000;

/** The program of an engine. */
export const workerHost: WorkerHost<HostConfig> = {
  definitions: catalog,
  createPorts: ({ config, hot, bulk, log, main, weightOf, ...of }): Ports & MergePorts & Told => {
    const counters = countersOf(config);
    const compute = notedCompute(of.compute, counters.figures);
    const line = main && channelsOf(main);
    const purse = line && linePurse(line(channels.purse));
    const embedder = createBuiltinEmbedder();
    const embedders = createEmbedders(embedder, { config, compute, weightOf, purse });
    const questions = createQuestions({
      find: embedders.pinned,
      waitMs: config.embedding.queryMs,
      log,
      figures: createMissedVectors(config.missed),
    });
    const { data, sealer } = config;
    const merger = createMerger({ bulk, compute, data, sealer });
    // A port cannot tell an actor. Another merge at the same time does no harm, and when this one
    // fails, main's next search or change has the collection's actor begin another.
    const damaged = (place: Place): void => {
      merger.merge(place, { isForced: true }).catch(() => undefined);
    };
    const writer = createKnowledgeWriter({ bulk, nowMs: Date.now });
    const memories = createMemories({ bulk, embedders, questions });
    const removal = { bulk, writer, removeFiles: (edition: Place) => merger.removeFiles(edition) };
    const web = createEgress({ allowedHosts: config.knowledge.fetchHosts, weightOf });
    const vault = createVault(config.masterKeys);
    const { tools, closed } = config;
    const operators = operatorIntegrations(config.integrations);
    const own = { tables: hot, vault, insecureHosts: tools.hosts, operators };
    const tokens = laterCredentials(own, closed);
    const llm = measuredLlm(config, log, weightOf);
    const out = createEgress({ allowedHosts: tools.hosts, closed, weightOf });
    const open = headerOpener(vault);
    if (config.providers.length > 0) setTimeout(poolClass, WARM_AFTER_MS).unref();
    return {
      llm: withDefaultModel(
        shareCalls(withPictures(llm, hot), line?.(channels.answers), config.answers),
        config.defaultModel,
      ),
      embedder,
      embedders,
      retriever: createRetriever({
        reader: bulk,
        settingsOf: settingsFrom(hot),
        ...{ embedder, embedders, questions },
        adopt: (edition, pin) => pinEdition(bulk, edition, pin),
        elsewhere: searchesElsewhere({ compute, data, sealer, damaged }),
        rerankers: createRerankers({ config, compute, weightOf, purse }),
      }),
      merger,
      reembed: createReembed({ ...removal, embedders, compute, nowMs: Date.now }),
      removals: createRemovals({ ...removal, tables: hot, memories }),
      ingest: createIngest({
        bulk,
        tables: hot,
        writer,
        parser: createPoolParser(compute),
        embedders,
        compute,
        fetch: (url, by) => fetchDocument(web, url, by),
      }),
      memories,
      webhooks: laterWebhooks({
        egress: createEgress({ allowedHosts: config.webhooks.hosts, closed, weightOf }),
        tables: hot,
        open: rowSeals(vault).open,
        nowMs: Date.now,
      }),
      agentDefaults: { timeoutSeconds: config.agents.timeout },
      web: createWeb(out, open, tokens),
      ...{ files: laterFiles(tools.folders, compute), credentials: tokens },
      ...farPorts(line, tools, counters.figures),
      ...(line && { works: farPort(line(channels.works), farWorks) }),
      mcp: laterMcp({ egress: out, open, tokens }, farPort(line?.(channels.mcp), farMcp)),
      ...{ compute, ...counters, prices: createPrices(config.prices) },
      ...{ marks: new Marks(config.boot || null), log },
      ...(line && config.tells && { runs: tellRuns(line(channels.ended), config.tells === "all") }),
    };
  },
  runBegun: (ports, tenant, run) => (ports as Told).runs?.begun(tenant, run),
  runEnded: (ports, tenant, run, end) => (ports as Told).runs?.ended(tenant, run, end),
  noted: (ports, name, value) => (ports as Told).figures?.note(name, value),
};

interface Noted {
  readonly figures?: Figures;
}

/** What is counted by all threads together. */
function countersOf({ workMemory, guardMemory }: HostConfig): Pick<Ports, "guards"> & Noted {
  return {
    ...(workMemory && { figures: createWorkFigures(workMemory) }),
    ...(guardMemory && { guards: createGuardFigures(guardMemory) }),
  };
}

function measuredLlm(config: HostConfig, log: Log, weightOf: WeightOf): Llm {
  const { providerMemory: memory, genAiMemory } = config;
  const llm = createLlm(llmConfigOf(config), { memory, log, weightOf });
  return genAiMemory === undefined ? llm : measured(llm, createGenAiFigures(genAiMemory));
}

/** Beside the ports of runs: who is told when one begins and ends, and what turns note. */
interface Told extends Noted {
  readonly runs?: RunTeller;
}

/** What main does for an engine. */
function farPorts(
  line: ReturnType<typeof channelsOf> | undefined,
  { scripts, processTenants }: Config["tools"],
  figures: Figures | undefined,
): Pick<Ports, "channels" | "launches" | "schedules" | "scripts" | "processTenants" | "engines"> {
  const engines = farPort(line?.(channels.engines), farEngines);
  return {
    engines: notedEngines(engines, figures),
    channels: farPort(line?.(channels.gateway), farChannels),
    launches: farPort(line?.(channels.launches), farLaunches),
    schedules: farPort(line?.(channels.schedules), farSchedules),
    processTenants,
    ...(scripts !== null && { scripts: farPort(line?.(channels.scripts), farScripts) }),
  };
}

/** Requests that name pictures go out with their bytes; what puts them in is loaded with the first. */
function withPictures(llm: Llm, tables: Reader): Llm {
  return {
    windowOf: (model) => llm.windowOf(model),
    isBuiltin: (model) => llm.isBuiltin(model),
    takesImages: (model) => llm.takesImages(model),
    complete: async (request, options) => {
      const { messages } = request;
      const isPlain = messages.every((one) => one.role !== "user" || one.images === undefined);
      if (isPlain) return await llm.complete(request, options);
      const { withBytes } = await import("./pictures/with-bytes.ts");
      const { tenant } = options.caller;
      return await llm.complete(await withBytes(tables, tenant, request), options);
    },
  };
}

/** An agent that names no model is answered by the configured one. */
function withDefaultModel(llm: Llm, byDefault: string | null): Llm {
  const named = (model: string): string => (model === "" ? (byDefault ?? "") : model);
  return {
    complete: (request, options) =>
      llm.complete({ ...request, model: named(request.model) }, options),
    windowOf: (model) => llm.windowOf(named(model)),
    isBuiltin: (model) => llm.isBuiltin(named(model)),
    takesImages: (model) => llm.takesImages(named(model)),
  };
}

/** Loaded when the first token is needed. */
function laterCredentials(
  options: Omit<CredentialOptions, "oauth">,
  closed: string | undefined,
): Credentials & RequestTokens {
  const { insecureHosts } = options;
  let port: Promise<Credentials & RequestTokens> | undefined;
  const made = async (): Promise<Credentials & RequestTokens> => {
    const [{ createOAuth }, { createCredentials }] = await Promise.all([
      import("./credentials/oauth.ts"),
      import("./credentials/port.ts"),
    ]);
    const egress = createEgress({ allowedHosts: insecureHosts, closed });
    return createCredentials({ ...options, oauth: createOAuth(egress, insecureHosts) });
  };
  const ready = (): Promise<Credentials & RequestTokens> => {
    port ??= made();
    return port;
  };
  return {
    operators: options.operators,
    renew: async (call) => (await ready()).renew(call),
    headersFor: async (...of) => (await ready()).headersFor(...of),
    secretsOf: async (...of) => (await ready()).secretsOf(...of),
  };
}

/** Loaded by the first tool that reaches files. */
function laterFiles(folders: readonly FolderGrant[], compute: Compute): Files {
  let port: Promise<Files> | undefined;
  const ready = (): Promise<Files> => {
    port ??= import("./files/files.ts").then(({ createFiles, documentsWithin }) =>
      createFiles(folders, compute, createPoolParser(compute, documentsWithin)),
    );
    return port;
  };
  return {
    look: async (input) => (await ready()).look(input),
    read: async (target) => (await ready()).read(target),
    state: async (target) => (await ready()).state(target),
    write: async (input) => (await ready()).write(input),
    search: async (query, signal) => (await ready()).search(query, signal),
    analyze: async (query, signal) => (await ready()).analyze(query, signal),
  };
}

/** Those that are asked over HTTP are asked from here, which is loaded with the first; processes are main's. */
function laterMcp(options: GuardOptions, processes: McpServers): McpServers {
  const made = async (): Promise<McpServers> =>
    (await import("./mcp-client/http-servers.ts")).createHttpServers(options);
  let http: Promise<McpServers> | undefined;
  const of = async ({ server }: McpServer): Promise<McpServers> => {
    if (server !== undefined) return processes;
    http ??= made();
    return await http;
  };
  return {
    list: async (wanted, signal) => await (await of(wanted)).list(wanted, signal),
    call: async (wanted, signal) => await (await of(wanted)).call(wanted, signal),
  };
}

/** Loaded when the first end of a run is told. */
function laterWebhooks(options: DeliverOptions): Webhooks {
  const made = async (): Promise<Webhooks> =>
    (await import("./webhooks/deliver.ts")).createWebhooks(options);
  let port: Promise<Webhooks> | undefined;
  return {
    deliver: async (call) => {
      port ??= made();
      return await (await port).deliver(call);
    },
  };
}
