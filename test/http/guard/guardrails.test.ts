// Guardrails of agents as an outside user has them: what is told and what is said is blocked, redacted or
// flagged, in every protocol the same.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

let host: HttpHost;
beforeAll(async () => {
  host = await startHttpHost();
  await host.setBalance(10_000);
});
afterAll(() => host.stop());

const pii = { on: ["input", "output"], check: { type: "pii" }, action: "redact" } as const;

async function agentWith(guardrails: readonly object[], more: object = {}): Promise<string> {
  const fields = { name: "Guarded", model_name: "m-1", guardrails, ...more };
  const made = await host.call("POST", "/v2/agents", fields);
  expect([made.body.detail, made.status]).toEqual([undefined, 201]);
  return String(made.body.id);
}
const run = (id: string, input: string, more: object = {}) =>
  host.call("POST", `/v2/agents/${id}/runs`, { input, ...more });
/** What chunks of chat completions say. */
function chatText(events: readonly { readonly data: string }[]) {
  const chunks = events.filter(({ data }) => data !== "[DONE]").map(({ data }) => JSON.parse(data));
  const choices = chunks.flatMap((chunk) => chunk.choices ?? []);
  return {
    text: choices.map(({ delta }) => delta?.content ?? "").join(""),
    finish: choices.find(({ finish_reason: finish }) => finish)?.finish_reason,
  };
}
const asked = (): string => JSON.stringify(host.llm.requests.at(-1)?.messages);

test("what is redacted of a message reaches no model, no history and no list", async () => {
  const id = await agentWith([pii]);
  host.llm.script = ({ request }) => `You said: ${request.messages.at(-1)?.content}`;

  const { body } = await run(id, "I am ana@example.com, card 4111 1111 1111 1111");
  const conversation = String(body.conversation_id ?? body.conversation_key);
  const history = await host.call("GET", `/v2/conversations/${conversation}/messages`);
  const list = await host.call("GET", "/v2/conversations");

  expect(asked()).toContain("I am [EMAIL_1], card [CARD_1]");
  expect(body.response).toBe("You said: I am [EMAIL_1], card [CARD_1]");
  expect(body.guardrails).toMatchObject([
    { rule: "pii-1", of: id, on: "input", action: "redact", count: 2 },
  ]);
  for (const shown of [body, history.body, list.body]) {
    expect(JSON.stringify(shown)).not.toMatch(/ana@example|4111/);
  }
  const told = await host.call("GET", `/v2/runs/${body.run_id ?? body.id}`);
  expect(JSON.stringify(told.body)).not.toMatch(/ana@example|4111/);
});

test("a blocked message is refused before a model is asked, costs nothing and is not kept", async () => {
  const rule = { on: ["input"], check: { type: "words", words: ["falcon"] }, action: "block" };
  const id = await agentWith([{ ...rule, name: "no-birds", message: "Not about birds." }]);
  const [calls, before] = [host.llm.requests.length, await host.balance()];

  const { status, body } = await run(id, "Tell me of the Falcon.");
  const stream = await host.call("POST", "/v1/chat/completions", {
    ...{ model: `agent:${id}`, stream: true },
    messages: [{ role: "user", content: "Tell me of the falcon." }],
  });

  expect([status, body.code, body.detail]).toEqual([400, "GUARDRAIL_BLOCKED", "Not about birds."]);
  expect([stream.status, stream.body.error.code]).toEqual([400, "content_filter"]);
  expect([host.llm.requests.length, await host.balance()]).toEqual([calls, before]);
  const list = await host.call("GET", `/v2/conversations?agent_key=${id}`);
  expect(JSON.stringify(list.body)).not.toContain("Falcon");
});

test("a blocked answer is withheld whole, and cut where its beginning was shown", async () => {
  const rule = { on: ["output"], check: { type: "pattern", deny: ["project [a-z]+"] } };
  const id = await agentWith([{ ...rule, action: "block", message: "I may not say that." }]);
  const said = `${"Some words before it. ".repeat(20)}It is Project Aurora, you know.`;
  host.llm.script = ({ write }) => {
    for (const piece of said.match(/.{1,3}/gs) ?? []) write(piece);
    return said;
  };

  const { body } = await run(id, "What is it called?");
  const events = await host.events("POST", "/v1/chat/completions", {
    ...{ model: `agent:${id}`, stream: true, messages: [{ role: "user", content: "?" }] },
  });
  const stream = chatText(await events.rest());

  expect([body.response, body.finish_reason]).toEqual(["I may not say that.", "content_filter"]);
  expect(stream.text).toBe(`${"Some words before it. ".repeat(20)}It is \n\nI may not say that.`);
  expect(stream.finish).toBe("content_filter");
});

test("all protocols show the same text of a redacted answer, streamed and not", async () => {
  const id = await agentWith([pii]);
  const said = "Write to bob.ross@example.com or call +49 30 901820 today.";
  const wanted = "Write to [EMAIL_1] or call [PHONE_1] today.";
  host.llm.script = ({ write }) => {
    for (const piece of said.match(/.{1,4}/gs) ?? []) write(piece);
    return said;
  };
  const model = `agent:${id}`;
  const messages = [{ role: "user", content: "How do I reach him?" }];
  const texts: unknown[] = [];
  const chat = await host.call("POST", "/v1/chat/completions", { model, messages });
  texts.push(chat.body.choices[0].message.content);
  const response = await host.call("POST", "/v1/responses", { model, input: "How?" });
  texts.push(response.body.output.at(-1).content[0].text);
  const anthropic = await host.call("POST", "/v1/messages", { model, messages, max_tokens: 100 });
  texts.push(anthropic.body.content.at(-1).text);
  const events = await host.events("POST", "/v1/chat/completions", {
    ...{ model, messages, stream: true },
  });
  const { text: streamed } = chatText(await events.rest());

  expect(texts).toEqual([wanted, wanted, wanted]);
  expect(streamed).toBe(wanted);
});

test("a flag changes nothing and is told", async () => {
  const rule = { on: ["output"], check: { type: "length", max_chars: 5 }, action: "flag" };
  const id = await agentWith([{ ...rule, name: "short" }]);
  host.llm.script = () => "longer than five";

  const { body } = await run(id, "Say something.");

  expect(body.response).toBe("longer than five");
  expect(body.guardrails).toMatchObject([{ rule: "short", action: "flag", count: 0, spans: [] }]);
});

test("rules run in order: what one has redacted the next does not see", async () => {
  const block = { on: ["input"], check: { type: "pattern", deny: ["@"] }, action: "block" };
  const first = await agentWith([pii, block]);
  const second = await agentWith([block, pii]);
  host.llm.script = () => "ok";

  expect((await run(first, "ana@example.com")).status).toBe(200);
  expect((await run(second, "ana@example.com")).body.code).toBe("GUARDRAIL_BLOCKED");
});

test("a chain that makes no sense is refused at its place", async () => {
  const on = ["input"];
  const wrongs: readonly (readonly [object, string])[] = [
    [
      { on, check: { type: "pattern", deny: ["a(?=b)"] }, action: "block" },
      "/guardrails/0/check/deny/0",
    ],
    [
      { on, check: { type: "pattern", deny: ["a", "("] }, action: "block" },
      "/guardrails/0/check/deny/1",
    ],
    [{ on, check: { type: "pattern" }, action: "block" }, "/guardrails/0/check"],
    [{ on, check: { type: "length" }, action: "block" }, "/guardrails/0/check"],
    [{ on, check: { type: "length", max_chars: 1 }, action: "redact" }, "/guardrails/0/action"],
    [{ on: ["input", "input"], check: { type: "pii" }, action: "flag" }, "/guardrails/0/on"],
  ];

  for (const [rule, pointer] of wrongs) {
    for (const path of ["/v2/agents", "/v2/teams"]) {
      const members = path === "/v2/teams" && { mode: "coordinate", members: [{ agent: "ag_x" }] };
      const fields = { name: "Bad", guardrails: [rule], ...members };
      const { status, body } = await host.call("POST", path, fields);
      expect([status, body.pointer]).toEqual([400, pointer]);
    }
  }
});
