// What becomes of a second message while a run is under way: every mode of on_busy.

import { expect, test } from "vitest";
import type { ConversationDescription } from "../../actors/records/conversation.ts";
import { conversationAt } from "../support/agents-host.ts";
import { codeOf, startTalk } from "../support/agents-test.ts";
import { createGate, createScriptedLlm, type ScriptedLlm } from "../support/scripted-llm.ts";

const last = (llm: ScriptedLlm): string => llm.requests.at(-1)?.messages.at(-1)?.content ?? "";

test("enqueue answers messages in order, each with the answers before it", async () => {
  const gate = createGate();
  const llm = createScriptedLlm(async ({ request, signal, call }) => {
    if (call === 1) await gate.wait(signal);
    return `re: ${request.messages.at(-1)?.content}`;
  });
  const { agents, cv, chat } = await startTalk(llm);

  const one = chat("one");
  await gate.reached;
  const two = chat("two");
  const three = chat("three");
  await Promise.all([two.accepted(), three.accepted()]);
  const seen = (await agents.ask(conversationAt(cv), {
    type: "describe",
  })) as ConversationDescription;
  gate.open();
  await Promise.all([one.reply(), two.reply(), three.reply()]);

  expect(seen.waiting).toHaveLength(2);
  expect(agents.messages(cv).map((message) => message.content)).toEqual([
    "one",
    "re: one",
    "two",
    "re: two",
    "three",
    "re: three",
  ]);
  const third = llm.requests[2]?.messages.filter(({ role }) => role !== "system");
  expect(third?.map(({ content }) => content)).toEqual([
    "one",
    "re: one",
    "two",
    "re: two",
    "three",
  ]);
  expect(agents.balance()).toBe(97_000);
});

test("the queue of a conversation is bounded", async () => {
  const gate = createGate();
  const llm = createScriptedLlm(async ({ signal }) => {
    await gate.wait(signal);
    return "ok";
  });
  const { agents, cv, chat } = await startTalk(llm);

  const first = chat("0");
  await gate.reached;
  const held = Array.from({ length: 32 }, (_, at) => chat(`${at + 1}`));
  await Promise.all(held.map((one) => one.accepted()));

  expect(await codeOf(chat("33").accepted())).toBe("MAILBOX_FULL");
  gate.open();
  await Promise.all([first, ...held].map((one) => one.reply()));
  expect(agents.messages(cv)).toHaveLength(66);
});

test("reject says busy while a run is under way and answers when it has ended", async () => {
  const gate = createGate();
  const llm = createScriptedLlm(async ({ signal }) => {
    await gate.wait(signal);
    return "ok";
  });
  const { agents, cv, chat } = await startTalk(llm, {
    agent: { agent_config: { on_busy: "reject" } },
  });

  const one = chat("one");
  await gate.reached;
  const busy = await codeOf(chat("two").accepted());
  gate.open();
  await one.reply();
  await chat("three").reply();

  expect(busy).toBe("CONVERSATION_BUSY");
  expect(agents.messages(cv).map((message) => message.content)).toEqual([
    "one",
    "ok",
    "three",
    "ok",
  ]);
});

test("interrupt keeps the shown part, marked, and answers the later message", async () => {
  const gate = createGate();
  const llm = createScriptedLlm(async ({ write, signal, call }) => {
    if (call > 1) return "second answer";
    write("Half an ans");
    await gate.wait(signal);
    return "never";
  });
  const { agents, cv, chat } = await startTalk(llm);

  const one = chat("one");
  await gate.reached;
  const two = chat("two", { on_busy: "interrupt" });
  const [end, reply] = await Promise.all([one.end(), two.reply()]);

  expect(end.outcome).toMatchObject({ status: "cancelled", shown: "Half an ans" });
  expect(reply.response).toBe("second answer");
  expect(agents.messages(cv).map(({ content, status }) => [content, status])).toEqual([
    ["one", undefined],
    ["Half an ans", "interrupted"],
    ["two", undefined],
    ["second answer", undefined],
  ]);
  expect(agents.balance()).toBe(98_000);
});

test("of several interrupting messages the last one is answered", async () => {
  const gate = createGate();
  const llm = createScriptedLlm(async ({ request, signal }) => {
    if (request.messages.at(-1)?.content !== "three") await gate.wait(signal);
    return "answer";
  });
  const { agents, chat } = await startTalk(llm, {
    agent: { agent_config: { on_busy: "interrupt" } },
  });

  const one = chat("one");
  await gate.reached;
  const two = chat("two");
  const three = chat("three");
  const ends = await Promise.all([one.end(), two.end(), three.end()]);

  expect(ends.map(({ outcome }) => outcome.status)).toEqual([
    "cancelled",
    "cancelled",
    "completed",
  ]);
  const paid = agents.rows("ledger-fresh") as { service: string }[];
  expect(paid.filter(({ service }) => service === "core-agent-chat")).toHaveLength(3);
  expect(agents.balance()).toBe(99_000);
});

test("merge makes waiting messages one input, and every caller gets its answer", async () => {
  const gate = createGate();
  const llm = createScriptedLlm(async ({ signal, call }) => {
    if (call === 1) await gate.wait(signal);
    return `answer ${call}`;
  });
  const { agents, cv, chat } = await startTalk(llm, {
    agent: { agent_config: { on_busy: "merge" } },
  });

  const one = chat("one");
  await gate.reached;
  const two = chat("two");
  const three = chat("three");
  const accepted = await Promise.all([two.accepted(), three.accepted()]);
  gate.open();
  const replies = await Promise.all([one.reply(), two.reply(), three.reply()]);

  expect(accepted[0]?.run).toBe(accepted[1]?.run);
  expect(replies.map(({ response }) => response)).toEqual(["answer 1", "answer 2", "answer 2"]);
  expect(last(llm)).toBe("two\nthree");
  expect(agents.messages(cv).map(({ content }) => content)).toEqual([
    "one",
    "answer 1",
    "two",
    "three",
    "answer 2",
  ]);
  expect(agents.balance()).toBe(97_000);
});

test("steer is taken by the run under way, whose answer both callers get", async () => {
  const gate = createGate();
  const llm = createScriptedLlm(async ({ signal, call }) => {
    if (call === 1) await gate.wait(signal);
    return `answer ${call}`;
  });
  const { agents, cv, chat } = await startTalk(llm);

  const one = chat("one");
  await gate.reached;
  const two = chat("in French", { on_busy: "steer" });
  await two.accepted();
  gate.open();
  const replies = await Promise.all([one.reply(), two.reply()]);

  expect(replies.map(({ response }) => response)).toEqual([
    "answer 1\n\nanswer 2",
    "answer 1\n\nanswer 2",
  ]);
  expect(one.text()).toBe("answer 1\n\nanswer 2");
  const asked = llm.requests[1]?.messages.filter(({ role }) => role !== "system");
  expect(asked?.map(({ content }) => content)).toEqual(["one", "answer 1", "in French"]);
  expect(agents.messages(cv).map(({ content }) => content)).toEqual([
    "one",
    "in French",
    "answer 1\n\nanswer 2",
  ]);
  expect(llm.requests).toHaveLength(2);
});

test("a steered message that the run did not take is answered by a run of its own", async () => {
  const gate = createGate();
  const llm = createScriptedLlm(async ({ signal, call }) => {
    if (call === 1) await gate.wait(signal);
    return `answer ${call}`;
  });
  const { agents, cv, chat } = await startTalk(llm);

  const one = chat("one");
  const { run } = await one.accepted();
  await gate.reached;
  const two = chat("two", { on_busy: "steer" });
  await two.accepted();
  await agents.cancel(run, cv);
  const reply = await two.reply();

  expect((await one.end()).outcome.status).toBe("cancelled");
  expect(reply.response).toBe("answer 2");
  expect(agents.messages(cv).map(({ content }) => content)).toEqual(["one", "", "two", "answer 2"]);
});
