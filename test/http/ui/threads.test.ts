// Threads of the UI protocols: which conversation one is, what ends it, what of it is answered from the
// client's own messages, and whom it may be spoken with.

import { HttpAgent } from "@ag-ui/client";
import type { UIMessage } from "ai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate } from "../../support/scripted-llm.ts";
import { Chat, textIn } from "../../support/ui-chat-client.ts";

let host: HttpHost;
let agent = "";

beforeAll(async () => {
  host = await startHttpHost();
  agent = await made("/v2/agents", { name: "Desk", model_name: "m-1" });
});
afterAll(() => host.stop());
beforeEach(() => {
  host.llm.script = () => "You can export from Settings.";
});

const made = async (path: string, body: object): Promise<string> => {
  const answer = await host.call("POST", path, body);
  expect([answer.status, answer.body]).toMatchObject([201, {}]);
  return answer.body.id;
};
const chatOf = (
  id: string,
  of = agent,
  body: Readonly<Record<string, unknown>> = {},
  messages: UIMessage[] = [],
): Chat => new Chat({ url: host.url, key: host.key, agent: of }, { id, body, messages });
const metadataOf = (chat: Chat) =>
  chat.messages.at(-1)?.metadata as {
    readonly conversation_key: string | null;
    readonly run_id: string;
  };
const clientOf = (threadId: string, of = agent): HttpAgent =>
  new HttpAgent({
    url: `${host.url}/v2/agents/${of}/ag-ui`,
    headers: { "X-API-Key": host.key },
    threadId,
  });

test("a thread is the same conversation by both protocols, and so is a conversation's own key", async () => {
  const chat = chatOf("both");
  await chat.sendMessage({ text: "How do I export?" });
  const conversation = metadataOf(chat).conversation_key ?? "";
  const client = clientOf("both");
  client.addMessage({ id: "u1", role: "user", content: "And then?" });
  await client.runAgent();
  const keyed = chatOf(conversation);
  await keyed.sendMessage({ text: "And after that?" });

  expect(metadataOf(keyed).conversation_key).toBe(conversation);
  const kept = await host.call("GET", `/v2/conversations/${conversation}/messages`);
  expect(kept.body.data).toHaveLength(6);
});

test("a page that is loaded anew begins with the messages that are kept, and goes on", async () => {
  const kept = async (id: string) =>
    (await host.call("GET", `/v2/agents/${agent}/ui-chat/${id}/messages`)).body.messages;
  const chat = chatOf("reloaded");
  await chat.sendMessage({ text: "How do I export?" });
  const gate = createGate();
  host.llm.script = async ({ signal }) => {
    await gate.wait(signal);
    return "By the menu.";
  };
  const asking = chat.sendMessage({ text: "And then?" });
  await gate.reached;
  const messages = await kept("reloaded");
  const page = chatOf("reloaded", agent, {}, messages);
  const resuming = page.resumeStream();
  await expect.poll(() => page.status, { timeout: 10_000 }).toBe("streaming");
  gate.open();
  await Promise.all([asking, resuming]);

  expect(messages).toHaveLength(3);
  const shown = (of: Chat) => of.messages.map((one) => [one.role, textIn(one)]);
  expect(shown(page)).toEqual(shown(chat));
  expect(page.messages.at(-1)?.id).toBe(chat.messages.at(-1)?.id);
  const ids = (all: readonly { id: string; role: string }[]) =>
    all.filter(({ role }) => role === "assistant").map(({ id }) => id);
  expect(ids(await kept("reloaded"))).toEqual(ids(chat.messages));
  expect(await kept("nobody-spoke-here")).toEqual([]);
});

test("the same id is another thread with another agent", async () => {
  const other = await made("/v2/agents", { name: "Other", model_name: "m-1" });
  const keys: (string | null)[] = [];
  for (const of of [agent, other, agent, other]) {
    const chat = chatOf("same-id", of);
    await chat.sendMessage({ text: "How do I export?" });
    keys.push(metadataOf(chat).conversation_key);
  }

  expect(keys).toEqual([keys[0], keys[1], keys[0], keys[1]]);
  expect(keys[0]).not.toBe(keys[1]);
});

test("two first messages of one thread at once are said in one conversation", async () => {
  const chats = [chatOf("at-once"), chatOf("at-once")];
  await Promise.all(chats.map((chat, at) => chat.sendMessage({ text: `Question ${at}?` })));

  const keys = new Set(chats.map((chat) => metadataOf(chat).conversation_key));
  expect([keys.size, chats.map(({ status }) => status)]).toEqual([1, ["ready", "ready"]]);
});

test("a thread whose conversation was deleted begins anew", async () => {
  const chat = chatOf("deleted");
  await chat.sendMessage({ text: "How do I export?" });
  const first = metadataOf(chat).conversation_key;
  expect((await host.call("DELETE", `/v2/conversations/${first}`)).status).toBe(204);
  await chat.sendMessage({ text: "And then?" });

  expect(chat.status).toBe("ready");
  expect(metadataOf(chat).conversation_key).toMatch(/^cv_/);
  expect(metadataOf(chat).conversation_key).not.toBe(first);
});

test("a workflow is spoken with as an agent is, and its nodes are told", async () => {
  const graph_definition = {
    nodes: [
      { id: "ask", type: "agent", ref: agent },
      { id: "end", type: "end" },
    ],
    edges: [{ from: "ask", to: "end" }],
  };
  const flow = await made("/v2/workflows", { name: "Flow", graph_definition });
  const client = clientOf("flow", flow);
  const steps: string[] = [];
  client.addMessage({ id: "u1", role: "user", content: "How do I export?" });
  await client.runAgent({}, { onStepStartedEvent: ({ event }) => void steps.push(event.stepName) });

  expect(steps).toContain("ask");
  expect(client.messages.at(-1)).toMatchObject({ role: "assistant" });
});

test("what is cancelled elsewhere ends a chat without an error, with what was written", async () => {
  const gate = createGate();
  host.llm.script = async ({ write, signal }) => {
    write("The first half, ");
    await gate.wait(signal);
    return "The first half, the second half.";
  };
  const chat = chatOf("cancelled");
  const sending = chat.sendMessage({ text: "Both halves?" });
  await expect.poll(() => textIn(chat.messages[1]), { timeout: 5_000 }).toContain("first");
  await host.call("POST", `/v2/runs/${metadataOf(chat).run_id}/cancel`, {});
  await sending;

  expect([chat.status, textIn(chat.messages[1])]).toEqual(["ready", "The first half, "]);
});

test("messages with images and of the system are answered as they are sent, and not kept", async () => {
  host.llm.script = ({ request }) => JSON.stringify(request.messages);
  const chat = chatOf("images");
  const url = "data:image/png;base64,iVBORw0KGgo=";
  const files = [{ type: "file" as const, mediaType: "image/png", url }];
  await chat.sendMessage({ text: "What is this?", files });
  const refused = chatOf("documents");
  const document = {
    type: "file" as const,
    mediaType: "application/pdf",
    url: "https://a.example/b.pdf",
  };
  await refused.sendMessage({ text: "And this?", files: [document] });

  expect(textIn(chat.messages[1])).toContain("iVBORw0KGgo=");
  expect(metadataOf(chat).conversation_key).toBeNull();
  expect([refused.status, refused.error?.message]).toEqual([
    "error",
    expect.stringMatching(/images/),
  ]);
});

test("an answer to the client's own messages is resumed too, while it is under way", async () => {
  const gate = createGate();
  host.llm.script = async ({ write, signal }) => {
    write("The first half, ");
    await gate.wait(signal);
    return "The first half, the second half.";
  };
  const inputSchema = { type: "object", properties: {} };
  const tools = [{ name: "look", description: "Looks.", inputSchema }];
  const cut = chatOf("own-messages", agent, { tools });
  const sending = cut.sendMessage({ text: "Both halves?" });
  await expect.poll(() => textIn(cut.messages[1]), { timeout: 5_000 }).toContain("first");
  await cut.stop();
  await sending;
  const chat = chatOf("own-messages");
  const resuming = chat.resumeStream();
  await expect.poll(() => chat.status, { timeout: 5_000 }).toBe("streaming");
  gate.open();
  await resuming;

  expect(textIn(chat.messages[0])).toBe("The first half, the second half.");
});

test("arguments that a person has changed take the place of the call's own", async () => {
  const sum = { name: "sum", type: "calculator", requires_confirmation: true };
  const tools = [{ tool: await made("/v2/tools", sum) }];
  const careful = await made("/v2/agents", { name: "Careful", model_name: "m-1", tools });
  host.llm.script = ({ request }) =>
    request.messages.at(-1)?.role === "tool"
      ? "Done."
      : { calls: [{ name: "sum", arguments: { expression: "2+2" } }] };
  const client = clientOf("changed", careful);
  client.addMessage({ id: "u1", role: "user", content: "2+2?" });
  await client.runAgent();
  const interruptId = client.pendingInterrupts[0]?.id ?? "";
  const payload = { approved: true, arguments: { expression: "20+22" } };
  await client.runAgent({ resume: [{ interruptId, status: "resolved", payload }] });

  const told = client.messages.find(({ role }) => role === "tool");
  expect(String(told?.content)).toContain("42");
});

test("what an answer rests on is a part of its message", async () => {
  const collection = await made("/v2/knowledge/collections", { name: "Docs" });
  const path = `/v2/knowledge/collections/${collection}/documents`;
  const text = "Puffins are fed by the keeper on Mondays.";
  await host.call("POST", path, { title: "Puffins", text });
  const collection_ids = [collection];
  const body = { name: "Guide", model_name: "m-1", requires_collection: true, collection_ids };
  const guide = await made("/v2/agents", body);
  host.llm.script = () => "By the keeper [1].";
  const chat = chatOf("sources", guide);
  await chat.sendMessage({ text: "Who feeds the puffins?" });

  expect(chat.messages[1]?.parts.find(({ type }) => type === "source-document")).toMatchObject({
    title: "Puffins",
    providerMetadata: { troupe: { collection_key: collection, text } },
  });
});
