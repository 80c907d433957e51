// Limits of a tenant: exact however many ask at once, told by their name and value, and nobody else's.

import { afterAll, beforeAll, expect, test } from "vitest";
import { TenantRates } from "../../../adapters/tenants/limits.ts";
import type { Tables } from "../../../runtime/system.ts";
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
