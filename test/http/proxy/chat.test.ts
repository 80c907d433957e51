// Document 001's chat through the real door: whole and streamed, resumed, repeated, cancelled, paid.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate } from "../../support/scripted-llm.ts";
import type { Json, WireEvent } from "../../support/wire-client.ts";

let host: HttpHost;
let agent = "";
const path = "/v1/proxy/core-agent-chat";
const answerText = "You can export from Settings.";

beforeAll(async () => {
  host = await startHttpHost();
  agent = await makeAgent({ name: "Desk", model_name: "test-model" });
  await host.call("POST", `/v1/proxy/core-agent-subagent-create/${agent}`, {
    name: "Docs Agent",
    trigger: { keywords: ["export"], description: "Product questions." },
    model_name: "test-model",
    action: { frontend_trigger: { name: "open", payload: { page: "export" } } },
  });
});
afterAll(() => host.stop());
beforeEach(() => host.setBalance(100));
afterEach(() => {
  host.llm.script = () => answerText;
});

async function makeAgent(input: object): Promise<string> {
  const { body } = await host.call("POST", "/v1/proxy/core-agent-create", input);
  return body.data.agent_key;
}

const ask = (more: object = {}) => ({
  agent_key: agent,
  message: "How do I export my data?",
  ...more,
});
const chunks = (events: readonly (WireEvent | undefined)[]): readonly Json[] =>
  events.flatMap((event) =>
    event === undefined || event.data === "[DONE]" ? [] : [JSON.parse(event.data)],
  );
const contentOf = (events: readonly (WireEvent | undefined)[]): string =>
  chunks(events)
    .map((chunk) => chunk.choices?.[0]?.delta?.content ?? "")
    .join("");

test("a whole answer says which action was taken, what it cost and where to go on", async () => {
  const { status, body } = await host.call("POST", path, ask());

  expect(status).toBe(200);
  expect(body.data).toMatchObject({
    response: answerText,
    agent_key: agent,
    routing_info: { selected_action: "SUB_AGENT", action_name: "Docs Agent" },
    frontend_trigger: { name: "open", payload: { page: "export" } },
    data_collection: null,
    sources: [],
    usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
  });
  expect(body.data.conversation_key).toMatch(/^cv_/);
  expect(body.gateway.service).toBe("core-agent-chat");
  expect(body.cost).toEqual({ units: 1, unit_price: 0.001, tokens: 0.001, balance: 99.999 });
});

test("a conversation goes on under its key, is listed, shown whole and deleted", async () => {
  const first = await host.call("POST", path, ask());
  const conversation_key = first.body.data.conversation_key;
  await host.call("POST", path, ask({ conversation_key, message: "And as export to JSON?" }));
  const base = "/v1/proxy/core-agent-conversation";

  const list = await host.call("GET", `${base}s?agent_key=${agent}`);
  const details = await host.call("GET", `${base}-details/${conversation_key}`);
  const gone = await host.call("DELETE", `${base}-delete/${conversation_key}`);
  const after = await host.call("GET", `${base}-details/${conversation_key}`);
  const again = await host.call("POST", path, ask({ conversation_key }));

  expect(list.body.data[0]).toMatchObject({ conversation_key, agent_key: agent, message_count: 4 });
  expect(list.body.pagination).toMatchObject({ has_more: false, next_cursor: null });
  expect(details.body.data.messages.map((one: Json) => [one.role, one.content])).toEqual([
    ["user", "How do I export my data?"],
    ["assistant", answerText],
    ["user", "And as export to JSON?"],
    ["assistant", answerText],
  ]);
  expect(gone.body.data).toEqual({ conversation_key, deleted: true });
  expect([after.status, again.status]).toEqual([404, 404]);
});

test("conversations need an agent to be listed", async () => {
  const answer = await host.call("GET", "/v1/proxy/core-agent-conversations");

  expect(answer.status).toBe(400);
  expect(answer.body.error.message).toContain("agent_key");
});

test("another agent's or tenant's conversation looks like an unknown one", async () => {
  const { conversation_key } = (await host.call("POST", path, ask())).body.data;
  const other = await makeAgent({ name: "Other" });
  const details = `/v1/proxy/core-agent-conversation-details/${conversation_key}`;

  const answers = [
    await host.call("POST", path, ask({ conversation_key, agent_key: other })),
    await host.call("POST", path, ask({ conversation_key: "cv_unknown" })),
    await host.call("POST", path, ask({ conversation_key: "nonsense/.." })),
    await host.call("GET", details, undefined, { key: host.otherKey }),
  ];

  expect(answers.map((one) => one.status)).toEqual([404, 404, 404, 404]);
});

const wrong: readonly (readonly [string, object, string])[] = [
  ["no message", { message: undefined }, "/message"],
  ["an empty message", { message: "" }, "/message"],
  ["a message over its limit", { message: "x".repeat(200_001) }, "/message"],
  ["an unknown way to be busy", { on_busy: "wait" }, "/on_busy"],
  ["an unknown field", { chatbot_id: "x" }, "/chatbot_id"],
];

test.each(wrong)("%s is refused with its place", async (_what, more, pointer) => {
  const answer = await host.call("POST", path, ask(more));

  expect(answer.status).toBe(400);
  expect(answer.body.error.pointer).toBe(pointer);
});

test("a stream is a role chunk with routing, content, finish with usage, and [DONE]", async () => {
  host.llm.script = ({ write }) => {
    write("You can ");
    return answerText;
  };

  const stream = await host.events("POST", path, ask({ stream: true }));
  const events = await stream.rest();

  const all = chunks(events);
  expect(all[0]).toMatchObject({
    object: "chat.completion.chunk",
    model: "test-model",
    choices: [{ index: 0, delta: { role: "assistant" }, finish_reason: null }],
    routing_info: { action_name: "Docs Agent" },
  });
  expect(all[0].id).toBe(`chatcmpl-${all[0].run_id}`);
  expect(all[0].conversation_key).toMatch(/^cv_/);
  expect(contentOf(events)).toBe(answerText);
  expect(all.at(-1)).toMatchObject({
    choices: [{ index: 0, delta: {}, finish_reason: "stop" }],
    usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
  });
  expect(events.at(-1)?.data).toBe("[DONE]");
  expect(events.every((event) => event.id !== null)).toBe(true);
});

test("a cut stream is resumed with the rest, running and recorded", async () => {
  const gate = createGate();
  host.llm.script = async ({ write, signal }) => {
    write("You can ");
    await gate.wait(signal);
    return answerText;
  };
  const body = ask({ stream: true });
  const stream = await host.events("POST", path, body);
  const seen = [await stream.next(), await stream.next()];
  stream.cut();
  const headers = { "Last-Event-ID": seen[1]?.id ?? "" };

  const running = await host.events("POST", path, body, { headers });
  gate.open();
  const rest = await running.rest();
  const recorded = await (await host.events("POST", path, body, { headers })).rest();

  expect(contentOf(seen) + contentOf(rest)).toBe(answerText);
  expect(contentOf(seen) + contentOf(recorded)).toBe(answerText);
  expect(recorded.at(-1)?.data).toBe("[DONE]");
  expect(await host.balance()).toBe(100_000_000 - 1_000);
});

test("resuming attaches and never starts: an unknown or foreign run is not found", async () => {
  const run = (await host.call("POST", path, ask())).body.data.run_id;
  const other = await makeAgent({ name: "Other" });
  const headers = { "Last-Event-ID": `${run}:model:1:1:0` };
  const unknown = { "Last-Event-ID": "rn_unknown:model:1:1:0" };

  const answers = [
    await host.call("POST", path, ask({ stream: true, agent_key: other }), { headers }),
    await host.call("POST", path, ask({ stream: true }), { headers, key: host.otherKey }),
    await host.call("POST", path, ask({ stream: true }), { headers: unknown }),
  ];
  const nonsense = await host.call("POST", path, ask({ stream: true }), {
    headers: { "Last-Event-ID": "42" },
  });

  expect(answers.map((one) => one.status)).toEqual([404, 404, 404]);
  expect(nonsense.status).toBe(400);
});

test("the same Idempotency-Key is one run, paid once; another body is refused", async () => {
  const headers = { "Idempotency-Key": "chat-1" };

  const [one, two] = await Promise.all([
    host.call("POST", path, ask(), { headers }),
    host.call("POST", path, ask(), { headers }),
  ]);
  const other = await host.call("POST", path, ask({ message: "export?" }), { headers });

  expect(two.body.data.run_id).toBe(one.body.data.run_id);
  expect(two.body.data.conversation_key).toBe(one.body.data.conversation_key);
  expect(await host.balance()).toBe(100_000_000 - 1_000);
  expect(other.status).toBe(422);
});

test("a failed turn is an error with the provider's status and costs nothing", async () => {
  const { RuntimeError } = await import("../../../runtime/errors.ts");
  host.llm.script = () => {
    throw new RuntimeError("PROVIDER_FAILED", "The provider test refused the request.");
  };

  const whole = await host.call("POST", path, ask());
  const streamed = await (await host.events("POST", path, ask({ stream: true }))).rest();

  expect(whole.status).toBe(502);
  expect(whole.body.error.code).toBe("PROVIDER_FAILED");
  expect(chunks(streamed).at(-1).error.code).toBe("PROVIDER_FAILED");
  expect(await host.balance()).toBe(100_000_000);
});

test("on_busy reject answers a second message with 409 while the first is answered", async () => {
  const gate = createGate();
  host.llm.script = async ({ signal }) => {
    await gate.wait(signal);
    return answerText;
  };
  const stream = await host.events("POST", path, ask({ stream: true }));
  const first = chunks([await stream.next()])[0];

  const { conversation_key } = first;
  const busy = await host.call("POST", path, ask({ conversation_key, on_busy: "reject" }));
  gate.open();
  await stream.rest();

  expect(busy.status).toBe(409);
  expect(busy.body.error.code).toBe("CONVERSATION_BUSY");
});

test("fifty chats on a balance for twenty: exactly twenty are answered", async () => {
  await host.setBalance(0.02);

  const answers = await Promise.all(
    Array.from({ length: 50 }, () => host.call("POST", path, ask())),
  );

  const statuses = answers.map((answer) => answer.status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(20);
  expect(statuses.filter((status) => status === 402)).toHaveLength(30);
  expect(await host.balance()).toBe(0);
});

test("with on_disconnect cancel a run ends when its last viewer stays away", {
  timeout: 30_000,
}, async () => {
  let aborted: (() => void) | undefined;
  const cancelled = new Promise<void>((resolve) => {
    aborted = resolve;
  });
  const gate = createGate();
  host.llm.script = async ({ signal }) => {
    signal.addEventListener("abort", () => aborted?.());
    await gate.wait(signal);
    return answerText;
  };
  const body = ask({ stream: true, on_disconnect: "cancel" });
  const stream = await host.events("POST", path, body);
  const run = chunks([await stream.next()])[0].run_id;

  stream.cut();
  await cancelled;
  const end = await (await host.events("GET", `/v2/runs/${run}/events`)).rest();

  expect(JSON.parse(end.at(-1)?.data ?? "{}")).toMatchObject({
    type: "end",
    outcome: { status: "cancelled" },
  });
});
