// The agents' catalog on a real engine in this thread, with a store in memory that outlives it, so
// that a test can let the engine die in the middle of a turn and start another on what is stored.

import { catalog } from "../../actors/catalog.ts";
import type { Files } from "../../actors/files.ts";
import type { McpServers } from "../../actors/mcp/port.ts";
import type { Memories } from "../../actors/memory/memories.ts";
import { defaultPrices } from "../../actors/money/catalogue.ts";
import type { Compute, Llm, Ports, Retriever } from "../../actors/ports.ts";
import type { Agent } from "../../actors/records/agent.ts";
import { agentTables, versionId } from "../../actors/records/agent-version.ts";
import type {
  ChatAccepted,
  ChatMessage,
  ChatReply,
  MessageRecord,
} from "../../actors/records/conversation.ts";
import type { SubAgent } from "../../actors/records/sub-agent.ts";
import { targetPlace } from "../../actors/targets.ts";
import type { Web } from "../../actors/web.ts";
import { createBuiltinEmbedder } from "../../adapters/embed/builtin.ts";
import { createEmbedders } from "../../adapters/embed/embedders.ts";
import type { Definition } from "../../runtime/actor.ts";
import { type Address, address, SHARDS } from "../../runtime/address.ts";
import { realClock } from "../../runtime/clock.ts";
import type { ErrorData } from "../../runtime/errors.ts";
import { fromErrorData } from "../../runtime/errors.ts";
import { type Frame, isAside } from "../../runtime/frame.ts";
import { newId, systemRandom } from "../../runtime/id.ts";
import { createKernel } from "../../runtime/kernel/kernel.ts";
import type { Kernel } from "../../runtime/kernel/kernel-port.ts";
import type { Want, WorkerItem } from "../../runtime/message.ts";
import { decode, decodeCounter, encode } from "../../runtime/store/codec.ts";
import { keys } from "../../runtime/store/keys.ts";
import { type Crash, MemoryDisk } from "../../runtime/store/memory.ts";
import type { StoreOp } from "../../runtime/store/store.ts";
import { emptyAgent, emptySubAgent } from "./agent-records.ts";
import { resultOf } from "./find.ts";
import {
  noChannels,
  noFiles,
  noIngest,
  noLaunches,
  noMcp,
  noReembed,
  noRemovals,
  noWeb,
  noWebhooks,
} from "./no-ingest.ts";
import { noMemories } from "./no-memories.ts";

export const tenant = "tn_test";
const balanceKey = keys.counter(tenant, "balance");
type EndFrame = Extract<Frame, { type: "end" }>;

/** A stream of one message: its frames so far, and waiting for one. */
export interface Viewing {
  readonly frames: Frame[];
  waitFor<T extends Frame["type"]>(
    type: T,
    fits?: (frame: Extract<Frame, { type: T }>) => boolean,
  ): Promise<Extract<Frame, { type: T }>>;
  /** @throws the refusal. */
  accepted(): Promise<ChatAccepted>;
  end(): Promise<EndFrame>;
  /** The reply of a run that completed. */
  reply(): Promise<ChatReply>;
  /** Concatenated text as a client shows it, with resets applied. */
  text(): string;
}

/** A system of agents under test. */
export interface AgentsHost {
  readonly disk: MemoryDisk;
  /** Resolves when the disk has crashed by `disk.crashAfter`. */
  readonly crashed: Promise<void>;
  putAgent(agent: Partial<Agent>, subAgents?: readonly Partial<SubAgent>[]): Promise<void>;
  /** Puts a record of a team or a workflow, current and as its version. */
  putTarget(id: string, record: Readonly<Record<string, unknown>>, version?: number): Promise<void>;
  /** Writes a row of the tenant, as the front door does. */
  putRow(table: string, id: string, value: unknown): Promise<void>;
  setBalance(micros: number): Promise<void>;
  balance(): number;
  ask(to: Address, message: unknown): Promise<unknown>;
  send(to: Address, message: unknown): Viewing;
  chat(conversation: string, text: string, more?: Partial<ChatMessage>): Viewing;
  follow(run: string, root: string, after?: string): Viewing;
  cancel(run: string, root: string): Promise<unknown>;
  messages(conversation: string): readonly MessageRecord[];
  rows(table: string): readonly unknown[];
  figures(): Readonly<Record<string, number>>;
  /** The engine dies as it is; another one starts on what is stored. */
  crash(kind?: Crash): Promise<void>;
  /** Resolves when no run is under way and nothing waits. */
  idle(): Promise<void>;
  stop(): Promise<void>;
}

/** Address of a conversation. */
export const conversationAt = (root: string): Address =>
  address({ kind: "conversation", tenant, root });

/** Starts one. */
export async function startAgents(options: {
  readonly llm: Llm;
  readonly retriever?: Retriever;
  readonly memories?: Memories;
  readonly web?: Pick<Web, "request">;
  readonly files?: Files;
  readonly compute?: Compute;
  /** Default: no server is asked. */
  readonly mcp?: McpServers;
  /** Beside the catalog's, or in place of those of the same kind. */
  readonly definitions?: readonly Definition[];
}): Promise<AgentsHost> {
  let onCrash: () => void = () => undefined;
  const crashed = new Promise<void>((resolve) => {
    onCrash = resolve;
  });
  const disk = new MemoryDisk({ defer: (call) => setImmediate(call), onCrash: () => onCrash() });
  let setUp = disk.connect();
  const ports = {
    llm: options.llm,
    retriever: options.retriever ?? { search: async () => resultOf([]) },
    embedder: createBuiltinEmbedder(),
    embedders: createEmbedders(createBuiltinEmbedder()),
    ingest: noIngest,
    memories: options.memories ?? noMemories,
    reembed: noReembed,
    removals: noRemovals,
    webhooks: noWebhooks,
    prices: defaultPrices,
    credentials: {
      operators: { get: () => undefined },
      renew: () => Promise.reject(new Error("No token is renewed here.")),
    },
    channels: noChannels,
    files: options.files ?? noFiles,
    launches: noLaunches,
    mcp: options.mcp ?? noMcp,
    web: options.web ? { ...noWeb, ...options.web } : noWeb,
    compute: options.compute ?? { run: async () => undefined },
  } satisfies Ports;
  const own = options.definitions ?? [];
  const handlers = new Map<number, (item: WorkerItem) => void>();
  let nextId = 1;
  let epoch = 0;
  let kernel: Kernel;
  let life = 0;

  const boot = async (): Promise<void> => {
    epoch += 1;
    life += 1;
    const mine = life;
    const shards = new Map(Array.from({ length: SHARDS }, (_, shard) => [shard, epoch]));
    await disk.setEpochs(shards);
    kernel = createKernel({
      worker: 0,
      definitions: [
        ...catalog.filter(({ kind }) => !own.some((definition) => definition.kind === kind)),
        ...own,
      ],
      ports,
      store: disk.connect(),
      clock: realClock,
      random: systemRandom,
      durability: "flushed",
      defer: (call) => setImmediate(call),
      toDoor: (item) => {
        if (mine === life) handlers.get(item.id)?.(item);
      },
      toPeer: () => undefined,
    });
    await kernel.own(shards);
  };
  await boot();

  const view = (start: (id: number) => void): Viewing => {
    const id = nextId;
    nextId += 1;
    const viewing = createViewing();
    handlers.set(id, viewing.take);
    start(id);
    return viewing;
  };
  const request = (to: Address, message: unknown, want: Want): Viewing =>
    view((id) => {
      const deadlineMs = Date.now() + 30_000;
      kernel.fromDoor([{ type: "request", id, to, message, deadlineMs, want, level: "flushed" }]);
    });
  const answered = async (viewing: Viewing): Promise<unknown> => {
    const frame = await viewing.waitFor("accepted");
    return frame.reply;
  };
  const rowsOf = (prefix: string): readonly unknown[] =>
    disk.rows.filter(({ key }) => key.startsWith(prefix)).map(({ value }) => decode(value));

  const put = async (rows: readonly (readonly [string, unknown])[]): Promise<void> => {
    const ops = rows.map(([key, value]): StoreOp => ({ op: "put", key, value: encode(value) }));
    await setUp.commit({ ops }).committed;
  };

  return {
    disk,
    crashed,
    putAgent: (agent, subAgents = []) => put(agentRows(agent, subAgents)),
    putTarget: (id, record, version = 1) => {
      const { current, versions } = targetPlace(id);
      const row = { record: { ...record, id, version }, version };
      return put([
        [keys.table(tenant, current, id), row],
        [keys.table(tenant, versions, versionId(id, version)), row],
      ]);
    },
    putRow: (table, id, value) => put([[keys.table(tenant, table, id), value]]),
    setBalance: (micros) => put([[balanceKey, micros]]),
    balance: () => decodeCounter(disk.rows.find(({ key }) => key === balanceKey)?.value),
    ask: (to, message) => answered(request(to, message, "reply")),
    send: (to, message) => request(to, message, "frames"),
    chat: (conversation, text, more = {}) =>
      request(conversationAt(conversation), chatMessage(text, more), "frames"),
    follow: (run, root, after) =>
      view((id) => {
        const from = after === undefined ? {} : { after };
        kernel.fromDoor([{ type: "follow", id, tenant, root, run, endOnly: false, ...from }]);
      }),
    cancel: (run, root) =>
      answered(
        view((id) => {
          const control = { type: "cancel", reason: "asked" } as const;
          kernel.fromDoor([{ type: "control", id, tenant, root, run, control }]);
        }),
      ),
    messages: (conversation) =>
      rowsOf(keys.recordOf(conversationAt(conversation))) as readonly MessageRecord[],
    rows: (table) => rowsOf(keys.tableOf(tenant, table)),
    figures: () => kernel.inspect().counters,
    async crash(kind = "process") {
      life += 1;
      disk.crash(kind);
      setUp = disk.connect();
      await boot();
    },
    async idle() {
      const isIdle = (): boolean => {
        const { runs, waiting } = kernel.inspect();
        return runs === 0 && waiting === 0;
      };
      while (!isIdle()) await new Promise((resolve) => setImmediate(resolve));
    },
    async stop() {
      life += 1;
      await kernel.drain(0);
    },
  };
}

/** A chat message of the test agent. */
export function chatMessage(text: string, more: Partial<ChatMessage> = {}): ChatMessage {
  return {
    type: "chat",
    agent: "ag_1",
    text,
    stream: true,
    priceMicros: 1_000,
    service: "core-agent-chat",
    ...more,
  };
}

function agentRows(
  agent: Partial<Agent>,
  subAgents: readonly Partial<SubAgent>[],
): readonly (readonly [string, unknown])[] {
  const whole: Agent = { ...emptyAgent, ...agent };
  const { agent_key: key, version } = whole;
  const subs = subAgents.map((one) => ({ ...emptySubAgent, agent_key: key, ...one }));
  const row = {
    agent: whole,
    version,
    subAgents: subs.map((one) => ({ key: one.sub_agent_key, version })),
  };
  const at = (table: string, id: string): string => keys.table(tenant, table, id);
  return [
    ...subs.map((one) => {
      const id = versionId(one.sub_agent_key, version);
      return [at(agentTables.subAgentVersions, id), { subAgent: one, version }] as const;
    }),
    [at(agentTables.agents, key), row],
    [at(agentTables.agentVersions, versionId(key, version)), row],
  ];
}

/** A new conversation's key. */
export const newConversation = (): string => newId("cv", Date.now());

/** A new agent's key: compiled agents are cached by key, so each test takes its own. */
export const newAgent = (): string => newId("ag", Date.now());

function createViewing(): Viewing & { readonly take: (item: WorkerItem) => void } {
  const frames: Frame[] = [];
  const waiting = new Set<() => void>();
  let failed: ErrorData | null = null;
  const waitFor: Viewing["waitFor"] = (type, fits = () => true) =>
    new Promise((resolve, reject) => {
      let seen = 0;
      const look = (): void => {
        for (; seen < frames.length; seen += 1) {
          const frame = frames[seen];
          if (frame?.type === type && fits(frame as never)) {
            waiting.delete(look);
            resolve(frame as never);
            return;
          }
          if (frame?.type === "refused" || (frame?.type === "end" && type !== "end")) {
            waiting.delete(look);
            const error = frame.type === "refused" ? frame.error : null;
            reject(error ? fromErrorData(error) : new Error(`It ended before a ${type} frame.`));
            return;
          }
        }
        if (failed !== null) reject(fromErrorData(failed));
      };
      waiting.add(look);
      look();
    });
  return {
    frames,
    waitFor,
    take(item) {
      if (item.type === "error") failed = item.error;
      else if (item.type === "reply")
        frames.push({ type: "accepted", reply: item.value, run: null });
      else if (item.type === "frames") frames.push(...item.frames);
      for (const look of [...waiting]) look();
    },
    accepted: async () => (await waitFor("accepted")).reply as ChatAccepted,
    end: () => waitFor("end"),
    async reply() {
      const { outcome, reply } = await waitFor("end");
      if (outcome.status !== "completed") throw fromErrorData(outcome.error);
      return reply as ChatReply;
    },
    text: () => textOf(frames),
  };
}

function textOf(frames: readonly Frame[]): string {
  const steps = new Map<string, string>();
  for (const frame of frames) {
    if ("run" in frame && frame.run !== null && isAside(frame.run)) continue;
    if (frame.type === "text") {
      const key = `${frame.run}:${frame.step}`;
      steps.set(key, (steps.get(key) ?? "").slice(0, frame.offset) + frame.text);
    }
    if (frame.type === "reset") steps.set(`${frame.run}:${frame.step}`, "");
    if (frame.type === "text-end") steps.set(`${frame.run}:${frame.step}`, frame.text);
  }
  return [...steps.values()].join("");
}
