// Document 001's agents and sub-agents through the real door: shapes, prices, errors, concurrency.

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

let host: HttpHost;

beforeAll(async () => {
  host = await startHttpHost();
});
afterAll(() => host.stop());
beforeEach(() => host.setBalance(100));

const supervisor = {
  name: "Support Supervisor",
  agent_type: "supervisor",
  system_message: "You route questions to the right sub-agent.",
  model_name: "gpt-5-mini-2025-08-07",
  temperature: 0.7,
  response_language: "auto",
};
const docs = {
  name: "Docs Agent",
  description: "Answers product questions.",
  trigger: { keywords: ["docs", "how to"], description: "Routes product questions." },
  priority: 1,
  action: { persona: { role: "customer_support" }, goal: { primary: "inform" } },
  model_name: "gpt-5-mini-2025-08-07",
  temperature: 0.7,
  is_active: true,
};

async function createAgent(more: object = {}): Promise<string> {
  const { body } = await host.call("POST", "/v1/proxy/core-agent-create", {
    ...supervisor,
    ...more,
  });
  return body.data.agent_key;
}

async function createSubAgent(agent: string, more: object = {}): Promise<Json> {
  const path = `/v1/proxy/core-agent-subagent-create/${agent}`;
  return (await host.call("POST", path, { ...docs, ...more })).body;
}

test("create answers the agent without unset fields, the gateway and the cost", async () => {
  const { status, body } = await host.call("POST", "/v1/proxy/core-agent-create", supervisor);

  expect(status).toBe(200);
  expect(body.status).toBe("success");
  expect(body.data).toMatchObject(supervisor);
  expect(body.data.agent_key).toMatch(/^ag_[a-z0-9]+$/);
  expect(body.data.top_p).toBeUndefined();
  expect(Date.parse(body.data.created_at)).toBeGreaterThan(0);
  expect(body.gateway).toEqual({
    request_id: expect.stringMatching(/^req_/),
    service: "core-agent-create",
  });
  expect(body.cost).toEqual({ units: 1, unit_price: 1, tokens: 1, balance: 99 });
});

test("details hold every tuning field, unset ones null, and cost nothing", async () => {
  const agent = await createAgent();

  const { body } = await host.call("GET", `/v1/proxy/core-agent-details/${agent}`);

  expect(Object.keys(body.data)).toEqual(
    expect.arrayContaining([
      "pre_context_prompt",
      "post_context_prompt",
      "response_template",
      "max_tokens",
      "top_p",
      "frequency_penalty",
      "presence_penalty",
      "response_format",
      "agent_config",
      "context_prompt",
      "examples",
      "required_parameters",
      "graph_definition",
      "state_schema",
      "entry_node",
      "requires_collection",
      "collection_ids",
    ]),
  );
  expect(body.data).toMatchObject({ ...supervisor, top_p: null, graph_definition: null });
  expect(body.cost).toEqual({ units: 1, unit_price: 0, tokens: 0, balance: 99 });
});

test("the list is a direct array with its pagination beside it", async () => {
  const agents = [await createAgent(), await createAgent()];

  const first = await host.call("GET", "/v1/proxy/core-agents?limit=1");
  const { next_cursor } = first.body.pagination;
  const second = await host.call("GET", `/v1/proxy/core-agents?limit=1&cursor=${next_cursor}`);
  const all = await host.call("GET", "/v1/proxy/core-agents?limit=100");

  expect(first.body.data).toHaveLength(1);
  expect(first.body.pagination).toMatchObject({ limit: 1, has_more: true });
  expect(second.body.data[0].agent_key).not.toBe(first.body.data[0].agent_key);
  const keys = all.body.data.map((agent: Json) => agent.agent_key);
  expect(keys).toEqual(expect.arrayContaining(agents));
  expect(all.body.pagination.total).toBe(keys.length);
});

test.each(["PUT", "PATCH"])("%s changes what it names, and null unsets", async (method) => {
  const agent = await createAgent();
  const path = `/v1/proxy/core-agent-update/${agent}`;

  const { body } = await host.call(method, path, { temperature: null, max_tokens: 50 });
  const details = await host.call("GET", `/v1/proxy/core-agent-details/${agent}`);

  expect(body.data.max_tokens).toBe(50);
  expect(body.cost).toEqual({ units: 1, unit_price: 0.5, tokens: 0.5, balance: 98.5 });
  expect(details.body.data).toMatchObject({ temperature: null, max_tokens: 50, version: 2 });
  expect(details.body.data.name).toBe(supervisor.name);
});

test("sub-agents are created, listed, changed and deleted", async () => {
  const agent = await createAgent();

  const made = await createSubAgent(agent);
  const key = made.data.sub_agent_key;
  const path = `/v1/proxy/core-agent-subagent-update/${agent}/${key}`;
  const changed = await host.call("PUT", path, { is_active: false });
  const list = await host.call("GET", `/v1/proxy/core-agent-subagents/${agent}`);
  const gone = await host.call("DELETE", `/v1/proxy/core-agent-subagent-delete/${agent}/${key}`);
  const after = await host.call("GET", `/v1/proxy/core-agent-subagents/${agent}`);

  expect(made.data).toMatchObject(docs);
  expect(key).toMatch(/^sa_/);
  expect(made.cost).toEqual({ units: 1, unit_price: 0.5, tokens: 0.5, balance: 98.5 });
  expect(changed.body.data.is_active).toBe(false);
  expect(changed.body.cost.balance).toBe(98);
  expect(list.body.data).toHaveLength(1);
  expect(list.body.data[0]).toMatchObject({ ...docs, is_active: false, use_rag: false });
  expect(gone.body.data).toMatchObject({ sub_agent_key: key, deleted: true });
  expect(gone.body.cost.tokens).toBe(0);
  expect(after.body.data).toEqual([]);
});

test("deleting an agent takes its sub-agents with it", async () => {
  const agent = await createAgent();
  const sub = (await createSubAgent(agent)).data.sub_agent_key;

  const gone = await host.call("DELETE", `/v1/proxy/core-agent-delete/${agent}`);
  const details = await host.call("GET", `/v1/proxy/core-agent-details/${agent}`);

  expect(gone.body.data).toMatchObject({ agent_key: agent, deleted: true, sub_agents_deleted: 1 });
  expect(details.status).toBe(404);
  expect(await host.system.tables.get(host.tenant, "sub-agents", sub)).toBeUndefined();
});

test("a graph is replaced as a whole by PUT only, and a wrong one is refused with its place", async () => {
  const agent = await createAgent();
  const sub = (await createSubAgent(agent)).data.sub_agent_key;
  const path = `/v1/proxy/core-agent-graph/${agent}`;
  const graph = {
    graph_definition: {
      nodes: [
        { id: "answer", type: "sub_agent", ref: sub, output: true },
        { id: "done", type: "end" },
      ],
      edges: [{ from: "answer", to: "done" }],
    },
    entry_node: "answer",
  };

  const put = await host.call("PUT", path, graph);
  const bad = await host.call("PUT", path, { ...graph, entry_node: "nowhere" });
  const get = await host.call("GET", path);
  const remove = await host.call("DELETE", `/v1/proxy/core-agent-subagent-delete/${agent}/${sub}`);

  expect(put.status).toBe(200);
  expect(put.body.data).toMatchObject({ agent_key: agent, ...graph });
  expect(put.body.cost.tokens).toBe(0.5);
  expect(bad.status).toBe(400);
  expect(bad.body.error).toMatchObject({ code: "GRAPH_INVALID", pointer: "/entry_node" });
  expect(get.status).toBe(405);
  expect(get.headers.get("allow")).toContain("PUT");
  expect(remove.status).toBe(409);
});

const wrong: readonly (readonly [string, object, string, string])[] = [
  ["an unknown field", { colour: "red" }, "UNKNOWN_FIELD", "/colour"],
  ["a wrong type", { temperature: "hot" }, "INVALID", "/temperature"],
  ["a number out of range", { temperature: 3 }, "INVALID", "/temperature"],
  ["an empty name", { name: "" }, "INVALID", "/name"],
  [
    "a collection that is not there",
    { collection_ids: ["cl_abc123"] },
    "INVALID",
    "/collection_ids/0",
  ],
  [
    "a remote reference",
    { required_parameters: { $ref: "http://x/y" } },
    "SCHEMA_INVALID",
    "/required_parameters/$ref",
  ],
  [
    "a pattern RE2 has not",
    { required_parameters: { pattern: "(?=a)" } },
    "SCHEMA_INVALID",
    "/required_parameters",
  ],
  [
    "a fallback that is no sub-agent",
    { agent_config: { fallback: "sa_x" } },
    "INVALID",
    "/agent_config/fallback",
  ],
];

test.each(wrong)(
  "%s is refused with its place and nothing is paid",
  async (_what, more, code, pointer) => {
    const answer = await host.call("POST", "/v1/proxy/core-agent-create", {
      ...supervisor,
      ...more,
    });

    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ status: "error", error: { code, pointer } });
    expect(answer.body.gateway.service).toBe("core-agent-create");
    expect(await host.balance()).toBe(100_000_000);
  },
);

test("a sub-agent that uses retrieval needs a collection of its tenant", async () => {
  const agent = await createAgent();
  const foreign = await host.call(
    "POST",
    "/v2/knowledge/collections",
    { name: "theirs" },
    { key: host.otherKey },
  );
  const own = await host.call("POST", "/v2/knowledge/collections", { name: "ours" });

  const without = await createSubAgent(agent, { use_rag: true });
  const theirs = await createSubAgent(agent, { use_rag: true, collection_key: foreign.body.id });
  const ours = await createSubAgent(agent, { use_rag: true, collection_key: own.body.id });

  expect(without.error).toMatchObject({ code: "INVALID", pointer: "/collection_key" });
  expect(theirs.error).toMatchObject({ code: "INVALID", pointer: "/collection_key" });
  expect(theirs.error.message).toContain("does not exist");
  expect(ours.status).toBe("success");
});

test("another tenant's agents look like unknown ones", async () => {
  const agent = await createAgent();
  const key = host.otherKey;
  const sub = (await createSubAgent(agent)).data.sub_agent_key;
  const own = (await host.call("POST", "/v1/proxy/core-agent-create", supervisor, { key })).body
    .data.agent_key;

  const calls = [
    host.call("GET", `/v1/proxy/core-agent-details/${agent}`, undefined, { key }),
    host.call("PUT", `/v1/proxy/core-agent-update/${agent}`, { name: "x" }, { key }),
    host.call("DELETE", `/v1/proxy/core-agent-delete/${agent}`, undefined, { key }),
    host.call("GET", `/v1/proxy/core-agent-subagents/${agent}`, undefined, { key }),
    host.call("POST", `/v1/proxy/core-agent-subagent-create/${agent}`, docs, { key }),
    host.call("PUT", `/v1/proxy/core-agent-subagent-update/${own}/${sub}`, { name: "x" }, { key }),
    host.call("DELETE", `/v1/proxy/core-agent-subagent-delete/${own}/${sub}`, undefined, { key }),
    host.call("GET", `/v1/proxy/core-agent-conversations?agent_key=${agent}`, undefined, { key }),
    host.call("POST", "/v1/proxy/core-agent-chat", { agent_key: agent, message: "hi" }, { key }),
  ];

  for (const { status, body } of await Promise.all(calls)) {
    expect(status).toBe(404);
    expect(body.error.code).toBe("NOT_FOUND");
  }
});

test("a key without the service is refused, and an unknown key too", async () => {
  const key = await host.makeKey(["core-agents"]);

  const allowed = await host.call("GET", "/v1/proxy/core-agents", undefined, { key });
  const forbidden = await host.call("POST", "/v1/proxy/core-agent-create", supervisor, { key });
  const nobody = await host.call("GET", "/v1/proxy/core-agents", undefined, { key: "wrong" });

  expect([allowed.status, forbidden.status, nobody.status]).toEqual([200, 403, 401]);
});

test("every endpoint answers a wrong method with 405", async () => {
  const endpoints = [
    ["GET", "core-agent-create"],
    ["POST", "core-agents"],
    ["POST", "core-agent-details/ag_1"],
    ["POST", "core-agent-update/ag_1"],
    ["GET", "core-agent-delete/ag_1"],
    ["POST", "core-agent-graph/ag_1"],
    ["POST", "core-agent-subagents/ag_1"],
    ["GET", "core-agent-subagent-create/ag_1"],
    ["GET", "core-agent-subagent-update/ag_1/sa_1"],
    ["POST", "core-agent-subagent-delete/ag_1/sa_1"],
    ["GET", "core-agent-chat"],
    ["POST", "core-agent-conversations"],
    ["POST", "core-agent-conversation-details/cv_1"],
    ["GET", "core-agent-conversation-delete/cv_1"],
  ] as const;

  for (const [method, path] of endpoints) {
    const answer = await host.call(method, `/v1/proxy/${path}`);
    expect([path, answer.status]).toEqual([path, 405]);
    expect(answer.body.error.code).toBe("METHOD_NOT_ALLOWED");
  }
});

test("thirty updates at once are all applied, each paid once", async () => {
  const agent = await createAgent();
  const path = `/v1/proxy/core-agent-subagent-create/${agent}`;

  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, at) => host.call("POST", path, { name: `Sub ${at}` })),
  );
  const list = await host.call("GET", `/v1/proxy/core-agent-subagents/${agent}`);

  expect(answers.every((answer) => answer.status === 200)).toBe(true);
  const names = list.body.data.map((sub: Json) => sub.name).sort();
  expect(names).toEqual(Array.from({ length: 30 }, (_, at) => `Sub ${at}`).sort());
  expect(await host.balance()).toBe(100_000_000 - 1_000_000 - 30 * 500_000);
});

test("a create without balance changes nothing", async () => {
  await host.setBalance(0.9);

  const answer = await host.call("POST", "/v1/proxy/core-agent-create", supervisor);

  expect(answer.status).toBe(402);
  expect(answer.body.error.code).toBe("BALANCE_EXHAUSTED");
  expect(await host.balance()).toBe(900_000);
});

test("the same Idempotency-Key creates once and pays once; another body is refused", async () => {
  const headers = { "Idempotency-Key": "create-1" };
  const path = "/v1/proxy/core-agent-create";

  const [one, two] = await Promise.all([
    host.call("POST", path, supervisor, { headers }),
    host.call("POST", path, supervisor, { headers }),
  ]);
  const other = await host.call("POST", path, { ...supervisor, name: "x" }, { headers });

  expect(one.body.data.agent_key).toBe(two.body.data.agent_key);
  expect(await host.balance()).toBe(99_000_000);
  expect(other.status).toBe(422);
  expect(other.body.error.code).toBe("KEY_REUSED");
});

test("a chain of models is kept as it was written; one that is none is refused with its pointer", async () => {
  const agent = await createAgent();
  const path = `/v1/proxy/core-agent-update/${agent}`;

  const kept = await host.call("PATCH", path, { model_name: "gpt-5-mini, lab/llama3" });
  const refused = await host.call("PATCH", path, { model_name: "gpt-5-mini, builtin" });

  expect([kept.status, kept.body.data.model_name]).toEqual([200, "gpt-5-mini, lab/llama3"]);
  expect(refused.status).toBe(400);
  expect(refused.body.error).toMatchObject({ code: "INVALID", pointer: "/model_name" });
});
