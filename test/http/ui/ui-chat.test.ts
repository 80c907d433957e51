// The AI SDK's own chat, unchanged, pointed at this server: messages, tools of both kinds, decisions,
// errors, and the stream that is resumed.

import {
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
  type UIMessage,
} from "ai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate } from "../../support/scripted-llm.ts";
import { Chat, type ChatParts, textIn } from "../../support/ui-chat-client.ts";

let host: HttpHost;
let agent = "";
let careful = "";

beforeAll(async () => {
  host = await startHttpHost();
  const make = async (body: object): Promise<string> =>
    (await host.call("POST", "/v2/agents", { model_name: "m-1", ...body })).body.id;
  const sum = { name: "sum", type: "calculator", requires_confirmation: true };
  const { body } = await host.call("POST", "/v2/tools", sum);
  agent = await make({ name: "Desk", tools: [{ tool: "calculator" }] });
  careful = await make({ name: "Careful", tools: [{ tool: body.id }] });
});
afterAll(() => host.stop());
beforeEach(() => {
  host.llm.script = () => "You can export from Settings.";
});

const chatOf = (parts: ChatParts = {}, of = agent, key = host.key): Chat =>
  new Chat({ url: host.url, key, agent: of }, parts);
const sumOnce = (name: string, then: string): void => {
  host.llm.script = ({ request }) =>
    request.messages.at(-1)?.role === "tool"
      ? then
      : { text: "Let me see. ", calls: [{ name, arguments: { expression: "2+2" } }] };
};
const partsOf = ({ parts }: UIMessage): readonly string[] => parts.map(({ type }) => type);
const said = (id: string, text: string) => ({ id, role: "user", parts: [{ type: "text", text }] });
const keyIn = (message: UIMessage | undefined): string =>
  (message?.metadata as { readonly conversation_key?: string } | undefined)?.conversation_key ?? "";
type Call = { readonly state: string; readonly approval?: { readonly id: string } };
const callsIn = (chat: Chat): readonly Call[] =>
  (chat.messages[1]?.parts ?? []).filter(({ type }) => type === "dynamic-tool") as never;
const askedIn = (chat: Chat): string =>
  callsIn(chat).find(({ state }) => state === "approval-requested")?.approval?.id ?? "";
const pathOf = (id: string, of = agent): string => `/v2/agents/${of}/ui-chat/${id}/stream`;

test("a chat says one message after the other in one conversation that is kept here", async () => {
  const chat = chatOf();
  await chat.sendMessage({ text: "How do I export?" });
  const [, first] = chat.messages;
  host.llm.script = ({ request }) => `You said ${request.messages.length} things.`;
  await chat.sendMessage({ text: "And then?" });

  expect(chat.status).toBe("ready");
  expect(chat.messages.map((message) => [message.role, textIn(message)])).toMatchObject([
    ["user", "How do I export?"],
    ["assistant", "You can export from Settings."],
    ["user", "And then?"],
    ["assistant", expect.stringMatching(/^You said \d/)],
  ]);
  const conversation_key = keyIn(first);
  const kept = await host.call("GET", `/v2/conversations/${conversation_key}/messages`);
  expect(kept.body.data).toHaveLength(4);
  expect(chat.messages[3]?.metadata).toMatchObject({
    conversation_key,
    usage: { inputTokens: 10, outputTokens: 5, totalTokens: 15 },
  });
});

test("text comes piece by piece, in one part that ends", async () => {
  const path = `/v2/agents/${agent}/ui-chat`;
  const body = { id: "pieces", messages: [said("1", "Hello?")], trigger: "submit-message" };
  const data = (await (await host.events("POST", path, body)).rest()).map((event) => event.data);
  const raw = await fetch(host.url + path, {
    method: "POST",
    headers: { "X-API-Key": host.key, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  await raw.text();

  expect(raw.headers.get("x-vercel-ai-ui-message-stream")).toBe("v1");
  expect(data.at(-1)).toBe("[DONE]");
  const types = data.slice(0, -1).map((text) => JSON.parse(text).type);
  expect(types.filter((type) => !type.startsWith("data-"))).toEqual([
    "start",
    "start-step",
    "text-start",
    "text-delta",
    "text-end",
    "finish-step",
    "finish",
  ]);
});

test("the agent's own call is a dynamic tool with its result, and nothing for the client to run", async () => {
  sumOnce("calculator", "It is 4.");
  const heard: unknown[] = [];
  const chat = chatOf({
    onToolCall: ({ toolCall }) => void heard.push(toolCall),
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls,
  });
  await chat.sendMessage({ text: "2+2?" });

  const last = chat.messages.at(-1) as UIMessage;
  expect(partsOf(last).filter((type) => !type.startsWith("data-"))).toEqual([
    "step-start",
    "text",
    "dynamic-tool",
    "step-start",
    "text",
  ]);
  expect(last.parts.find(({ type }) => type === "dynamic-tool")).toMatchObject({
    ...{ toolName: "calculator", state: "output-available", providerExecuted: true },
    ...{ input: { expression: "2+2" }, output: expect.anything() },
  });
  expect([heard, chat.messages.length]).toEqual([[], 2]);
});

test("a client's tool is called, run by the client, and answered with its result", async () => {
  host.llm.script = ({ request }) => {
    const told = request.messages.findLast(({ role }) => role === "tool");
    if (told !== undefined) return `Told: ${told.content}`;
    return { calls: [{ name: "weather", arguments: { city: "Rome" } }] };
  };
  const inputSchema = { type: "object", properties: { city: { type: "string" } } };
  const chat: Chat = chatOf({
    body: { tools: [{ name: "weather", description: "The weather.", inputSchema }] },
    onToolCall: ({ toolCall }) => {
      const { toolCallId } = toolCall;
      void chat.addToolOutput({ tool: "weather", toolCallId, output: { sky: "clear" } });
    },
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithToolCalls,
  });
  await chat.sendMessage({ text: "Weather in Rome?" });

  await expect.poll(() => textIn(chat.messages.at(-1)), { timeout: 5_000 }).toContain("Told:");
  await expect.poll(() => chat.status, { timeout: 5_000 }).toBe("ready");
  expect(chat.messages).toHaveLength(2);
  expect(textIn(chat.messages[1])).toContain('{"sky":"clear"}');
  expect(chat.messages[1]?.parts.find(({ type }) => type === "tool-weather")).toMatchObject({
    ...{ state: "output-available", input: { city: "Rome" }, output: { sky: "clear" } },
  });
});

test.each([
  { approved: true, state: "output-available", calls: 1 },
  { approved: false, state: "output-denied", calls: 0 },
])("a call that waits is decided in the chat, and the message goes on: %o", async (wanted) => {
  const { approved, state } = wanted;
  sumOnce("sum", "That is all.");
  const chat = chatOf(
    { sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses },
    careful,
  );
  await chat.sendMessage({ text: "2+2?" });
  expect([chat.status, callsIn(chat)]).toMatchObject([
    "ready",
    [{ state: "approval-requested", input: { expression: "2+2" } }],
  ]);
  const id = askedIn(chat);

  const reason = "As agreed.";
  await chat.addToolApprovalResponse({ id, approved, reason });
  await expect.poll(() => textIn(chat.messages.at(-1)), { timeout: 5_000 }).toContain("all");
  await expect.poll(() => chat.status, { timeout: 5_000 }).toBe("ready");

  expect(chat.messages).toHaveLength(2);
  expect(textIn(chat.messages[1])).toBe("Let me see. That is all.");
  const done = chat.messages[1]?.parts.filter(({ type }) => type === "dynamic-tool");
  expect(done).toMatchObject([{ state }]);
  const { body } = await host.call("GET", `/v2/approvals/${id}`);
  expect(body).toMatchObject({ status: approved ? "approved" : "rejected", note: reason });
});

test("calls that wait side by side are asked and decided together", async () => {
  host.llm.script = ({ request }) => {
    const told = request.messages.filter(({ role }) => role === "tool");
    if (told.length > 0) return `Told: ${told.map(({ content }) => content).join(" | ")}`;
    const sum = (expression: string) => ({ name: "sum", arguments: { expression } });
    return { calls: [sum("1+1"), sum("2+2"), sum("3+3")] };
  };
  const chat = chatOf(
    { sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses },
    careful,
  );
  await chat.sendMessage({ text: "Sums?" });
  const waiting = callsIn(chat);
  expect(waiting.map(({ state }) => state)).toEqual(Array(3).fill("approval-requested"));
  for (const { approval } of waiting) {
    await chat.addToolApprovalResponse({ id: approval?.id ?? "", approved: true });
  }

  await expect.poll(() => textIn(chat.messages[1]), { timeout: 5_000 }).toContain("Told:");
  await expect.poll(() => chat.status, { timeout: 5_000 }).toBe("ready");
  const done = chat.messages[1]?.parts.filter(({ type }) => type === "dynamic-tool");
  expect(done).toMatchObject([
    { state: "output-available", input: { expression: "1+1" } },
    { state: "output-available", input: { expression: "2+2" } },
    { state: "output-available", input: { expression: "3+3" } },
  ]);
});

test("a second question of the same run is asked in the same message", async () => {
  host.llm.script = ({ request }) => {
    const told = request.messages.filter(({ role }) => role === "tool").length;
    if (told === 2) return "Both are done.";
    return {
      text: `Call ${told}. `,
      calls: [{ name: "sum", arguments: { expression: `${told}+1` } }],
    };
  };
  const chat = chatOf(
    { sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses },
    careful,
  );
  await chat.sendMessage({ text: "Two sums?" });
  const first = askedIn(chat);
  await chat.addToolApprovalResponse({ id: first, approved: true });
  await expect.poll(() => askedIn(chat), { timeout: 5_000 }).not.toMatch(new RegExp(`^$|${first}`));
  await expect.poll(() => chat.status, { timeout: 5_000 }).toBe("ready");
  await chat.addToolApprovalResponse({ id: askedIn(chat), approved: true });

  await expect.poll(() => textIn(chat.messages[1]), { timeout: 5_000 }).toContain("Both");
  expect(textIn(chat.messages[1])).toBe("Call 0. Call 1. Both are done.");
});

test("another message while a decision is waited for is refused, and says what to decide", async () => {
  sumOnce("sum", "That is all.");
  const chat = chatOf({}, careful);
  await chat.sendMessage({ text: "2+2?" });
  await chat.sendMessage({ text: "Hello?" });

  expect(chat.status).toBe("error");
  expect(chat.error?.message).toMatch(/waits for a decision about sum: decide ap_/);
});

test("a key that may not decide approvals does not by way of a chat", async () => {
  sumOnce("sum", "That is all.");
  const key = await host.makeKey(["ui"]);
  const chat = chatOf(
    { sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses },
    careful,
    key,
  );
  await chat.sendMessage({ text: "2+2?" });
  const id = askedIn(chat);
  await chat.addToolApprovalResponse({ id, approved: true });

  await expect.poll(() => chat.error?.message, { timeout: 5_000 }).toMatch(/service approvals/);
  expect((await host.call("GET", `/v2/approvals/${id}`)).body.status).toBe("pending");
});

test("an answer is made anew in the place of the last one, and no earlier one", async () => {
  const chat = chatOf();
  await chat.sendMessage({ text: "How do I export?" });
  const conversation_key = keyIn(chat.messages[1]);
  host.llm.script = () => "Another answer.";
  await chat.regenerate();

  expect(chat.messages.map(textIn)).toEqual(["How do I export?", "Another answer."]);
  const kept = await host.call("GET", `/v2/conversations/${conversation_key}/messages`);
  const texts = kept.body.data.map(({ content }: { content: string }) => content);
  expect(texts.sort()).toEqual(["Another answer.", "How do I export?"]);

  await chat.sendMessage({ text: "And then?" });
  await chat.regenerate({ messageId: chat.messages[1]?.id ?? "" });
  expect([chat.status, chat.error?.message]).toEqual([
    "error",
    expect.stringMatching(/cannot be changed/),
  ]);
});

test("a message that was edited is refused with what to do", async () => {
  const chat = chatOf();
  await chat.sendMessage({ text: "How do I export?" });
  await chat.sendMessage({ text: "How do I import?", messageId: chat.messages[0]?.id ?? "" });

  expect([chat.status, chat.error?.message]).toEqual([
    "error",
    expect.stringMatching(/begin another thread/),
  ]);
});

test("a message that is sent twice is answered and charged once", async () => {
  const before = await host.balance();
  const body = {
    id: "twice",
    messages: [said("m1", "Hello?")],
  };
  const send = async () => {
    const events = await host.events("POST", `/v2/agents/${agent}/ui-chat`, body);
    return (await events.rest()).map(({ data }) => data);
  };
  const [first, second] = [await send(), await send()];

  const other = await host.call("POST", `/v2/agents/${agent}/ui-chat`, {
    ...body,
    messages: [said("m1", "Something else?")],
  });

  expect(second).toEqual(first);
  expect(other.body.code).toBe("KEY_REUSED");
  expect(before - (await host.balance())).toBe(1_000);
});

test("what fails is an error of the chat, and it can be tried again", async () => {
  host.llm.script = () => {
    throw new Error("a secret of the server");
  };
  const chat = chatOf();
  await chat.sendMessage({ text: "How do I export?" });
  expect(chat.status).toBe("error");
  expect(chat.error?.message).not.toContain("secret");

  host.llm.script = () => "Now it works.";
  await chat.regenerate();
  expect([chat.status, textIn(chat.messages.at(-1))]).toEqual(["ready", "Now it works."]);
});

test("a team is chatted with as an agent is, and what a member asks is asked", async () => {
  sumOnce("sum", "That is all.");
  const members = [{ agent: careful }];
  const body = { name: "Crew", mode: "coordinate", members };
  const team = await host.call("POST", "/v2/teams", body);
  expect(team.status).toBe(201);
  const chat = chatOf(
    { sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses },
    team.body.id,
  );
  await chat.sendMessage({ text: "2+2?" });
  expect(callsIn(chat)).toMatchObject([{ toolName: "sum", state: "approval-requested" }]);
  const id = askedIn(chat);
  await chat.addToolApprovalResponse({ id, approved: true });

  await expect.poll(() => textIn(chat.messages[1]), { timeout: 5_000 }).toContain("all");
  expect(chat.messages).toHaveLength(2);
});

test("a stream that was cut is resumed from its start, and there is none when nothing is under way", async () => {
  const gate = createGate();
  host.llm.script = async ({ write, signal }) => {
    write("The first half, ");
    await gate.wait(signal);
    return "The first half, the second half.";
  };
  const cut = chatOf({ id: "resumed" });
  const sending = cut.sendMessage({ text: "Both halves?" });
  await expect.poll(() => textIn(cut.messages.at(-1)), { timeout: 5_000 }).toContain("first");
  await cut.stop();
  await sending;

  const chat = chatOf({ id: "resumed", messages: [...cut.messages] });
  const resuming = chat.resumeStream();
  await expect.poll(() => chat.status, { timeout: 5_000 }).toBe("streaming");
  gate.open();
  await resuming;

  expect(chat.messages.map(textIn)).toEqual(["Both halves?", "The first half, the second half."]);
  expect((await host.call("GET", pathOf("resumed"))).status).toBe(204);
  await chat.resumeStream();
  expect(chat.status).toBe("ready");
});

test("a chat's id is the tenant's and the agent's own", async () => {
  const gate = createGate();
  host.llm.script = async ({ signal }) => {
    await gate.wait(signal);
    return "Done.";
  };
  const chat = chatOf({ id: "shared-id" });
  const sending = chat.sendMessage({ text: "Hello?" });
  await gate.reached;
  const foreign = await host.call("GET", pathOf("shared-id"), undefined, { key: host.otherKey });
  const other = await host.call("GET", pathOf("shared-id", careful));
  gate.open();
  await sending;

  expect([foreign.status, other.status]).toEqual([404, 204]);
});
