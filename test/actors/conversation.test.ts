// The conversation on the engine: what a chat turn stores, costs and answers, and how it ends.

import { expect, test } from "vitest";
import type { ConversationDescription } from "../../actors/records/conversation.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import {
  type AgentsHost,
  conversationAt,
  newAgent,
  newConversation,
} from "../support/agents-host.ts";
import { codeOf, startHost, startTalk } from "../support/agents-test.ts";
import { createGate, createScriptedLlm } from "../support/scripted-llm.ts";

async function describe(
  agents: AgentsHost,
  conversation: string,
): Promise<ConversationDescription["row"]> {
  const answer = await agents.ask(conversationAt(conversation), { type: "describe" });
  return (answer as ConversationDescription).row;
}

test("a chat turn is answered once, kept, listed and paid", async () => {
  const llm = createScriptedLlm(() => "Hello there.");
  const { agents, agent, cv, chat } = await startTalk(llm);

  const viewing = chat("hi", { keyId: "ak_1" });
  const accepted = await viewing.accepted();
  const reply = await viewing.reply();
  const end = await viewing.end();

  expect(reply).toMatchObject({
    response: "Hello there.",
    agent_key: agent,
    conversation_key: cv,
    run_id: accepted.run,
    usage: { promptTokens: 10, completionTokens: 5 },
    charge: { units: 1, unitPriceMicros: 1_000, micros: 1_000 },
  });
  expect(viewing.text()).toBe("Hello there.");
  expect(end.counters).toEqual({ balance: 99_000 });
  expect(
    agents.messages(cv).map(({ role, content, sequence }) => [role, content, sequence]),
  ).toEqual([
    ["user", "hi", 1],
    ["assistant", "Hello there.", 2],
  ]);
  expect(agents.rows("conversations")).toHaveLength(1);
  expect(await describe(agents, cv)).toMatchObject({ title: "hi", message_count: 2 });
  expect(agents.rows("ledger-fresh")).toMatchObject([
    {
      outcome: "completed",
      key_id: "ak_1",
      charge: { micros: 1_000 },
      spend: { promptTokens: 10 },
    },
  ]);
  expect(agents.balance()).toBe(99_000);
});

test("the routing is said before the first word", async () => {
  const llm = createScriptedLlm(() => "Done.");
  const action = { frontend_trigger: { name: "open" } };
  const { chat } = await startTalk(llm, {
    subAgents: [{ name: "Billing", trigger: { keywords: ["invoice"] }, action }],
  });

  const viewing = chat("where is my invoice");
  const reply = await viewing.reply();

  const kinds = viewing.frames.map((frame) => frame.type);
  expect(kinds.indexOf("event")).toBeLessThan(kinds.indexOf("text"));
  expect(reply.routing_info).toMatchObject({
    selected_action: "SUB_AGENT",
    action_name: "Billing",
  });
  expect(reply.frontend_trigger).toEqual({ name: "open" });
});

test("an unknown agent, a foreign conversation and an empty balance are refused and leave nothing", async () => {
  const agents = await startHost(createScriptedLlm(() => "ok"));
  const [one, other] = [newAgent(), newAgent()];
  const cv = newConversation();
  await agents.putAgent({ agent_key: one });
  await agents.putAgent({ agent_key: other });
  await agents.chat(cv, "first", { agent: one }).reply();
  const keys = agents.disk.rows.length;

  expect(await codeOf(agents.chat(newConversation(), "x", { agent: "ag_none" }).accepted())).toBe(
    "NOT_FOUND",
  );
  expect(await codeOf(agents.chat(cv, "x", { agent: other }).accepted())).toBe("NOT_FOUND");
  await agents.setBalance(999);
  expect(await codeOf(agents.chat(cv, "x", { agent: one }).accepted())).toBe("BALANCE_EXHAUSTED");

  expect(agents.balance()).toBe(999);
  expect(agents.messages(cv)).toHaveLength(2);
  expect(agents.disk.rows.length).toBe(keys);
});

test("a failed turn is kept with its error, gives the money back and shows its spend", async () => {
  const { agents, cv, chat } = await startTalk(
    createScriptedLlm(() => {
      throw new RuntimeError("PROVIDER_FAILED", "The provider said no.");
    }),
  );

  const end = await chat("hi").end();

  expect(end.outcome).toMatchObject({ status: "failed", error: { code: "PROVIDER_FAILED" } });
  expect(end.counters).toEqual({ balance: 100_000 });
  expect(agents.messages(cv).at(-1)).toMatchObject({
    status: "failed",
    error: { code: "PROVIDER_FAILED" },
  });
  expect(agents.rows("ledger-fresh")).toMatchObject([{ outcome: "failed", charge: { micros: 0 } }]);
});

test("cancel ends what runs and what waits, and keeps the text that was shown", async () => {
  const gate = createGate();
  const llm = createScriptedLlm(async ({ write, signal }) => {
    write("So far ");
    await gate.wait(signal);
    return "never";
  });
  const { agents, cv, chat } = await startTalk(llm, {
    subAgents: [{ trigger: { keywords: ["invoice"] } }],
  });

  const one = chat("my invoice");
  await gate.reached;
  const two = chat("two");
  await two.accepted();
  const cancelled = (await agents.ask(conversationAt(cv), { type: "cancel", reason: "stop" })) as {
    cancelled: string[];
  };
  const ends = await Promise.all([one.end(), two.end()]);
  const spent = agents.rows("ledger-fresh") as { service: string; spend: unknown }[];

  expect(spent.find(({ service }) => service === "spend")?.spend).toMatchObject({
    completionTokens: 2,
    estimated: true,
  });
  expect(cancelled.cancelled).toHaveLength(2);
  expect(ends.map(({ outcome }) => outcome.status)).toEqual(["cancelled", "cancelled"]);
  expect(agents.messages(cv).map(({ content, status }) => [content, status])).toEqual([
    ["my invoice", undefined],
    ["So far ", "cancelled"],
    ["two", undefined],
    ["", "cancelled"],
  ]);
  expect(agents.balance()).toBe(99_000);
});

test("a deleted conversation is gone at once, its records after, and its key stays gone", async () => {
  const gate = createGate();
  const llm = createScriptedLlm(async ({ signal, call }) => {
    if (call === 4) await gate.wait(signal);
    return "ok";
  });
  const { agents, cv, chat } = await startTalk(llm);
  for (const text of ["a", "b", "c"]) await chat(text).reply();

  const running = chat("d");
  await gate.reached;
  await agents.ask(conversationAt(cv), { type: "delete" });
  const seen = await describe(agents, cv);
  const end = await running.end();

  expect(seen).toBeNull();
  expect(end.outcome.status).toBe("cancelled");
  expect(await codeOf(chat("again").accepted())).toBe("NOT_FOUND");
  expect(agents.rows("conversations")).toEqual([]);
  await agents.ask(conversationAt(cv), { type: "describe" });
  expect(agents.messages(cv)).toEqual([]);
  const paid = agents.rows("ledger-fresh") as { service: string }[];
  expect(paid.filter(({ service }) => service === "core-agent-chat")).toHaveLength(4);
});

test("a conversation can be given a title", async () => {
  const { agents, cv, chat } = await startTalk(createScriptedLlm(() => "ok"));
  await chat("x".repeat(200)).reply();
  const before = await describe(agents, cv);

  await agents.ask(conversationAt(cv), { type: "rename", title: "Exports" });

  expect(before?.title).toHaveLength(80);
  expect(await describe(agents, cv)).toMatchObject({ title: "Exports" });
});

test("a canary answers its share of conversations, always the same ones", async () => {
  const llm = createScriptedLlm(() => "ok");
  const agents = await startHost(llm);
  const agent = newAgent();
  await agents.putAgent({ agent_key: agent, version: 2, system_message: "new" });
  await agents.putAgent({
    agent_key: agent,
    version: 1,
    agent_config: { canary: { version: 2, share: 0.5 } },
  });
  const conversations = Array.from({ length: 40 }, newConversation);

  const versions = await Promise.all(
    conversations.map(async (cv) => {
      const viewing = agents.chat(cv, "hi", { agent, priceMicros: 0 });
      const accepted = await viewing.accepted();
      await viewing.reply();
      return accepted.agent_version;
    }),
  );
  const again = await agents
    .chat(conversations[0] ?? "", "more", { agent, priceMicros: 0 })
    .accepted();

  const canaries = versions.filter((version) => version === 2).length;
  expect(canaries).toBeGreaterThan(8);
  expect(canaries).toBeLessThan(32);
  expect(again.agent_version).toBe(versions[0]);
  expect(
    llm.requests.filter(({ messages }) => messages[0]?.content === "new").length,
  ).toBeGreaterThanOrEqual(canaries);
});
