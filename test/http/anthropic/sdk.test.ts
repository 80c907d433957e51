// The official Anthropic SDK, unchanged, is the judge of this surface.

import Anthropic, { APIError } from "@anthropic-ai/sdk";
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from "vitest";
import { RuntimeError } from "../../../runtime/errors.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate } from "../../support/scripted-llm.ts";

let host: HttpHost;
let client: Anthropic;
let model = "";
const answer = "You can export from Settings.";

const clientOf = (apiKey: string): Anthropic =>
  new Anthropic({ apiKey, baseURL: host.url, maxRetries: 0 });

beforeAll(async () => {
  host = await startHttpHost();
  client = clientOf(host.key);
  const { body } = await host.call("POST", "/v2/agents", { name: "Desk", model_name: "m-1" });
  model = `agent:${body.id}`;
});
afterAll(() => host.stop());
afterEach(() => {
  host.llm.script = () => answer;
});

const question = "How do I export?";
const messages = [{ role: "user" as const, content: question }];
const asked = { max_tokens: 100, system: "Be short.", messages };

async function errorOf(call: Promise<unknown>): Promise<APIError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof APIError) return error;
  throw new Error("It did not fail with an error of the API.");
}

test("a message has its text, why it stopped, and what the provider counted", async () => {
  // The newest version of the protocol has no sampling any more, and older clients send it.
  const sampling = { temperature: 0.2, top_p: 0.5 };
  const message = await client.messages.create({ ...asked, model, ...sampling });

  expect(message).toMatchObject({
    id: expect.stringMatching(/^msg_rn_/),
    type: "message",
    role: "assistant",
    model,
    content: [{ type: "text", text: answer }],
    stop_reason: "end_turn",
    stop_sequence: null,
    usage: { input_tokens: 10, output_tokens: 5 },
  });
  const request = host.llm.requests.at(-1);
  expect(request).toMatchObject({ maxTokens: 100, temperature: 0.2, topP: 0.5 });
  expect(request?.messages.at(-1)?.content).toBe(question);
  expect(request?.messages.some(({ content }) => content.includes("Be short."))).toBe(true);
});

test("a message's id names its run, and nothing else is kept", async () => {
  const message = await client.messages.create({ ...asked, model });

  const run = await host.call("GET", `/v2/runs/${message.id.slice("msg_".length)}`);
  const list = await host.call("GET", "/v2/conversations");
  expect(run.body).toMatchObject({ status: "completed", result: { response: answer } });
  expect(list.body.data).toEqual([]);
});

test("a key is taken as x-api-key and as a Bearer token", async () => {
  const bearer = new Anthropic({ authToken: host.key, baseURL: host.url, maxRetries: 0 });

  const message = await bearer.messages.create({ ...asked, model });

  expect(message.stop_reason).toBe("end_turn");
});

test("a stream has the protocol's events in its order, with cumulative usage at the end", async () => {
  host.llm.script = ({ write }) => {
    write("You can ");
    return answer;
  };
  const stream = await client.messages.create({ ...asked, model, stream: true });
  const events: Anthropic.RawMessageStreamEvent[] = [];
  for await (const one of stream) events.push(one);

  const types = events.map(({ type }) => type);
  expect(types.filter((type) => type !== "content_block_delta")).toEqual([
    ...["message_start", "content_block_start", "content_block_stop"],
    ...["message_delta", "message_stop"],
  ]);
  expect(types.slice(2, -3).every((type) => type === "content_block_delta")).toBe(true);
  expect(events[0]).toMatchObject({
    message: { content: [], stop_reason: null, usage: { output_tokens: 0 } },
  });
  expect(events[1]).toMatchObject({ index: 0, content_block: { type: "text", text: "" } });
  expect(events.at(-2)).toMatchObject({
    delta: { stop_reason: "end_turn", stop_sequence: null },
    usage: { input_tokens: 10, output_tokens: 5 },
  });
});

test("the SDK's own stream helper puts the message together", async () => {
  const stream = client.messages.stream({ ...asked, model });
  let text = "";
  stream.on("text", (piece) => {
    text += piece;
  });

  const message = await stream.finalMessage();

  expect(text).toBe(answer);
  expect(message).toMatchObject({
    content: [{ type: "text", text: answer }],
    stop_reason: "end_turn",
    usage: { input_tokens: 10, output_tokens: 5 },
  });
});

test("text comes while it is written", async () => {
  const gate = createGate();
  host.llm.script = async ({ write, signal }) => {
    write("You can ");
    await gate.wait(signal);
    return answer;
  };
  const stream = client.messages.stream({ ...asked, model });
  const first = await new Promise<string>((resolve) => stream.once("text", resolve));
  gate.open();

  expect(first).toBe("You can ");
  expect(await stream.finalText()).toBe(answer);
});

test("every event is as the API's description has it", async () => {
  const body = { ...asked, model, stream: true };
  const streamed = await host.events("POST", "/v1/messages", body);

  const events = await streamed.rest();
  expect(events.at(-1)?.event).toBe("message_stop");
});

test("system, text and thought come as blocks", async () => {
  await client.messages.create({
    model,
    max_tokens: 10,
    system: [{ type: "text", text: "Be kind.", cache_control: { type: "ephemeral" } }],
    messages: [
      { role: "user", content: [{ type: "text", text: "First" }] },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "secret thought", signature: "s" },
          { type: "text", text: "Second" },
        ],
      },
      { role: "user", content: "Third" },
    ],
    thinking: { type: "enabled", budget_tokens: 1_024 },
    stop_sequences: ["END"],
    metadata: { user_id: "u-1" },
    service_tier: "auto",
  });

  const request = host.llm.requests.at(-1);
  const told = request?.messages.map(({ role, content }) => [role, content]);
  expect(told?.slice(-3)).toEqual([
    ["user", "First"],
    ["assistant", "Second"],
    ["user", "Third"],
  ]);
  expect(JSON.stringify(request)).toContain("Be kind.");
  expect(JSON.stringify(request)).not.toContain("secret thought");
  expect(request?.stop).toEqual(["END"]);
});

test("a form that is asked for is held to", async () => {
  const schema = { type: "object", properties: { n: { type: "integer" } }, required: ["n"] };
  host.llm.script = () => '{"n":7}';
  const message = await client.messages.create({
    ...asked,
    model,
    output_config: { format: { type: "json_schema", schema } },
  });

  expect(message.content).toMatchObject([{ type: "text", text: '{"n":7}' }]);
  expect(host.llm.requests.at(-1)?.responseFormat).toMatchObject({ type: "schema", schema });
});

test("tokens are counted without an answer, and more for more text", async () => {
  const before = host.llm.requests.length;
  const few = await client.messages.countTokens({ model, messages });
  const more = await client.messages.countTokens({ model, messages, system: "word ".repeat(400) });

  expect(few.input_tokens).toBeGreaterThan(3);
  expect(more.input_tokens - few.input_tokens).toBeGreaterThan(300);
  expect(host.llm.requests.length).toBe(before);
});

test("a count costs nothing and a message costs what a chat does", async () => {
  await host.setBalance(1);
  await client.messages.countTokens({ model, messages });
  const counted = await host.balance();
  await client.messages.create({ ...asked, model });
  const paid = await host.balance();
  await host.setBalance(100);

  expect([counted, paid]).toEqual([1_000_000, 999_000]);
});

test("errors are the SDK's own classes, of the protocol's types, with the id of the request", async () => {
  const create = (more: object, by = client) => by.messages.create({ ...asked, model, ...more });
  const noService = clientOf(await host.makeKey(["models"]));
  await host.setBalance(0);
  const poor = await errorOf(create({}));
  await host.setBalance(100);

  const all = [
    poor,
    await errorOf(create({ model: "agent:ag_none" })),
    await errorOf(create({ model: "claude-sonnet-4-5" })),
    await errorOf(create({ max_tokens: 0 })),
    await errorOf(create({ messages: [] })),
    await errorOf(create({ mcp_servers: [{ type: "url", url: "https://a.example", name: "a" }] })),
    await errorOf(create({}, clientOf("no"))),
    await errorOf(create({}, noService)),
    await errorOf(create({}, clientOf(host.otherKey))),
    await errorOf(create({ system: "a".repeat(9_000_000) })),
  ];

  expect(all.map(({ status, type }) => [status, type])).toEqual([
    [402, "billing_error"],
    [404, "not_found_error"],
    [404, "not_found_error"],
    [400, "invalid_request_error"],
    [400, "invalid_request_error"],
    [400, "invalid_request_error"],
    [401, "authentication_error"],
    [403, "permission_error"],
    [404, "not_found_error"],
    [413, "request_too_large"],
  ]);
  expect(all.map(({ requestID }) => /^req_/.test(requestID ?? ""))).toEqual(all.map(() => true));
  expect(all.map(({ error }) => (error as { request_id: string }).request_id)).toEqual(
    all.map(({ requestID }) => requestID),
  );
  expect(all[3]?.details).toEqual({ error_code: "invalid", pointer: "/max_tokens" });
  expect(all[6]).toBeInstanceOf(Anthropic.AuthenticationError);
});

test.each([
  ["PROVIDER_LIMITED", 529, "overloaded_error"],
  ["PROVIDER_FAILED", 500, "api_error"],
  ["DEADLINE", 504, "timeout_error"],
] as const)("a run that ends with %s is a %i", async (code, status, type) => {
  host.llm.script = () => {
    throw new RuntimeError(code, "The provider said no.", { provider: "scripted" });
  };

  const error = await errorOf(client.messages.create({ ...asked, model }));

  expect([error.status, error.type]).toEqual([status, type]);
});

test("what fails after the stream has begun is an error event", async () => {
  host.llm.script = ({ write }) => {
    write("You can ");
    throw new RuntimeError("PROVIDER_FAILED", "The provider said no.");
  };
  const stream = client.messages.stream({ ...asked, model });

  const error = await errorOf(stream.finalMessage());

  expect(error.type).toBe("api_error");
  expect(error.requestID).toMatch(/^req_/);
});

test("the rate of a key is told with every answer, and what is too much is refused until it is not", async () => {
  const slow = await startHttpHost({ requestsPerSecond: 2 });
  onTestFinished(() => slow.stop());
  const impatient = new Anthropic({ apiKey: slow.key, baseURL: slow.url, maxRetries: 0 });
  const list = () => impatient.models.list().asResponse();
  const told = (headers: Headers | undefined, name: string) =>
    headers?.get(`anthropic-ratelimit-requests-${name}`);

  const first = await list();
  const error = await errorOf(Promise.all([list(), list(), list(), list()]));
  const patient = new Anthropic({ apiKey: slow.key, baseURL: slow.url, maxRetries: 3 });
  const later = await patient.models.list();

  expect([told(first.headers, "limit"), told(first.headers, "remaining")]).toEqual(["2", "1"]);
  expect(error).toBeInstanceOf(Anthropic.RateLimitError);
  expect(error.type).toBe("rate_limit_error");
  const { headers } = error;
  expect([told(headers, "limit"), told(headers, "remaining")]).toEqual(["2", "0"]);
  expect(headers?.get("retry-after")).toBe("1");
  const resetMs = Date.parse(told(headers, "reset") ?? "") - Date.now();
  expect(resetMs).toBeGreaterThan(-1_000);
  expect(resetMs).toBeLessThanOrEqual(1_000);
  expect(later.data).toEqual([]);
});

test("a path that is not there is refused in the protocol's own words", async () => {
  const error = await errorOf(client.post("/v1/messages/batches", { body: {} }));

  expect([error.status, error.type]).toEqual([404, "not_found_error"]);
});

test("the same request under one Idempotency-Key is answered once", async () => {
  const headers = { "Idempotency-Key": "once-1" };
  const before = host.llm.requests.length;
  const first = await client.messages.create({ ...asked, model }, { headers });
  const again = await client.messages.create({ ...asked, model }, { headers });
  const other = await errorOf(
    client.messages.create({ ...asked, model, max_tokens: 7 }, { headers }),
  );

  expect(again.id).toBe(first.id);
  expect(host.llm.requests.length).toBe(before + 1);
  expect([other.status, other.type]).toEqual([422, "invalid_request_error"]);
});

test("agents are listed and found as models, in pages", async () => {
  const more = await Promise.all(
    ["A", "B"].map((name) => host.call("POST", "/v2/agents", { name, model_name: "m-1" })),
  );
  const ids = [model, ...more.map(({ body }) => `agent:${body.id}`)].sort();

  const listed: string[] = [];
  for await (const { id } of client.models.list({ limit: 1 })) listed.push(id);
  const back = await client.models.list({ limit: 2, before_id: listed[2] ?? "" });
  const one = await client.models.retrieve(model);
  const missing = await errorOf(client.models.retrieve("agent:ag_none"));
  const wrong = await errorOf(Promise.resolve(client.models.list({ after_id: "none" })));

  expect([...listed].sort()).toEqual(ids);
  expect(back.data.map(({ id }) => id)).toEqual(listed.slice(0, 2));
  expect(back.has_more).toBe(false);
  expect(one).toMatchObject({ type: "model", id: model, display_name: "Desk" });
  expect(Date.parse(one.created_at)).toBeGreaterThan(0);
  expect([missing.type, wrong.type]).toEqual(["not_found_error", "invalid_request_error"]);
});
