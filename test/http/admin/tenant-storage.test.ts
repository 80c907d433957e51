// How much a tenant may store: refused before anything is taken, by every door, and never what deletes,
// decides, reads or has begun; and limits that tenants have from the configuration.

import { afterAll, beforeAll, expect, test } from "vitest";
import { StorageRoom } from "../../../adapters/tenants/storage-room.ts";
import { stores } from "../../../adapters/tenants/storing.ts";
import type { Tables } from "../../../runtime/system.ts";
import { evaluationDesk, user } from "../../support/evaluation-desk.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
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

/** What a tenant has stored, and how much it may. */
const storage = async (tenant: string): Promise<Json> =>
  (await host.call("GET", `/admin/tenants/${tenant}`, undefined, admin)).body.effective_limits
    .storage_bytes;
const TEXT = "An answer of the desk. ".repeat(20);
const chatBody = (agent: string) => ({
  model: `agent:${agent}`,
  messages: [{ role: "user", content: "Hello" }],
});

test("a tenant that has stored all it may is refused what it would store by every door, and nothing else", async () => {
  const { tenant, key } = await make();
  const other = await make();
  const agent = (await newAgent(key)).body.id;
  const call = (method: string, path: string, body?: unknown, headers = {}): Promise<Answer> =>
    host.call(method, path, body, { key, headers });
  const prompt = (await call("POST", "/v2/prompts", { name: "P", template: "Hi!" })).body;
  const collection = (await call("POST", "/v2/knowledge/collections", { name: "C" })).body.id;
  const documents = `/v2/knowledge/collections/${collection}/documents`;
  // Larger than the rows of the audit that refusals make.
  await call("PUT", `${documents}/dc_1`, { text: TEXT.repeat(20) });
  const asked = await call("POST", `/v2/agents/${agent}/runs`, { input: "Hello" });
  const conversation = asked.body.conversation_key;
  const tree = await call("GET", `/v2/runs/${asked.body.id}/tree`);
  const [{ key: step }] = tree.body.steps;
  const { used } = await storage(tenant);
  await patch(tenant, { storage_bytes: used });

  const a2a = {
    message: { messageId: "m", role: "ROLE_USER", parts: [{ text: "Hello" }] },
  };
  const user = { role: "user", content: "Hello" };
  const stored = await Promise.all([
    newAgent(key),
    call("PATCH", `/v2/agents/${agent}`, { description: "D" }),
    call("POST", `/v2/agents/${agent}/sub-agents`, { name: "S" }),
    call("POST", "/v2/prompts", { name: "Q", template: "Hi!" }),
    call("PUT", `/v2/prompts/${prompt.id}`, { name: "P", template: TEXT }),
    call("POST", "/v2/datasets", { name: "D" }),
    call("POST", "/v2/knowledge/collections", { name: "D" }),
    call("PUT", `${documents}/dc_2`, { text: TEXT }),
    call("POST", documents, { documents: [{ id: "dc_3", text: TEXT }] }),
    call("POST", "/v2/memories", { agent_key: agent, user_key: "ann", text: "Ann is in Rome." }),
    call("POST", `/v2/agents/${agent}/runs`, { input: "Hello" }),
    call("POST", `/v2/agents/${agent}/runs`, { input: "Hello", mode: "background" }),
    call("POST", `/v2/runs/${asked.body.id}/fork`, { step }),
    call("POST", "/v1/proxy/core-agent-chat", { agent_key: agent, message: "Hello" }),
    call("POST", "/v1/chat/completions", chatBody(agent)),
    call("POST", "/v1/responses", { model: `agent:${agent}`, input: "Hello" }),
    call("POST", "/v1/messages", { ...chatBody(agent), max_tokens: 50 }),
    call("POST", `/v2/agents/${agent}/ag-ui`, {
      threadId: "t",
      runId: "r",
      messages: [{ id: "m", ...user }],
    }),
    call("POST", `/a2a/${agent}/message:send`, a2a, { "a2a-version": "1.0" }),
  ]);
  const [refused] = stored;
  const others = await Promise.all([
    call("GET", `/v2/agents/${agent}`),
    call("GET", `/v2/conversations/${conversation}/messages`),
    call("POST", `/v2/knowledge/collections/${collection}/search`, { query: "answer" }),
    call("POST", `/v2/prompts/${prompt.id}/preview`, {}),
    call("POST", "/v1/embeddings", { model: "builtin", input: "Hello" }),
    call("POST", "/v2/webhooks/secret/rotate"),
    host.call("POST", "/v2/agents", { name: "A" }, { key: other.key }),
    call("DELETE", `${documents}/dc_1`),
  ]);

  expect(stored.map(({ status }) => status)).toEqual(stored.map(() => 409));
  expect(refused?.body).toMatchObject({ code: "TENANT_LIMIT", retryable: false });
  expect(refused?.body.detail).toMatch(
    new RegExp(
      `^This tenant may store ${used} bytes at most, its limit storage_bytes: it has \\d+, and this brings 12\\.$`,
    ),
  );
  expect(others.map(({ status }) => status < 300)).toEqual(others.map(() => true));
  expect((await storage(tenant)).used).toBeLessThan(used);
});

test("a run that has begun goes on to its end and is stored, and no other begins", async () => {
  const { tenant, key } = await make();
  const agent = (await newAgent(key)).body.id;
  const { script } = host.llm;
  let open: (() => void) | undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  host.llm.script = async () => {
    await opened;
    return TEXT;
  };
  const ask = (): Promise<Answer> => {
    const body = { input: "Hello", mode: "background" };
    return host.call("POST", `/v2/agents/${agent}/runs`, body, { key });
  };
  const begun = await ask();
  await patch(tenant, { storage_bytes: 0 });

  const refused = await ask();
  open?.();
  const read = (): Promise<Answer> =>
    host.call("GET", `/v2/runs/${begun.body.id}`, undefined, { key });
  await expect.poll(async () => (await read()).body.status, { timeout: 5_000 }).toBe("completed");
  host.llm.script = script;

  expect([begun.status, refused.status]).toEqual([202, 409]);
  const messages = `/v2/conversations/${begun.body.conversation_key}/messages`;
  const said = (await host.call("GET", messages, undefined, { key })).body.data;
  expect(said.map(({ content }: Json) => content)).toContain(TEXT);
});

test("what is removed makes room, and of many documents at once no more are taken than there is room for", async () => {
  const { tenant, key } = await make();
  const call = (method: string, path: string, body?: unknown): Promise<Answer> =>
    host.call(method, path, body, { key });
  const collection = (await call("POST", "/v2/knowledge/collections", { name: "C" })).body.id;
  const put = (id: string): Promise<Answer> =>
    call("PUT", `/v2/knowledge/collections/${collection}/documents/${id}`, {
      text: `${id} ${TEXT.repeat(20)}`,
    });
  const bytes = JSON.stringify({ text: TEXT.repeat(20) }).length;
  await patch(tenant, { storage_bytes: (await storage(tenant)).used + 5 * bytes });

  const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => put(`dc_${n}`)));
  const full = await storage(tenant);
  const taken = answers.flatMap(({ status }, n) => (status < 300 ? [n] : []));
  const again = await put("dc_more");
  for (const n of taken) {
    await call("DELETE", `/v2/knowledge/collections/${collection}/documents/dc_${n}`);
  }
  const roomy = await storage(tenant);
  const after = await put("dc_after");
  await patch(tenant, { storage_bytes: null });
  const free = await put("dc_free");

  expect(taken.length).toBeGreaterThan(0);
  expect(taken.length).toBeLessThanOrEqual(5);
  expect(answers.filter(({ status }) => status === 409)).toHaveLength(20 - taken.length);
  expect(again.status).toBe(409);
  expect(roomy.used).toBeLessThan(full.used);
  expect([after.status, free.status].map((status) => status < 300)).toEqual([true, true]);
  expect(full).toMatchObject({ value: expect.any(Number), origin: "tenant" });
});

test("a tenant is shown with its limits as they hold, and what of them it uses", async () => {
  const { tenant, key } = await make({ agents: 7, conversations: null });
  const agent = (await newAgent(key)).body.id;
  await host.call("POST", `/v2/agents/${agent}/runs`, { input: "Hello" }, { key });

  const { body } = await host.call("GET", `/admin/tenants/${tenant}`, undefined, admin);
  const { bytes, isCounting } = await host.system.tenants.storedBytes(tenant);

  expect(body.effective_limits).toEqual({
    agents: { value: 7, origin: "tenant", used: 1 },
    conversations: { value: null, origin: "tenant", used: 1 },
    concurrent_runs: { value: null, origin: "none", used: 0 },
    requests_per_second: { value: null, origin: "none", used: null },
    weight: { value: null, origin: "none", used: null },
    storage_bytes: { value: null, origin: "none", used: bytes },
  });
  expect(bytes).toBeGreaterThan(1_000);
  expect(isCounting).toBe(false);
});

test("every route that changes something is refused to a tenant that has stored all it may, but for these", () => {
  const writing = host.routes.filter(
    ({ method, isControl, sideEffects = true }) =>
      !["GET", "DELETE"].includes(method) && isControl !== true && sideEffects,
  );
  const named = (some: typeof writing) => some.map(({ method, pattern }) => `${method} ${pattern}`);
  const passing = named(writing.filter((route) => !stores(route)));

  // Whoever asks is refused where answers begin: a decision or a question by the same route is not.
  const asks = [
    ...["/a2a/{agent}", "/a2a/{agent}/message:send", "/a2a/{agent}/message:stream", "/mcp"],
    ...["/v1/chat/completions", "/v1/messages", "/v1/proxy/core-agent-chat", "/v1/responses"],
    ...["/v2/agents/{id}/runs", "/v2/teams/{id}/runs", "/v2/workflows/{id}/runs"],
    ...["/v2/agents/{key}/ag-ui", "/v2/agents/{key}/ui-chat"],
    ...["/v2/runs/{rn}/fork", "/v2/runs/{rn}/resume"],
  ];
  const small = [
    ...["/v2/tokens", "/v2/tokens/connect", "/v2/tokens/connect/complete"],
    ...["/v2/tokens/connect/{id}", "/a2a/{agent}/tasks/{task}/pushNotificationConfigs"],
    ...["/v1/embeddings", "/v2/agents/{id}/route", "/v2/webhooks/secret/rotate"],
    "/v2/channels/{id}/deliveries/{dv}/retry",
  ];
  expect(passing.filter((one) => !one.includes(" /admin/")).sort()).toEqual(
    [
      ...[...asks, ...small].map((pattern) => `POST ${pattern}`),
      ...["POST /v2/engines/{id}/check", "POST /v2/targets/{id}/check"],
      ...["PATCH /v2/tokens/{tk}", "PUT /v2/guardrails", "PUT /v2/integrations/{name}"],
    ].sort(),
  );
  expect(named(writing.filter(stores)).filter((one) => /admin|delete/.test(one))).toEqual([]);
});

test("a tenant without a value of its own has the configuration's, its own goes before it, and null is none", async () => {
  const limits = { agents: 1, conversations: 1, concurrent_runs: 1, storage_bytes: 300_000 };
  const there = await startHttpHost({ tenantLimits: { ...limits, requests_per_second: 500 } });
  const operator = { key: there.adminKey };
  try {
    const create = async (body: object): Promise<Made> => {
      const made = await there.call("POST", "/admin/tenants", { name: "T", ...body }, operator);
      await there.setBalance(100, made.body.id);
      return { tenant: made.body.id, key: await there.makeKey(["*"], made.body.id) };
    };
    const path = (of: Made): string => `/admin/tenants/${of.tenant}`;
    const shown = async (of: Made): Promise<Json> =>
      (await there.call("GET", path(of), undefined, operator)).body.effective_limits;
    const agent = (of: Made, more: object = {}): Promise<Answer> =>
      there.call("POST", "/v2/agents", { name: "A", ...more }, { key: of.key });
    const ask = (of: Made, id: string): Promise<Answer> =>
      there.call("POST", `/v2/agents/${id}/runs`, { input: "Hello" }, { key: of.key });
    const plain = await create({});
    const own = await create({ limits: { agents: 2, storage_bytes: null } });

    const first = (await agent(plain)).body.id;
    const more = await agent(plain);
    const ownAgents = [await agent(own), await agent(own), await agent(own)];
    const asked = [await ask(plain, first), await ask(plain, first)];
    await there.call("PATCH", path(plain), { limits: { conversations: null } }, operator);
    const free = await ask(plain, first);
    const template = "x".repeat(15_000);
    const prompt = (of: Made, n: number): Promise<Answer> =>
      there.call("POST", "/v2/prompts", { name: `P${n}`, template }, { key: of.key });
    const prompts: Record<string, number[]> = { plain: [], own: [] };
    for (let n = 0; n < 25; n += 1) {
      prompts["plain"]?.push((await prompt(plain, n)).status);
      prompts["own"]?.push((await prompt(own, n)).status);
    }
    const before = await shown(own);
    const back = { limits: { agents: "default", storage_bytes: "default" } };
    const changed = await there.call("PATCH", path(own), back, operator);
    const after = await shown(own);

    expect(more.body.detail).toBe("This tenant may have 1 agents at most, its limit agents.");
    expect(ownAgents.map(({ status }) => status)).toEqual([201, 201, 409]);
    expect(asked.map(({ status }) => status)).toEqual([200, 409]);
    expect(asked[1]?.body.detail).toMatch(/1 conversations at most/);
    expect([...new Set(prompts["plain"])]).toEqual([201, 409]);
    expect(new Set(prompts["own"])).toEqual(new Set([201]));
    expect(before).toMatchObject({
      agents: { value: 2, origin: "tenant", used: 2 },
      conversations: { value: 1, origin: "configuration", used: 0 },
      requests_per_second: { value: 500, origin: "configuration", used: null },
      storage_bytes: { value: null, origin: "tenant" },
    });
    expect(changed.body.limits).toEqual({});
    expect([after.agents, after.storage_bytes]).toMatchObject([
      { value: 1, origin: "configuration", used: 2 },
      { value: 300_000, origin: "configuration" },
    ]);
    expect((await agent(own)).status).toBe(409);
    expect(free.status).toBe(200);
  } finally {
    await there.stop();
  }
});

test("what is stored, files, and what requests under way bring count together until these have ended", async () => {
  let nowMs = 0;
  let files = 30;
  const room = new StorageRoom({
    tables: { get: async () => undefined } as unknown as Tables,
    tenants: { storedBytes: async () => ({ bytes: 50, isCounting: false }) },
    defaults: { storage_bytes: 100 },
    files: async () => files,
    nowMs: () => nowMs,
  });
  const take = async (wanted: number) => await (room.take("tn_a", wanted) as Promise<() => void>);
  const refusal = (wanted: number): Promise<string> =>
    take(wanted).then(
      () => "taken",
      (error: Error) => error.message.slice(error.message.indexOf(": ") + 2),
    );

  const first = await take(15);
  const second = await refusal(6);
  const another = await take(5);
  first();
  first();
  const third = await refusal(16);
  another();
  files = 10;
  const before = await refusal(25);
  nowMs = 10_001;
  const after = await refusal(40);

  expect([second, third, before, after]).toEqual([
    "it has 95, and this brings 6.",
    "it has 85, and this brings 16.",
    "it has 80, and this brings 25.",
    "taken",
  ]);
});

test("calls of an evaluation count for the runs that the configuration lets a tenant have at once", async () => {
  const there = await startHttpHost({ tenantLimits: { concurrent_runs: 1 } });
  try {
    await there.setBalance(100);
    const { dataset, agentOf, evaluate } = evaluationDesk(there);
    let [underWay, most] = [0, 0];
    there.llm.script = async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      return "Paris";
    };
    const items = [1, 2, 3, 4].map((n) => ({
      messages: [user(`Question ${n}?`)],
      expected: { text: "Paris" },
    }));

    const { end } = await evaluate({
      dataset_id: await dataset(items),
      targets: [{ target: await agentOf("You know capitals.") }],
      scorers: [{ type: "exact" }],
      concurrency: 4,
    });

    expect(most).toBe(1);
    expect(end).toMatchObject({ status: "completed", done: 4 });
  } finally {
    await there.stop();
  }
});
