// Answers that are held to a schema, as an outside user has them: nested schemas with references, closed
// objects, a bounded repair, streams, tools, and OpenAI's protocol.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

let host: HttpHost;
beforeAll(async () => {
  host = await startHttpHost();
  await host.setBalance(10_000);
});
afterAll(() => host.stop());

const schema = {
  type: "object",
  properties: { lines: { type: "array", items: { $ref: "#/$defs/line" }, minItems: 1 } },
  required: ["lines"],
  additionalProperties: false,
  $defs: {
    line: {
      type: "object",
      properties: { name: { type: "string" }, count: { type: "integer" } },
      required: ["name", "count"],
      additionalProperties: false,
    },
  },
};
const format = (wanted: object) => ({
  type: "json_schema",
  json_schema: { name: "order", schema: wanted },
});
const right = { lines: [{ name: "tea", count: 2 }] };
const wrong = { lines: [{ name: "tea", count: 2, price: 1 }] };

async function agentWith(more: object): Promise<string> {
  const made = await host.call("POST", "/v2/agents", { name: "Form", model_name: "m-1", ...more });
  expect([made.body.detail, made.status]).toEqual([undefined, 201]);
  return String(made.body.id);
}
/** Answers in this order, the last one for ever. */
function answers(...texts: readonly string[]): () => number {
  const from = host.llm.requests.length;
  let at = 0;
  host.llm.script = () => {
    at += 1;
    return texts[Math.min(at, texts.length) - 1] ?? "";
  };
  return () => host.llm.requests.length - from;
}
const run = (id: string, more: object = {}) =>
  host.call("POST", `/v2/agents/${id}/runs`, { input: "Two teas", ...more });

test("an answer that does not fit is repaired once, told where it does not", async () => {
  const id = await agentWith({ response_format: format(schema) });
  const calls = answers(JSON.stringify(wrong), JSON.stringify(right));

  const { body } = await run(id);

  expect([body.status, calls()]).toEqual(["completed", 2]);
  expect(JSON.parse(body.response)).toEqual(right);
  const repair = host.llm.requests.at(-1)?.messages.at(-1)?.content;
  expect(repair).toContain("price");
});

test("one that does not fit after the repair is an error that names the place, and costs no third call", async () => {
  const id = await agentWith({ response_format: format(schema) });
  const calls = answers(JSON.stringify(wrong));

  const { status, body } = await run(id);

  expect([status, body.code, calls()]).toEqual([502, "OUTPUT_INVALID", 2]);
  expect(body.pointer).toBe("/lines/0");
});

test("in OpenAI's protocol and in streams nothing is shown that does not fit", async () => {
  const id = await agentWith({});
  const body = {
    ...{ model: `agent:${id}`, messages: [{ role: "user", content: "Two teas" }] },
    response_format: format(schema),
  };
  answers("no JSON", JSON.stringify(right));
  const whole = await host.call("POST", "/v1/chat/completions", body);
  answers(JSON.stringify(wrong), JSON.stringify(right));
  const events = await host.events("POST", "/v1/chat/completions", { ...body, stream: true });
  const stream = await events.rest();

  expect(JSON.parse(whole.body.choices[0].message.content)).toEqual(right);
  expect(JSON.stringify(stream)).not.toContain("price");
  expect(JSON.stringify(stream)).toContain("tea");
});

test("a schema that nothing can be held to is refused before a model is asked, at its place", async () => {
  const calls = answers("{}");
  const agent = await agentWith({});
  const at = "/response_format/json_schema/schema";
  const wrongs = [
    [{ type: "strnig" }, at],
    [{ $ref: "https://example.com/x.json" }, `${at}/$ref`],
  ] as const;

  for (const [bad, pointer] of wrongs) {
    const fields = { name: "Bad", response_format: format(bad) };
    const stored = await host.call("POST", "/v2/agents", fields);
    const patched = await host.call("PATCH", `/v2/agents/${agent}`, fields);
    const asked = await host.call("POST", "/v1/chat/completions", {
      ...{ model: `agent:${agent}`, messages: [{ role: "user", content: "x" }] },
      response_format: format(bad),
    });
    expect([stored.status, stored.body.pointer]).toEqual([400, pointer]);
    expect([patched.status, asked.status]).toEqual([400, 400]);
  }
  expect(calls()).toBe(0);
});
