// The operator's chain: it holds for every tenant before its own, nobody of a tenant can take it off, and a run
// stays under the rules that it began with, whatever the operator has set since.

import { afterAll, beforeAll, expect, test } from "vitest";
import type { Guardrail } from "../../../actors/records/guardrail.ts";
import { joinRecord, type RecordItem } from "../../../actors/run-record.ts";
import { createOperatorGuards } from "../../../adapters/http/services/operator-guards.ts";
import { replayRecord } from "../../../adapters/replay/replay.ts";
import { evaluationDesk, user } from "../../support/evaluation-desk.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

const on = ["input", "output"] as const;
const rules: readonly Guardrail[] = [
  { name: "mail", on: [...on], check: { type: "pii", entities: ["email"] }, action: "redact" },
  {
    ...{ name: "birds", on: [...on], check: { type: "words", words: ["falcon"] }, action: "block" },
    message: "Not here.",
  },
];
let host: HttpHost;
beforeAll(async () => {
  host = await startHttpHost({ operatorRules: rules });
  await host.setBalance(10_000);
  await host.setBalance(10_000, host.otherTenant);
  host.llm.script = ({ request }) => `${request.messages.at(-1)?.content} ann@example.com`;
});
afterAll(() => host.stop());

async function agentOf(key: string, guardrails: readonly object[] = []): Promise<string> {
  const fields = { name: "Desk", model_name: "m-1", guardrails };
  const { body, status } = await host.call("POST", "/v2/agents", fields, { key });
  expect([body.detail, status]).toEqual([undefined, 201]);
  return String(body.id);
}
const run = (id: string, input: string, key = host.key) =>
  host.call("POST", `/v2/agents/${id}/runs`, { input }, { key });

// The first of all: no message of the tenant has had its tables hold the chain before.
test("evaluations and what members of a team say are held to it", async () => {
  const member = await agentOf(host.key);
  const desk = evaluationDesk(host);
  const dataset_id = await desk.dataset([{ messages: [user("Who is bob@example.com?")] }]);
  const { results } = await desk.evaluate({
    ...{ dataset_id, targets: [{ target: member }], scorers: [{ type: "exact" }] },
  });
  const asked = JSON.stringify(host.llm.requests.slice(-1));
  const made = await host.call("POST", "/v2/teams", {
    ...{ name: "Team", mode: "coordinate", members: [{ agent: member }] },
  });
  const team = await host.call("POST", `/v2/teams/${made.body.id}/runs`, { input: "Who?" });

  expect(JSON.stringify(results)).toContain("[EMAIL_1]");
  expect(JSON.stringify(results)).not.toContain("ann@example");
  expect(asked).toContain("[EMAIL_1]");
  expect(team.body.response).toContain("[EMAIL_1]");
  expect(JSON.stringify(team.body)).not.toContain("ann@example");
});

test("it holds for each tenant, before the tenant's chain and the agent's, which do not take it off", async () => {
  const flag = { on, check: { type: "pii" }, action: "flag" };
  await host.call("PUT", "/v2/guardrails", { guardrails: [{ ...flag, name: "own" }] });
  for (const key of [host.key, host.otherKey]) {
    const id = await agentOf(key, [flag]);
    const { body } = await run(id, "I am bob@example.com", key);
    const blocked = await run(id, "A falcon", key);

    expect(body.response).toBe("I am [EMAIL_1] [EMAIL_1]");
    expect(body.guardrails.map(({ rule, of }: { rule: string; of: string }) => [rule, of])).toEqual(
      Array(2).fill(["mail", "operator"]),
    );
    expect([blocked.status, blocked.body.code, blocked.body.detail]).toEqual([
      ...[400, "GUARDRAIL_BLOCKED", "Not here."],
    ]);
    expect(blocked.body.guardrail).toMatchObject({ rule: "birds", of: "operator" });
  }
  const emptied = await host.call("PUT", "/v2/guardrails", { guardrails: [] });
  const id = await agentOf(host.key);
  const { body } = await run(id, "bob@example.com");
  const rows = await host.call("GET", "/admin/audit?action=guardrail.block&subject=operator");

  expect([emptied.status, emptied.body.guardrails]).toEqual([200, []]);
  expect(body.response).toBe("[EMAIL_1] [EMAIL_1]");
  expect(rows.body.data[0].details).toMatchObject({ rule: "birds", check: "words" });
});

test("a dry run is held to it as a turn is: what is asked, what is found in words, and a model's intent", async () => {
  const id = await agentOf(host.key, [
    { on, check: { type: "pii", entities: ["iban"] }, action: "flag" },
  ]);
  for (const [name, keyword] of [
    ["Docs", "export"],
    ["Money", "refund"],
  ]) {
    const trigger = { keywords: [keyword], description: `Everything about a ${keyword}.` };
    await host.call("POST", `/v2/agents/${id}/sub-agents`, { name, trigger });
  }
  const route = (message: string, use_model = true) =>
    host.call("POST", `/v2/agents/${id}/route`, { message, use_model });
  const before = host.llm.script;
  host.llm.script = () => '{"choice":2,"intent":"of ann@example.com"}';
  const from = host.llm.requests.length;

  const { body } = await route("my grandmother bob@example.com plays");
  const asked = JSON.stringify(host.llm.requests.slice(from));
  const refused = await Promise.all([true, false].map((useModel) => route("A falcon", useModel)));
  host.llm.script = () => '{"choice":2,"intent":"a falcon"}';
  const withheld = (await route("my grandmother plays the accordion")).body;
  host.llm.script = before;

  expect(body.routing_info.intent).toBe("of_email_1");
  expect(asked).toContain("my grandmother [EMAIL_1] plays");
  expect(JSON.stringify([body, asked])).not.toMatch(/bob@example|ann@example/);
  expect(body.guardrails).toMatchObject([
    { rule: "mail", of: "operator", on: "input" },
    { rule: "mail", of: "operator", on: "output", at: "routing" },
  ]);
  for (const { status, body: problem } of refused) {
    expect([status, problem.code, problem.guardrail.rule]).toEqual([
      400,
      "GUARDRAIL_BLOCKED",
      "birds",
    ]);
  }
  expect(JSON.stringify(withheld)).not.toContain("falcon");
  expect(withheld.guardrails).toMatchObject([{ rule: "birds", at: "routing", action: "block" }]);
  const rows = await host.call("GET", "/admin/audit?action=guardrail.redact&subject=operator");
  const places = rows.body.data.map(({ details }: { details: { at: string } }) => details.at);
  expect(places).toContain("routing");
});

test("why a judge of an evaluation gives its grade is held to it, and its grade stands", async () => {
  const target = await agentOf(host.key, [
    {
      ...{ name: "own", on: ["output"] },
      check: { type: "words", words: ["heron"] },
      action: "block",
    },
  ]);
  const before = host.llm.script;
  const reasons = [
    "It names ann@example.com.",
    "A falcon is right.",
    "A heron is right.",
    "Right.",
  ];
  const grades = reasons.map((reason, at) => JSON.stringify({ reason, grade: at + 5 }));
  host.llm.script = ({ request }) => (request.model === "judge-1" ? (grades.shift() ?? "") : "ok");
  const desk = evaluationDesk(host);
  const dataset_id = await desk.dataset(reasons.map((_, at) => ({ messages: [user(`No ${at}`)] })));

  const { end, results } = await desk.evaluate({
    ...{ dataset_id, targets: [{ target }], concurrency: 1 },
    scorers: [{ type: "judge", rubric: "It is right.", model: "judge-1" }],
  });
  host.llm.script = before;

  const scores = results.map(({ sides: [side] }) => side.scores[0]);
  expect(scores.map(({ score }) => score)).toEqual([0.5, 0.6, 0.7, 0.8]);
  const [mail, birds, own, none] = scores.map(({ reason }) => reason);
  expect([mail, birds, none]).toEqual(["It names [EMAIL_1].", "Not here.", "Right."]);
  expect(own).not.toContain("heron");
  const runs = await host.call("GET", `/v2/runs?kind=evaluation-item&limit=100`);
  const own_runs = runs.body.data.filter(({ id }: { id: string }) => id !== "").slice(0, 4);
  for (const { id } of own_runs) {
    const record = await host.call("GET", `/v2/runs/${id}/record`);
    expect(JSON.stringify(record.body)).not.toMatch(/ann@example|falcon is|heron is/);
  }
  expect([end.status, own_runs.length]).toEqual(["completed", 4]);
});

test("what its judge blocks once it was accepted is taken out of the conversation", async () => {
  const judge = { type: "judge", model: "judge-1", policy: "No owls." } as const;
  const judging = await startHttpHost({
    operatorRules: [{ name: "owls", on: ["input"], check: judge, action: "block" }],
  });
  try {
    await judging.setBalance(10);
    judging.llm.script = ({ request }) => (request.model === "judge-1" ? '{"score": 1}' : "ok");
    const { body: agent } = await judging.call("POST", "/v2/agents", {
      name: "A",
      model_name: "m-1",
    });
    const sent = { input: "Tell me of owls." };
    const refused = await judging.call("POST", `/v2/agents/${agent.id}/runs`, sent);
    const of = "/v2/conversations";
    const listed = await judging.call("GET", `${of}?agent_key=${agent.id}`);
    const { conversation_key } = listed.body.data[0];
    const messages = await judging.call("GET", `${of}/${conversation_key}/messages`);

    expect([refused.status, refused.body.code]).toEqual([400, "GUARDRAIL_BLOCKED"]);
    expect(refused.body.guardrail).toMatchObject({ rule: "owls", of: "operator", on: "input" });
    expect(JSON.stringify([listed.body, messages.body])).not.toContain("owls");
    expect(messages.body.data.length).toBeGreaterThan(0);
  } finally {
    await judging.stop();
  }
});

test("other rules hold from when they are set, also where the old ones are being kept", async () => {
  const puts: number[] = [];
  let read = () => Promise.resolve(undefined);
  const guards = createOperatorGuards(
    rules,
    {
      get: () => read(),
      write: async (_, [first]) => {
        puts.push((first as { value: { guardrails: unknown[] } }).value.guardrails.length);
        return { counters: {} };
      },
    },
    Date.now,
  );
  let go = (): void => undefined;
  read = () =>
    new Promise((resolve) => {
      go = () => resolve(undefined);
    });
  const asked = guards.of("tn_a");
  guards.set(rules.slice(1));
  read = () => Promise.resolve(undefined);
  go();

  expect((await asked)?.rules).toEqual(rules.slice(1));
  expect((await guards.of("tn_a"))?.rules).toEqual(rules.slice(1));
  guards.set([]);
  expect(await guards.of("tn_a")).toBeNull();
  expect(puts).toEqual([1]);
});

test("a run is replayed under the rules that it began with, when the operator has set others", async () => {
  const id = await agentOf(host.key);
  const { body } = await run(id, "I am bob@example.com");
  const { tables } = host.system;
  const other = rules.slice(1);
  const [since, none] = [other, []].map((set) => createOperatorGuards(set, tables, Date.now));
  await since?.of(host.tenant);
  expect(await none?.of(host.tenant)).toBeNull();
  const again = createOperatorGuards(rules, tables, Date.now);
  const items: RecordItem[] = [];
  let cursor = "";
  do {
    const page = await host.call("GET", `/v2/runs/${body.run_id}/record?cursor=${cursor}`);
    items.push(...page.body.data);
    cursor = page.body.next_cursor ?? "";
  } while (cursor !== "");

  const { replay } = await replayRecord(joinRecord(items));
  const [before, after] = [await again.of(host.tenant), await again.of(host.tenant)];

  const rows = items.flatMap((item) => (item.type === "row" ? [item.row] : []));
  const held = rows.find(({ id }) => id.startsWith("operator."));
  expect(held?.value).toMatchObject({ guardrails: rules });
  expect(replay.divergence).toBeNull();
  expect(replay.outcome).toMatchObject({ status: "completed" });
  expect(JSON.stringify(items)).not.toContain("bob@example");
  expect(before).toEqual(after);
  expect(before?.ref.version).toBeGreaterThan(0);
});
