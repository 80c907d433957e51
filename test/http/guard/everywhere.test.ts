// Guardrails hold whatever answers: the tenant's for all, a team's for its members, an agent's for its parts,
// and for evaluations, replays and what webhooks and the history are told.

import { afterAll, beforeAll, expect, test } from "vitest";
import { joinRecord, type RecordItem } from "../../../actors/run-record.ts";
import { replayRecord } from "../../../adapters/replay/replay.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

let host: HttpHost;
beforeAll(async () => {
  host = await startHttpHost();
  await host.setBalance(10_000);
});
afterAll(() => host.stop());

const redact = { on: ["input", "output"], check: { type: "pii" }, action: "redact" } as const;
const said = "Mail ann@example.com now.";

async function made(path: string, fields: object): Promise<string> {
  const answer = await host.call("POST", path, fields);
  expect([answer.body.detail, answer.status]).toEqual([undefined, 201]);
  return String(answer.body.id);
}
const agent = (more: object = {}): Promise<string> =>
  made("/v2/agents", { name: "Desk", model_name: "m-1", ...more });
const run = (path: string, id: string, input: string) =>
  host.call("POST", `/v2/${path}/${id}/runs`, { input });

/** While `work` is done the tenant has these rules. */
async function withTenant(guardrails: readonly object[], work: () => Promise<void>): Promise<void> {
  const set = await host.call("PUT", "/v2/guardrails", { guardrails });
  expect([set.body.detail, set.status]).toEqual([undefined, 200]);
  try {
    await work();
  } finally {
    await host.call("PUT", "/v2/guardrails", { guardrails: [] });
  }
}

test("the tenant's chain holds for agents that have none, in each protocol, and goes first", async () => {
  const id = await agent({ guardrails: [{ ...redact, name: "own", action: "flag" }] });
  host.llm.script = ({ request }) => `${request.messages.at(-1)?.content} ${said}`;

  await withTenant([{ ...redact, name: "all" }], async () => {
    const { body } = await run("agents", id, "I am bob@example.com");
    const chat = await host.call("POST", "/v1/chat/completions", {
      ...{ model: `agent:${id}`, messages: [{ role: "user", content: "I am bob@example.com" }] },
    });

    expect(body.response).toBe("I am [EMAIL_1] Mail [EMAIL_1] now.");
    expect(chat.body.choices[0].message.content).toBe("I am [EMAIL_1] Mail [EMAIL_1] now.");
    expect(body.guardrails.map((one: { of: string }) => one.of)).toEqual(["tenant", "tenant"]);
  });
  expect((await run("agents", id, "bob@example.com")).body.response).toContain("bob@example.com");
});

test("a rule of the tenant that cannot be is refused, and only admins set them", async () => {
  const rule = { on: ["input"], check: { type: "pattern", deny: ["("] }, action: "block" };
  const key = await host.makeKey(["*"], undefined, "developer");

  const wrong = await host.call("PUT", "/v2/guardrails", { guardrails: [rule] });
  const denied = await host.call("PUT", "/v2/guardrails", { guardrails: [] }, { key });

  expect([wrong.status, wrong.body.pointer]).toEqual([400, "/guardrails/0/check/deny/0"]);
  expect(denied.status).toBe(403);
});

test("a team's chain holds for what its members say, and for its answer", async () => {
  const member = await agent({ name: "Ann" });
  const team = await made("/v2/teams", {
    ...{ name: "Team", mode: "coordinate", members: [{ agent: member }], guardrails: [redact] },
  });
  host.llm.script = () => said;

  const { body } = await run("teams", team, "Whom do I write to?");
  const events = await (await host.events("GET", `/v2/runs/${body.run_id}/events`)).rest();

  expect(body.response).toBe("Mail [EMAIL_1] now.");
  expect(JSON.stringify(events)).not.toContain("ann@example");
});

test("a dry run asks judges before the model, pays them, and waits for no person", async () => {
  const doubtful = "my grandmother plays the accordion";
  const judge = { type: "judge", model: "judge-1", policy: "No music." };
  const people = { on: ["input"], check: { type: "words", words: ["banjo"] }, action: "ask" };
  const id = await agent({
    guardrails: [{ on: ["input"], check: judge, action: "block", message: "No music." }, people],
  });
  for (const keyword of ["export", "refund"]) {
    const trigger = { keywords: [keyword], description: `Everything about a ${keyword}.` };
    await made(`/v2/agents/${id}/sub-agents`, { name: keyword, trigger });
  }
  let score = 1;
  host.llm.script = ({ request }) =>
    request.model === "judge-1" ? `{"score": ${score}}` : '{"choice":2,"intent":"music"}';
  const route = (message: string, use_model = true) =>
    host.call("POST", `/v2/agents/${id}/route`, { message, use_model });
  const from = host.llm.requests.length;

  const words = await route(doubtful, false);
  const judged = await route(doubtful);
  score = 0;
  const asked = await route("my grandmother plays the banjo");
  const waits = await host.call("GET", "/v2/approvals?status=pending");
  const before = host.llm.requests.length;
  const passed = (await route(doubtful)).body;

  expect(words.body).toMatchObject({ stage: "doubt", model_call: null });
  for (const refused of [judged, asked]) {
    expect([refused.status, refused.body.code]).toEqual([400, "GUARDRAIL_BLOCKED"]);
  }
  expect([judged.body.detail, judged.body.guardrail.of]).toEqual(["No music.", id]);
  expect(host.llm.requests.slice(from, before).map(({ model }) => model)).toEqual([
    ...["judge-1", "judge-1"],
  ]);
  expect(waits.body.data).toEqual([]);
  expect(passed.routing_info.intent).toBe("music");
  // The judge's call and the router's.
  expect(passed.model_call.usage.total_tokens).toBe(30);
});

test("an agent's chain holds for its sub-agents, and for what they are handed over to", async () => {
  const other = await agent({ name: "Other" });
  const id = await agent({
    ...{ guardrails: [redact], tools: [{ tool: "handoff", config: { to: other } }] },
  });
  const from = host.llm.requests.length;
  host.llm.script = ({ request }) =>
    host.llm.requests.length === from + 1 && request.tools?.[0]
      ? { calls: [{ name: request.tools[0].name, arguments: { reason: "not mine" } }] }
      : said;

  const { body } = await run("agents", id, "Whom do I write to?");

  expect(host.llm.requests.length).toBe(from + 2);
  expect(body.response).toContain("Mail [EMAIL_1] now.");
  expect(JSON.stringify(body)).not.toContain("ann@example");
});

test("a workflow's chain holds for the texts of its nodes and its typed output", async () => {
  const worker = await agent();
  const workflow = await made("/v2/workflows", {
    ...{ name: "Flow", guardrails: [redact] },
    graph_definition: {
      nodes: [
        { id: "ask", type: "agent", ref: worker },
        { id: "end", type: "end" },
      ],
      edges: [{ from: "ask", to: "end" }],
    },
  });
  host.llm.script = () => said;

  const answer = await host.call("POST", `/v2/workflows/${workflow}/runs`, {
    input: { note: "from carl@example.com" },
  });

  expect([answer.body.detail, answer.status]).toEqual([undefined, 200]);
  expect(JSON.stringify(answer.body)).not.toMatch(/ann@example|carl@example/);
  expect(JSON.stringify(host.llm.requests.at(-1)?.messages)).not.toContain("carl@example");
});

test("a run under guardrails is replayed the same, also when the tenant's have changed", async () => {
  const id = await agent({ guardrails: [{ ...redact, on: ["output"] }] });
  host.llm.script = () => said;
  let run_id = "";
  await withTenant([{ ...redact, name: "all" }], async () => {
    run_id = String((await run("agents", id, "I am bob@example.com")).body.run_id);
  });
  const items: RecordItem[] = [];
  let cursor = "";
  do {
    const { body } = await host.call("GET", `/v2/runs/${run_id}/record?cursor=${cursor}`);
    items.push(...body.data);
    cursor = body.next_cursor ?? "";
  } while (cursor !== "");

  const { replay } = await replayRecord(joinRecord(items));

  expect(replay.divergence).toBeNull();
  expect(replay.outcome).toMatchObject({ status: "completed" });
  expect(JSON.stringify(items)).not.toMatch(/ann@example|bob@example/);
});

test("the input that /v1/responses keeps is what was left of it", async () => {
  const id = await agent({ guardrails: [redact] });
  host.llm.script = () => "ok";

  const { body } = await host.call("POST", "/v1/responses", {
    ...{ model: `agent:${id}`, input: "I am bob@example.com" },
  });
  const items = await host.call("GET", `/v1/responses/${body.id}/input_items`);

  expect(items.status).toBe(200);
  expect(JSON.stringify(items.body)).toContain("I am [EMAIL_1]");
});
