// The official openai SDK, unchanged, is the judge of the Responses protocol.

import OpenAI, { APIError } from "openai";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { keepResponse } from "../../../actors/records/response.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate } from "../../support/scripted-llm.ts";
import type { Json } from "../../support/wire-client.ts";

let host: HttpHost;
let client: OpenAI;
let other: OpenAI;
let model = "";
const answer = "You can export from Settings.";
const WITHIN = { timeout: 10_000, interval: 10 };

beforeAll(async () => {
  host = await startHttpHost();
  const of = (apiKey: string) => new OpenAI({ apiKey, baseURL: `${host.url}/v1`, maxRetries: 0 });
  client = of(host.key);
  other = of(host.otherKey);
  const made = await host.call("POST", "/v2/agents", { name: "Desk", model_name: "m-1" });
  model = `agent:${made.body.id}`;
});
afterAll(() => host.stop());
afterEach(() => {
  host.llm.script = () => answer;
});

async function errorOf(call: PromiseLike<unknown>): Promise<APIError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof APIError) return error;
  throw new Error("It did not fail with an error of the API.");
}

const lastAsked = (): readonly Json[] => host.llm.requests.at(-1)?.messages ?? [];
const said = (role: string): readonly string[] =>
  lastAsked().flatMap((one) => (one.role === role ? [one.content] : []));

test("a response has the text, usage with details and what the request has set", async () => {
  const response = await client.responses.create({
    ...{ model, input: "How do I export?", instructions: "Be short.", temperature: 0.2 },
    ...{ max_output_tokens: 50, metadata: { ticket: "7" }, user: "ada" },
    ...{ reasoning: { effort: "low" }, truncation: "auto" },
  });

  expect(response).toMatchObject({
    ...{ object: "response", status: "completed", model, output_text: answer, error: null },
    ...{ instructions: "Be short.", temperature: 0.2, max_output_tokens: 50, top_p: null },
    ...{ metadata: { ticket: "7" }, truncation: "auto", reasoning: { effort: "low" } },
    usage: {
      ...{ input_tokens: 10, output_tokens: 5, total_tokens: 15 },
      input_tokens_details: { cached_tokens: 0 },
      output_tokens_details: { reasoning_tokens: 0 },
    },
  });
  expect(host.llm.requests.at(-1)).toMatchObject({ temperature: 0.2, maxTokens: 50 });
  expect(said("user")).toEqual(["How do I export?"]);
  expect(said("system").join("\n")).toContain("Be short.");
});

test("a stored response is read as it was answered, and another tenant's does not exist", async () => {
  const made = await client.responses.create({ model, input: "How do I export?" });

  expect(await client.responses.retrieve(made.id)).toEqual({ ...made, _request_id: undefined });
  const { id } = made;
  const calls = [
    other.responses.retrieve(id),
    other.responses.retrieve(id, { stream: true }),
    other.responses.cancel(id),
    other.responses.delete(id),
    other.responses.inputItems.list(id),
    client.responses.retrieve(`resp_${"0".repeat(26)}`),
    client.responses.retrieve("resp_none"),
  ];
  const errors = await Promise.all(calls.map(errorOf));
  expect(errors.map(({ status }) => status)).toEqual(calls.map(() => 404));
});

test("store: false leaves nothing but the run", async () => {
  const made = await client.responses.create({ model, input: "export?", store: false });

  expect((await errorOf(client.responses.retrieve(made.id))).status).toBe(404);
  const run = await host.call("GET", `/v2/runs/${(made as Json).run_id}`);
  expect(run.body.status).toBe("completed");
});

test("a chain gives the model all that was said, but not the earlier instructions", async () => {
  const first = await client.responses.create({
    ...{ model, input: "My name is Ada.", instructions: "Speak as a pirate." },
  });
  const second = await client.responses.create({
    ...{ model, input: "And yours?", previous_response_id: first.id },
  });
  await client.responses.create({ model, input: "Who am I?", previous_response_id: second.id });

  expect(said("user")).toEqual(["My name is Ada.", "And yours?", "Who am I?"]);
  expect(said("assistant")).toEqual([answer, answer]);
  expect(said("system").join("\n")).not.toContain("pirate");
  expect(second.previous_response_id).toBe(first.id);
});

test("a chain whose response is deleted, or another tenant's, is a 404 that names the parameter", async () => {
  const first = await client.responses.create({ model, input: "one" });
  const second = await client.responses.create({
    ...{ model, input: "two", previous_response_id: first.id },
  });
  const made = await host.call(
    "POST",
    "/v2/agents",
    { name: "D", model_name: "m-1" },
    { key: host.otherKey },
  );
  const foreign = await other.responses.create({ model: `agent:${made.body.id}`, input: "x" });
  await client.responses.delete(first.id);

  const on = (previous_response_id: string) =>
    errorOf(client.responses.create({ model, input: "three", previous_response_id }));
  const errors = [await on(first.id), await on(second.id), await on(foreign.id)];
  expect(errors.map(({ status, param }) => [status, param])).toEqual(
    errors.map(() => [404, "previous_response_id"]),
  );
  expect((await errorOf(client.responses.retrieve(first.id))).status).toBe(404);
  expect((await client.responses.retrieve(second.id)).output_text).toBe(answer);
});

test("a response that is under way cannot be gone on from", async () => {
  const gate = createGate();
  host.llm.script = async ({ signal }) => {
    await gate.wait(signal);
    return answer;
  };
  const made = await client.responses.create({ model, input: "one", background: true });
  const error = await errorOf(
    client.responses.create({ model, input: "two", previous_response_id: made.id }),
  );
  gate.open();

  expect([error.status, error.param]).toEqual([400, "previous_response_id"]);
});

test("a stored response asks to be forgotten after 30 days, and is then gone", async () => {
  const made = await client.responses.create({ model, input: "one" });
  const run = String((made as Json).run_id);
  const row = await host.system.run(host.tenant, run);
  const reminded: Json[] = [];
  const nowMs = Date.now();
  const turn: Json = {
    ...{ nowMs, put: () => undefined },
    remind: (...all: readonly Json[]) => reminded.push(all),
  };
  keepResponse(turn, { run, note: {} as never, expires: true });
  const [[, atMs, message]] = reminded as Json;

  await host.system.ask(row?.parent ?? ("" as never), message);

  expect(atMs - nowMs).toBe(30 * 86_400_000);
  expect((await errorOf(client.responses.retrieve(made.id))).status).toBe(404);
});

test("a conversation gets the last message of the user, and the answer", async () => {
  const agent = model.slice("agent:".length);
  const started = await host.call("POST", `/v2/agents/${agent}/runs`, { input: "hello" });
  const { conversation_key: conversation } = started.body;

  const made = await client.responses.create({
    ...{ model, conversation, metadata: { a: "b" } },
    input: [
      { role: "user", content: "ignored" },
      { role: "user", content: [{ type: "input_text", text: "How do I export?" }] },
    ],
  });

  const list = await host.call("GET", `/v2/conversations/${conversation}/messages`);
  expect(list.body.data.map((one: Json) => one.content)).toEqual([
    ...["hello", answer, "How do I export?", answer],
  ]);
  expect(made.conversation).toEqual({ id: conversation });
  expect((await client.responses.retrieve(made.id)).metadata).toEqual({ a: "b" });
  const unknown = await errorOf(
    client.responses.create({ model, conversation: "cv_none", input: "x" }),
  );
  const with_ = await errorOf(
    client.responses.create({ model, conversation, input: "x", instructions: "y" }),
  );
  expect([unknown.status, with_.status, with_.param]).toEqual([404, 400, "instructions"]);
  await client.responses.delete(made.id);
  expect((await errorOf(client.responses.retrieve(made.id))).status).toBe(404);
});

test("a background response is queued at once, polled, and cancelled with what was written", async () => {
  const gate = createGate();
  host.llm.script = async ({ signal, write }) => {
    write("You can ");
    await gate.wait(signal);
    return answer;
  };
  const made = await client.responses.create({ model, input: "export?", background: true });
  expect(made).toMatchObject({ status: "queued", background: true, output: [] });
  await gate.reached;
  expect((await client.responses.retrieve(made.id)).status).toBe("in_progress");
  gate.open();
  await expect
    .poll(async () => (await client.responses.retrieve(made.id)).status, WITHIN)
    .toBe("completed");
  expect((await client.responses.retrieve(made.id)).output_text).toBe(answer);

  const held = createGate();
  host.llm.script = async ({ signal }) => {
    await held.wait(signal);
    return answer;
  };
  const second = await client.responses.create({ model, input: "export?", background: true });
  await held.reached;
  const cancelled = await client.responses.cancel(second.id);
  expect(cancelled.status).toBe("cancelled");
  expect((await client.responses.cancel(second.id)).status).toBe("cancelled");
  expect((await client.responses.cancel(made.id)).status).toBe("completed");
});

test("the items of an input are listed in pages, in both orders", async () => {
  const made = await client.responses.create({
    model,
    input: [
      { role: "developer", content: "Be short." },
      { role: "user", content: "one" },
      { type: "message", role: "user", content: [{ type: "input_text", text: "two" }] },
    ],
  });

  const all: Json[] = [];
  for await (const item of client.responses.inputItems.list(made.id, { limit: 2, order: "asc" })) {
    all.push(item);
  }
  const newest = await client.responses.inputItems.list(made.id, { limit: 1 });
  expect(all.map(({ role, type }) => [role, type])).toEqual([
    ...[
      ["developer", "message"],
      ["user", "message"],
      ["user", "message"],
    ],
  ]);
  expect(new Set(all.map(({ id }) => id)).size).toBe(3);
  expect(newest.data[0]).toEqual(all[2]);
  expect(newest.has_more).toBe(true);
});

test("an answer that was cut says by what", async () => {
  host.llm.script = () => ({ text: "You can", calls: [], finish: "length" as const });

  const made = await client.responses.create({ model, input: "x", max_output_tokens: 2 });

  expect(made).toMatchObject({
    ...{ status: "incomplete", incomplete_details: { reason: "max_output_tokens" } },
    output: [{ status: "incomplete" }],
  });
});

test("a request sent again under its Idempotency-Key is the same response, charged once", async () => {
  const before = host.llm.requests.length;
  const send = () =>
    client.responses.create({ model, input: "once" }, { headers: { "Idempotency-Key": "k-1" } });
  const first = await send();
  const balance = await host.balance();

  const second = await send();

  expect({ ...second, _request_id: "" }).toEqual({ ...first, _request_id: "" });
  expect(host.llm.requests.length).toBe(before + 1);
  expect(await host.balance()).toBe(balance);
});

test("a balance that is empty is a 402", async () => {
  await host.setBalance(0);

  const poor = await errorOf(client.responses.create({ model, input: "x" }));
  await host.setBalance(100);

  expect([poor.status, poor.code]).toEqual([402, "insufficient_quota"]);
});
