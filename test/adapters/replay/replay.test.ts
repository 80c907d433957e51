// Recorded answers of every kind are run again, and swapped. The model, the collection and the effects
// of the replayed runs count what reaches them.

import { afterEach, expect, test } from "vitest";
import { loadAgent } from "../../../actors/compiled.ts";
import type { Passage } from "../../../actors/knowledge/search.ts";
import { defaultPrices } from "../../../actors/money/catalogue.ts";
import type { Ports, Retriever } from "../../../actors/ports.ts";
import { agentTables, versionId } from "../../../actors/records/agent-version.ts";
import type { ChatReply } from "../../../actors/records/conversation.ts";
import type { TurnInput } from "../../../actors/turn-input.ts";
import { createBuiltinEmbedder } from "../../../adapters/embed/builtin.ts";
import { createEmbedders } from "../../../adapters/embed/embedders.ts";
import { compareReplays } from "../../../adapters/replay/compare.ts";
import { differenceOf } from "../../../adapters/replay/lines.ts";
import { replayRecord, replayWith } from "../../../adapters/replay/replay.ts";
import { type Definition, defineRun } from "../../../runtime/actor.ts";
import type { LogEntry } from "../../../runtime/runs/log-entry.ts";
import type { RunRecord } from "../../../runtime/testkit/recording.ts";
import {
  type AgentsHost,
  conversationAt,
  newAgent,
  newConversation,
  startAgents,
} from "../../support/agents-host.ts";
import { noScores, resultOf } from "../../support/find.ts";
import {
  noChannels,
  noCredentials,
  noFiles,
  noIngest,
  noLaunches,
  noMcp,
  noReembed,
  noRemovals,
  noWeb,
  noWebhooks,
} from "../../support/no-ingest.ts";
import { noMemories } from "../../support/no-memories.ts";
import { recordedRuns } from "../../support/recorded-runs.ts";
import { createGate, createScriptedLlm, type ScriptedLlm } from "../../support/scripted-llm.ts";

let host: AgentsHost | undefined;
afterEach(async () => {
  await host?.stop();
  host = undefined;
});

async function start(llm: ScriptedLlm, retriever?: Retriever): Promise<AgentsHost> {
  host = await startAgents({ llm, ...(retriever ? { retriever } : {}) });
  await host.setBalance(100_000);
  return host;
}

const billing = {
  sub_agent_key: "sa_a",
  name: "Billing",
  trigger: { keywords: ["invoice"], description: "invoices" },
};
const technical = {
  sub_agent_key: "sa_b",
  name: "Technical",
  trigger: { keywords: ["crash", "login"], description: "errors" },
};

/** Replays every run of the host: [status, first difference, entries]. */
async function replays(agents: AgentsHost): Promise<readonly (readonly unknown[])[]> {
  await agents.idle();
  const all = await recordedRuns(agents);
  const done = [];
  for (const record of all) {
    const { replay } = await replayRecord(record);
    done.push([record.run.status, replay.divergence]);
  }
  return done;
}

test("parts, a graph whose branch fails, steering, and a cancel are identical", async () => {
  const gate = createGate();
  const llm = createScriptedLlm(async ({ request, signal }) => {
    const [system, asked] = [request.messages[0]?.content ?? "", request.messages.at(-1)?.content];
    if (asked === "hold") await gate.wait(signal);
    if (asked === "never") await new Promise((_, cut) => signal.addEventListener("abort", cut));
    if (system.includes("You are Technical") && asked === "graph") throw new Error("broken");
    return `re: ${asked}`;
  });
  const agents = await start(llm);
  const agent = newAgent();
  const graphed = newAgent();
  await agents.putAgent({ agent_key: agent }, [billing, technical]);
  const fork = {
    nodes: [
      { id: "fork", type: "parallel" },
      { id: "a", type: "sub_agent", ref: "sa_a" },
      { id: "b", type: "sub_agent", ref: "sa_b" },
      { id: "join", type: "join" },
      { id: "end", type: "end" },
    ],
    edges: [
      ...["a", "b"].flatMap((id) => [
        { from: "fork", to: id },
        { from: id, to: "join" },
      ]),
      { from: "join", to: "end" },
    ],
  };
  await agents.putAgent({ agent_key: graphed, graph_definition: fork }, [billing, technical]);
  const cv = newConversation();

  await agents
    .chat(cv, "Please send my invoice again and then fix the login crash", { agent })
    .reply();
  const held = agents.chat(cv, "hold", { agent });
  await gate.reached;
  const steered = agents.chat(cv, "in French", { agent, on_busy: "steer" });
  await steered.accepted();
  gate.open();
  await Promise.all([held.reply(), steered.reply()]);
  await agents.chat(newConversation(), "graph", { agent: graphed }).end();
  const cut = agents.chat(cv, "never", { agent });
  const behind = agents.chat(cv, "waiting", { agent });
  await behind.accepted();
  await agents.ask(conversationAt(cv), { type: "cancel", reason: "stop" });
  await Promise.all([cut.end(), behind.end()]);
  const calls = llm.requests.length;

  const found = await replays(agents);

  expect(found.map(([status]) => status).sort()).toEqual(
    ["cancelled", "cancelled", "completed", "completed", "completed", "failed"].sort(),
  );
  expect(found.filter(([, divergence]) => divergence !== null)).toEqual([]);
  expect(llm.requests.length).toBe(calls);
});

const changed = (record: RunRecord, key: string, result: object): RunRecord => ({
  ...record,
  log: record.log.map((entry) =>
    entry.type === "step" && entry.key === key
      ? { ...entry, result: { ...(entry.result as object), ...result } }
      : entry,
  ),
});

test("a forged routing choice and a forged answer are found where they first show", async () => {
  const llm = createScriptedLlm(({ request }) =>
    request.responseFormat ? '{"choice": 2, "intent": "odd"}' : "An answer.",
  );
  const agents = await start(llm);
  const agent = newAgent();
  await agents.putAgent({ agent_key: agent }, [billing, technical]);
  await agents.chat(newConversation(), "the odd thing of last week", { agent }).reply();
  await agents.idle();
  const [record] = await recordedRuns(agents);
  if (record === undefined) throw new Error("Nothing was recorded.");

  const choice = await replayRecord(
    changed(record, "route-model", { choice: '{"choice": 1, "intent": "odd"}' }),
  );
  const answer = await replayRecord(changed(record, "model:1", { text: "Forged." }));
  const reply = record.run.reply as ChatReply;
  const forged = { ...record, run: { ...record.run, reply: { ...reply, response: "Forged." } } };
  const told = await replayRecord(forged);

  expect(choice.replay.divergence).toMatchObject({
    type: "event",
    key: "routing:1",
    expected: "Technical",
    got: "Billing",
  });
  expect(answer.replay.divergence).toMatchObject({
    type: "end",
    path: "sub-agent:1",
    pointer: "/result/text",
    expected: "An answer.",
    got: "Forged.",
  });
  expect(told.replay.divergence).toMatchObject({ type: "reply", pointer: "/response" });
});

test("old runs keep their choices when the router has learnt to choose otherwise", async () => {
  const llm = createScriptedLlm(({ request }) =>
    request.responseFormat ? '{"choice": 2, "intent": "odd"}' : "An answer.",
  );
  const agents = await start(llm);
  const agent = newAgent();
  await agents.putAgent({ agent_key: agent }, [billing, technical]);
  for (const message of [
    "my invoice",
    "the odd thing",
    "my invoice and then fix the login crash",
  ]) {
    await agents.chat(newConversation(), message, { agent }).reply();
  }
  await agents.idle();
  const records = await recordedRuns(agents);

  for (const [at, record] of records.entries()) {
    const other = otherwise(record, at);
    const { replay } = await replayRecord(other);

    expect(replay.divergence).toBeNull();
    expect(replay.outcome).toMatchObject({ status: "completed" });
  }
  expect(records).toHaveLength(3);
});

/** The record with the keywords of its two sub-agents exchanged: any router now chooses the other one. */
function otherwise(record: RunRecord, at: number): RunRecord {
  const swapped = JSON.stringify(record.rows)
    .replaceAll('["invoice"]', '["@"]')
    .replaceAll('["crash","login"]', '["invoice"]')
    .replaceAll('["@"]', '["crash","login"]');
  expect(swapped).not.toBe(JSON.stringify(record.rows));
  // Compiled agents are kept by number.
  const number = 900 + at;
  const { input } = record.run;
  const { agent, version } = input as TurnInput;
  const own = versionId(agent, version);
  const rows = (JSON.parse(swapped) as RunRecord["rows"]).map((row) =>
    row.table === agentTables.agentVersions && row.id === own
      ? {
          ...row,
          id: versionId(agent, number),
          value: { ...(row.value as object), version: number },
        }
      : row,
  );
  const log = record.log.map((entry) =>
    entry.type === "child"
      ? { ...entry, input: { ...(entry.input as object), version: number } }
      : entry,
  );
  return {
    ...record,
    rows,
    log,
    run: { ...record.run, input: { ...(input as object), version: number } },
  };
}

const passage: Passage = {
  documentId: "dc_1",
  documentTitle: "Manual",
  chunkId: "c1",
  collection: "cl_1",
  text: "Export is under Settings.",
  headings: [],
  span: [0, 25],
  ...noScores,
  metadata: {},
};

/** Real ports of a swapped replay that count. */
function outsideOf(llm: ScriptedLlm, searched: unknown[]): Ports {
  return {
    llm,
    retriever: {
      search: async (request) => {
        searched.push(request);
        return resultOf([]);
      },
    },
    embedder: createBuiltinEmbedder(),
    embedders: createEmbedders(createBuiltinEmbedder()),
    ingest: noIngest,
    memories: noMemories,
    reembed: noReembed,
    removals: noRemovals,
    webhooks: noWebhooks,
    prices: defaultPrices,
    channels: noChannels,
    files: noFiles,
    launches: noLaunches,
    mcp: noMcp,
    credentials: noCredentials,
    web: noWeb,
    compute: { run: async () => undefined },
  };
}

test("a search whose query did not change gives the stored passages; another collection is read", async () => {
  const llm = createScriptedLlm(({ request }) => `as ${request.model}`);
  const agents = await start(llm, { search: async () => resultOf([passage]) });
  const agent = newAgent();
  const rag = { ...billing, use_rag: true, collection_key: "cl_1" };
  await agents.putAgent({ agent_key: agent, version: 2 }, [{ ...rag, collection_key: "cl_2" }]);
  await agents.putAgent({ agent_key: agent, version: 1 }, [rag]);
  await agents.chat(newConversation(), "my invoice", { agent }).reply();
  await agents.idle();
  const [record] = await recordedRuns(agents, 2);
  if (record === undefined) throw new Error("Nothing was recorded.");
  const searched: unknown[] = [];
  const outside = { ports: outsideOf(llm, searched), isDry: false };
  const before = llm.requests.length;

  const sameSearch = await replayWith(record, { model: "other" }, outside);
  const searchedBefore = searched.length;
  const otherSearch = await replayWith(record, { version: 2 }, outside);

  expect(searchedBefore).toBe(0);
  expect(llm.requests[before]?.messages[0]?.content).toContain("Export is under Settings.");
  expect(sameSearch.swapped.replay.outcome).toMatchObject({ result: { text: "as other" } });
  expect(searched).toMatchObject([{ collection: "cl_2" }]);
  expect(otherSearch.swapped.replay.outcome).toMatchObject({ status: "completed" });
  const { changes } = compareReplays(otherSearch);
  expect(changes.find(({ key }) => key === "retrieve:1:cl_2")?.status).toBe("new");
  expect(changes.find(({ key }) => key === "retrieve:1:cl_1")?.status).toBe("gone");
});

test("effects give what is stored and are never repeated; a new one stops its branch", async () => {
  const llm = createScriptedLlm(({ request }) => request.messages[0]?.content ?? "");
  const agents = await start(llm);
  const agent = newAgent();
  await agents.putAgent({ agent_key: agent, system_message: "wait" });
  await agents.chat(newConversation(), "hello there", { agent }).reply();
  await agents.idle();
  const [chat] = await recordedRuns(agents);
  if (chat === undefined) throw new Error("Nothing was recorded.");
  const effects: string[] = [];
  const working = defineRun<TurnInput, unknown, Ports>({
    kind: "supervisor",
    run: async (input, context) => {
      const { agent: of } = await loadAgent(context, input);
      const looked = await context.step("tool:look", () => effects.push("look"));
      const said = await context.step(
        "model:1",
        async ({ signal }) => {
          const messages = [{ role: "system", content: of.system_message ?? "" }] as const;
          const request = { model: of.model_name ?? "", messages, stream: false };
          const caller = { tenant: context.tenant, key: "" };
          const { text, usage } = await context.ports.llm.complete(request, { caller, signal });
          return { text, usage };
        },
        { repeat: "safe" },
      );
      await context.send("mail", context.self, { said: said.text });
      context.emit("said", { type: "notice", text: said.text });
      if (said.text === "act") {
        await context.step("tool:pay", () => effects.push("pay"), { repeat: "reconcile" });
      }
      return { text: said.text, looked };
    },
  }) as Definition;
  const base = { run: chat.run.id, attempt: 1, print: "" } as const;
  const log: readonly LogEntry[] = [
    { ...base, type: "step", key: "tool:look", result: "seen" },
    { ...base, type: "step", key: "model:1", result: { text: "wait", usage: {} } },
    { ...base, type: "step", key: "mail", result: null },
    { type: "event", run: chat.run.id, key: "said", event: { type: "notice", text: "wait" } },
  ];
  const record = { ...chat, log, run: { ...chat.run, reply: null } };
  const outside = { ports: outsideOf(llm, []), isDry: false };

  const both = await replayWith(record, { systemMessage: "act" }, outside, [working]);
  const { changes } = compareReplays(both);

  expect(both.base.replay.divergence).toBeNull();
  expect(effects).toEqual([]);
  expect(changes.map(({ key, status }) => [key, status])).toEqual([
    ["tool:look", "same"],
    ["model:1", "changed"],
    ["mail", "changed"],
    ["mail", "same"],
    ["said", "changed"],
    ["tool:pay", "would"],
    ["", "gone"],
  ]);
  expect(changes.find(({ key }) => key === "tool:pay")?.after).toBe("would call tool:pay");
  expect(both.swapped.replay.outcome).toBeNull();
});

test("a deleted conversation and a completion that is over are said to be gone", async () => {
  const agents = await start(createScriptedLlm(() => "ok"));
  const agent = newAgent();
  await agents.putAgent({ agent_key: agent });
  const cv = newConversation();
  await agents.chat(cv, "hello there", { agent }).reply();
  await agents.idle();
  await agents.ask(conversationAt(cv), { type: "delete" });
  await agents.idle();
  const [record] = await recordedRuns(agents);
  if (record === undefined) throw new Error("Nothing was recorded.");

  await expect(replayRecord(record)).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test("a difference of two texts is short and keeps what is around it", () => {
  expect(differenceOf("same", "same")).toEqual([]);
  expect(differenceOf("a\nb\nc\nd\ne", "a\nb\nX\nd\ne")).toEqual([
    ...["  ...", "  b", "- c", "+ X", "  d", "  ..."],
  ]);
});
