// Limits of a tenant: exact however many ask at once, told by their name and value, and nobody else's.

import { afterAll, beforeAll, expect, test } from "vitest";
import { TenantRates } from "../../../adapters/tenants/limits.ts";
import { stores } from "../../../adapters/tenants/storing.ts";
import type { Tables } from "../../../runtime/system.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { skillBody } from "../../support/skill-files.ts";
import type { Answer, Json } from "../../support/wire-client.ts";

let host: HttpHost;
let admin: { readonly key: string };

beforeAll(async () => {
  host = await startHttpHost();
  admin = { key: host.adminKey };
});
afterAll(() => host.stop());

interface Made {
  readonly tenant: string;
  readonly key: string;
}

async function make(limits?: object): Promise<Made> {
  const body = { name: "Limited", ...(limits === undefined ? {} : { limits }) };
  const made = await host.call("POST", "/admin/tenants", body, admin);
  await host.setBalance(10_000, made.body.id);
  return { tenant: made.body.id, key: await host.makeKey(["*"], made.body.id) };
}

const patch = (tenant: string, limits: object): Promise<Answer> =>
  host.call("PATCH", `/admin/tenants/${tenant}`, { limits }, admin);
const newAgent = (key: string): Promise<Answer> =>
  host.call("POST", "/v2/agents", { name: "A" }, { key });
const statuses = (answers: readonly Answer[]): Record<string, number> => {
  const found: Record<string, number> = {};
  for (const { status } of answers) found[status] = (found[status] ?? 0) + 1;
  return found;
};
const many = <T>(count: number, call: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, call));

test("of a thousand agents made at once no more are there than the limit says", {
  timeout: 60_000,
}, async () => {
  const { key } = await make({ agents: 37 });
  const answers: Answer[] = [];
  for (let round = 0; round < 10; round += 1)
    answers.push(...(await many(100, () => newAgent(key))));

  const { body } = await host.call("GET", "/v2/agents?limit=100", undefined, { key });
  const refused = answers.find(({ status }) => status === 409);

  expect(statuses(answers)).toEqual({ 201: 37, 409: 963 });
  expect(body.data).toHaveLength(37);
  expect(refused?.body).toMatchObject({
    code: "TENANT_LIMIT",
    detail: "This tenant may have 37 agents at most, its limit agents.",
  });
});

test("what is removed makes room, a limit can be raised and taken away, and others have none", async () => {
  const { tenant, key } = await make({ agents: 1 });
  const other = await make();
  const first = await newAgent(key);

  const full = await newAgent(key);
  await host.call("DELETE", `/v2/agents/${first.body.id}`, undefined, { key });
  const again = await newAgent(key);
  const raised = await patch(tenant, { agents: 2 });
  const second = await newAgent(key);
  const third = await newAgent(key);
  await patch(tenant, { agents: null });
  const free = await newAgent(key);
  const others = await many(3, () => newAgent(other.key));

  expect([first, full, again, second, third, free].map(({ status }) => status)).toEqual([
    201, 409, 201, 201, 409, 201,
  ]);
  expect(raised.body.limits).toEqual({ agents: 2 });
  expect(statuses(others)).toEqual({ 201: 3 });
});

test("a limit that comes later counts what is there, also agents of an earlier version", async () => {
  const { tenant, key } = await make();
  await many(3, () => newAgent(key));
  // As an earlier version left it: its agents were not counted downwards.
  const counter = "room-agents";
  await host.system.tables.write(tenant, [{ type: "add", counter, delta: 3 }]);
  await patch(tenant, { agents: 4 });

  const answers = await many(5, () => newAgent(key));

  expect(statuses(answers)).toEqual({ 201: 1, 409: 4 });
});

test("conversations end at their limit; one that is deleted makes room", async () => {
  const { key } = await make({ conversations: 2 });
  const agent = (await newAgent(key)).body.id;
  const ask = (more: object = {}): Promise<Answer> =>
    host.call("POST", `/v2/agents/${agent}/runs`, { input: "Hello", ...more }, { key });

  const answers = await many(6, () => ask());
  const open = answers.filter(({ status }) => status === 200).map(({ body }) => body);
  const followed = await ask({ conversation_key: open[0].conversation_key });
  const refused = answers.find(({ status }) => status === 409)?.body;
  await host.call("DELETE", `/v2/conversations/${open[1].conversation_key}`, undefined, { key });
  const after = await ask();

  expect(statuses(answers)).toEqual({ 200: 2, 409: 4 });
  expect(refused).toMatchObject({
    code: "TENANT_LIMIT",
    detail: "This tenant may have 2 conversations at most, its limit conversations.",
  });
  expect([followed.status, after.status]).toEqual([200, 200]);
});

test("answers under way at once are as many as the limit says, and their ends make room", async () => {
  const { key } = await make({ concurrent_runs: 2 });
  const agent = (await newAgent(key)).body.id;
  const { script } = host.llm;
  let open: (() => void) | undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  host.llm.script = async () => {
    await opened;
    return "done";
  };
  const ask = (mode: string): Promise<Answer> =>
    host.call("POST", `/v2/agents/${agent}/runs`, { input: "Hello", mode }, { key });
  const complete = (): Promise<Answer> => {
    const messages = [{ role: "user", content: "Hello" }];
    return host.call(
      "POST",
      "/v1/chat/completions",
      { model: `agent:${agent}`, messages },
      { key },
    );
  };

  const begun = await many(5, () => ask("background"));
  const stateless = await complete();
  open?.();
  const runs = begun.filter(({ status }) => status === 202).map(({ body }) => body.id);
  const ended = async (): Promise<readonly string[]> => {
    const all = runs.map((id) => host.call("GET", `/v2/runs/${id}`, undefined, { key }));
    return (await Promise.all(all)).map(({ body }) => body.status);
  };
  await expect.poll(ended, { timeout: 5_000 }).toEqual(["completed", "completed"]);
  host.llm.script = script;
  const after = await many(2, complete);
  const refused: Json = begun.find(({ status }) => status === 429)?.body;

  expect(statuses(begun)).toEqual({ 202: 2, 429: 3 });
  expect(refused).toMatchObject({
    code: "TENANT_BUSY",
    detail: "This tenant may have 2 answers under way at most, its limit concurrent_runs.",
  });
  expect(stateless.status).toBe(429);
  expect(after.map(({ status }) => status)).toContain(200);
});

test("all keys of a tenant together have its rate, and another tenant has its own", async () => {
  const { tenant, key } = await make();
  const second = await host.makeKey(["*"], tenant);
  await patch(tenant, { requests_per_second: 5 });
  const list = (by: string): Promise<Answer> =>
    host.call("GET", "/v2/agents", undefined, { key: by });

  const answers = await Promise.all([...Array(10)].flatMap(() => [list(key), list(second)]));
  const others = await many(20, () => list(host.key));
  const refused = answers.find(({ status }) => status === 429);

  expect(statuses(answers)["200"]).toBeLessThan(10);
  expect(refused?.body).toMatchObject({
    code: "RATE_LIMITED",
    detail: expect.stringMatching(/5 requests a second .* requests_per_second/),
  });
  expect(refused?.headers.get("retry-after")).not.toBeNull();
  expect(statuses(others)).toEqual({ 200: 20 });
});

test("a rate lets a second's worth through at once and then as many as come back", async () => {
  let nowMs = 0;
  const rates = new TenantRates({} as Tables, () => nowMs);
  rates.changed("tn_a", { requests_per_second: 3 });
  const taken = (): number => {
    for (let count = 0; ; count += 1) {
      try {
        rates.take("tn_a");
      } catch {
        return count;
      }
    }
  };

  const first = taken();
  nowMs += 1_000;
  const second = taken();
  nowMs += 400;

  expect([first, second, taken()]).toEqual([3, 3, 1]);
});

test("the default of a rate and of answers under way hold for a tenant without its own, and not for one with", async () => {
  let nowMs = 0;
  const tables = { get: async () => undefined } as unknown as Tables;
  const rates = new TenantRates(tables, () => nowMs, { requests_per_second: 2 });
  rates.changed("tn_a", {});
  rates.changed("tn_b", { requests_per_second: null });
  rates.changed("tn_c", { requests_per_second: 4 });
  const taken = (tenant: string): number => {
    for (let count = 0; count < 50; count += 1) {
      try {
        rates.take(tenant);
      } catch {
        return count;
      }
    }
    return 50;
  };
  nowMs += 1;

  expect([taken("tn_a"), taken("tn_b"), taken("tn_c")]).toEqual([2, 50, 4]);
});

test("what was stored under a key is told once more to a tenant without room, and nothing new is stored under one", async () => {
  const { tenant, key } = await make();
  const agent = (await newAgent(key)).body.id;
  const collection = await host.call("POST", "/v2/knowledge/collections", { name: "C" }, { key });
  const dataset = await host.call("POST", "/v2/datasets", { name: "D" }, { key });
  const said = { messages: [{ role: "user", content: "Hello" }] };
  const chat = { model: `agent:${agent}`, ...said };
  const graph = { nodes: [{ id: "end", type: "end" }], edges: [] };
  const items = `/v2/datasets/${dataset.body.id}/items`;
  const alone = await host.call("POST", "/agents/v1/agents", { name: "Alone" }, { key });
  await host.call("POST", items, said, { key });
  const documents = `/v2/knowledge/collections/${collection.body.id}/documents`;
  /** Every route that stores and takes a key, with what it is asked, but for those in `others`. */
  const bodies: Readonly<Record<string, readonly [path: string, body: object]>> = {
    "/v1/chat/completions": ["/v1/chat/completions", chat],
    "/v1/messages": ["/v1/messages", { ...chat, max_tokens: 50 }],
    "/v1/responses": ["/v1/responses", { model: `agent:${agent}`, input: "Hello" }],
    "/v1/proxy/core-agent-chat": ["/v1/proxy/core-agent-chat", { agent_key: agent, message: "Hi" }],
    "/agents/v1/agents": ["/agents/v1/agents", { name: "A" }],
    "/agents/v1/agents/{id}/start": [
      `/agents/v1/agents/${alone.body.id}/start`,
      { input: "Hello" },
    ],
    "/v2/agents": ["/v2/agents", { name: "B" }],
    "/v2/agents/{id}/runs": [`/v2/agents/${agent}/runs`, { input: "Hello" }],
    "/v2/agents/{id}/sub-agents": [`/v2/agents/${agent}/sub-agents`, { name: "S" }],
    "/v2/datasets": ["/v2/datasets", { name: "E" }],
    "/v2/datasets/{id}/items": [items, { messages: [{ role: "user", content: "Bye" }] }],
    "/v2/evaluations": [
      "/v2/evaluations",
      {
        ...{ dataset_id: dataset.body.id, targets: [{ target: agent }] },
        scorers: [{ type: "exact" }],
      },
    ],
    "/v2/knowledge/collections/{cl}/documents": [documents, { id: "dc_9", text: "Soup at noon." }],
    "/v2/memories": ["/v2/memories", { agent_key: agent, text: "Ann is in Rome." }],
    "/v2/channels": [
      "/v2/channels",
      {
        ...{
          name: "Relay",
          kind: "relay",
          agent,
          secrets: { signing_secret: "the-secret-of-the-relay" },
        },
        settings: { api_url: "http://127.0.0.1:9/messages" },
      },
    ],
    "/v2/prompts": ["/v2/prompts", { name: "Q", template: "Hi!" }],
    "/v2/teams": ["/v2/teams", { name: "T", mode: "coordinate", members: [{ agent }] }],
    "/v2/tools": [
      "/v2/tools",
      { name: "ask", type: "http_request", config: { url: "https://example.com/" } },
    ],
    "/v2/skills": ["/v2/skills", skillBody("kept")],
    "/v2/workflows": ["/v2/workflows", { name: "W", graph_definition: graph }],
    "/v1/proxy/core-agent-create": ["/v1/proxy/core-agent-create", { name: "Old" }],
    "/v1/proxy/core-agent-subagent-create/{agent_key}": [
      `/v1/proxy/core-agent-subagent-create/${agent}`,
      { name: "Old" },
    ],
  };
  const send = async (once: string): Promise<Record<string, readonly [number, string]>> => {
    const answers: Record<string, readonly [number, string]> = {};
    for (const [pattern, [path, body]] of Object.entries(bodies)) {
      const headers = { "Idempotency-Key": `${once} ${pattern}` };
      const { status, body: told } = await host.call("POST", path, body, { key, headers });
      const made =
        told.run?.id ?? told.data?.agent_key ?? told.data?.run_id ?? told.id ?? told.run_id;
      answers[pattern] = [status, told.code ?? made ?? JSON.stringify(told)];
    }
    return answers;
  };

  const counted = async (): Promise<readonly number[]> => {
    const kinds = ["agents", "prompts", "datasets", "tools", "skills", "workflows", "teams"];
    const lists = [...kinds, "runs", "conversations", "evaluations", "memories"].map((list) =>
      host.call("GET", `/v2/${list}?limit=100`, undefined, { key }),
    );
    return (await Promise.all(lists)).map(({ body }) => body.data.length);
  };

  const first = await send("first");
  await patch(tenant, { storage_bytes: 1 });
  const again = await send("first");
  const before = await counted();
  const fresh = await send("second");
  const headers = { "Idempotency-Key": "put" };
  const put = await host.call("PUT", `${documents}/dc_8`, { text: "Bread." }, { key, headers });
  const after = await counted();

  const keyed = host.routes.filter(
    (route) => route.reads?.includes("Idempotency-Key") === true && stores(route),
  );
  const others = keyed.map(({ pattern }) => pattern).filter((pattern) => !(pattern in bodies));

  // The first is below, the others need a further embedder, an agent, a session, a target, and a trigger.
  expect(put.status).toBe(409);
  expect(others).toEqual([
    "/v2/knowledge/collections/{cl}/documents/{dc}",
    "/v2/knowledge/collections/{cl}/reembed",
    "/v2/engines",
    "/v2/targets",
    "/v2/triggers",
    "/v2/channels/{id}/sessions/{cs}/messages",
    "/v2/triggers/{id}/fire",
  ]);
  expect(Object.values(first).filter(([status]) => status >= 300)).toEqual([]);
  expect(again).toEqual(first);
  expect(Object.entries(fresh).filter(([, [status]]) => status !== 409)).toEqual([]);
  expect(after).toEqual(before);
});
