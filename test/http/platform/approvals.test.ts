// /v2/approvals through the real door: who may see and decide what, and what is said to the second one.

import { afterAll, beforeAll, expect, test } from "vitest";
import { askingWork, deskAt, type Effect, type Job } from "../../support/approval-room.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

const effects: Effect[] = [];
const list = "/v2/approvals";
const parameters = {
  type: "object",
  properties: { amount: { type: "integer", maximum: 10 } },
  required: ["amount"],
  additionalProperties: false,
};
let host: HttpHost;
let roots = 0;

beforeAll(async () => {
  host = await startHttpHost({ definitions: askingWork(effects) });
});
afterAll(() => host.stop());

/** Starts a run that waits in a conversation of its own; its approvals, newest first. */
async function waiting(job: Job = { calls: [{ key: "pay", parameters }] }): Promise<{
  readonly run: string;
  readonly approvals: readonly Json[];
}> {
  roots += 1;
  const desk = deskAt(`cv_${roots}`, host.tenant);
  const run = String(await host.system.ask(desk, { type: "start", job }));
  const of = async (): Promise<readonly Json[]> =>
    (await host.call("GET", `${list}?run_id=${run}&limit=100`)).body.data;
  await expect.poll(async () => (await of()).length, { timeout: 5_000 }).toBe(job.calls.length);
  return { run, approvals: await of() };
}

const statusOf = async (run: string): Promise<string> =>
  (await host.call("GET", `/v2/runs/${run}`)).body.status;

test("an approval is listed, looked at and decided, and its run is shown as waiting until then", async () => {
  const { run, approvals } = await waiting();
  const [approval] = approvals;
  const path = `${list}/${approval?.id}`;
  expect(approval).toMatchObject({
    ...{ run_id: run, root_run_id: run, conversation_key: `cv_${roots}`, agent_key: "ag_1" },
    ...{ tool: "pay", arguments: { amount: 5 }, parameters, reason: "It costs money." },
    ...{ status: "pending", default: "reject", decided_at: null, decided_by: null, note: null },
  });
  expect(approval).not.toHaveProperty("root");
  expect((await host.call("GET", path)).body).toEqual(approval);
  expect(await statusOf(run)).toBe("waiting");
  const runs = await host.call("GET", "/v2/runs?kind=work");
  expect(runs.body.data.find((one: Json) => one.id === run)?.status).toBe("waiting");

  const body = { decision: "approve", arguments: { amount: 3 }, note: "Less." };
  const decided = await host.call("POST", `${path}/decide`, body);

  expect(decided.status).toBe(200);
  expect(decided.body).toMatchObject({
    ...{ id: approval?.id, status: "approved", note: "Less.", decided_arguments: { amount: 3 } },
    decided_by: expect.stringMatching(/^ak_/),
  });
  await expect.poll(() => statusOf(run), { timeout: 5_000 }).toBe("completed");
  expect(effects.filter((one) => one.run === run)).toMatchObject([{ arguments: { amount: 3 } }]);
  expect((await host.call("GET", path)).body).toEqual(decided.body);
});

test("who decides second is told what was decided, and nothing changes", async () => {
  const { approvals } = await waiting();
  const path = `${list}/${approvals[0]?.id}`;
  const keys = [await host.makeKey(["approvals"]), await host.makeKey(["approvals"])];

  const answers = await Promise.all(
    (["approve", "reject"] as const).map((decision, at) =>
      host.call("POST", `${path}/decide`, { decision }, { key: keys[at] ?? "" }),
    ),
  );

  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
  const refusal = answers.find(({ status }) => status === 409);
  const { status, decided_by, decided_at, note } = (await host.call("GET", path)).body;
  expect(refusal?.headers.get("content-type")).toContain("application/problem+json");
  expect(refusal?.body).toMatchObject({
    code: "CONFLICT",
    current: { status, decided_by, decided_at, note },
  });
});

test("a decision that is sent again under its key is answered as the first time", async () => {
  const { approvals } = await waiting();
  const path = `${list}/${approvals[0]?.id}/decide`;
  const more = { headers: { "Idempotency-Key": "once" } };

  const first = await host.call("POST", path, { decision: "approve" }, more);
  const second = await host.call("POST", path, { decision: "approve" }, more);
  const other = await host.call("POST", path, { decision: "reject" }, more);

  expect([first.status, second.status, other.status]).toEqual([200, 200, 422]);
  expect(second.body).toEqual(first.body);
});

test("edited arguments that do not fit are refused where they do not, and it stays pending", async () => {
  const { approvals } = await waiting();
  const path = `${list}/${approvals[0]?.id}`;
  const wrong: readonly (readonly [object, string])[] = [
    [{ decision: "approve", arguments: { amount: 11 } }, "/arguments/amount"],
    [{ decision: "approve", arguments: { amount: 1, more: 1 } }, "/arguments"],
    [{ decision: "approve", arguments: {} }, "/arguments"],
    [{ decision: "approve", arguments: { text: "x".repeat(70_000) } }, "/arguments"],
    [{ decision: "reject", arguments: { amount: 1 } }, "/arguments"],
    [{ decision: "approve", arguments: [] }, "/arguments"],
    [{ decision: "maybe" }, "/decision"],
    [{ decision: "approve", note: "x".repeat(2_001) }, "/note"],
    [{ decision: "approve", by: "me" }, "/by"],
    [{}, "/decision"],
  ];

  for (const [body, pointer] of wrong) {
    const { status, body: told } = await host.call("POST", `${path}/decide`, body);
    expect([status, told.pointer], JSON.stringify(body).slice(0, 80)).toEqual([400, pointer]);
  }

  expect((await host.call("GET", path)).body).toEqual(approvals[0]);
});

test("an approval of another tenant, one that never was and a key without the scope get nothing", async () => {
  const { approvals } = await waiting();
  const path = `${list}/${approvals[0]?.id}`;
  const decision = { decision: "approve" };
  const foreign = { key: host.otherKey };
  const unscoped = { key: await host.makeKey(["runs", "agents"]) };

  const statuses = [
    (await host.call("GET", path, undefined, foreign)).status,
    (await host.call("POST", `${path}/decide`, decision, foreign)).status,
    (await host.call("GET", `${list}/ap_nothing`)).status,
    (await host.call("POST", `${list}/ap_${"0".repeat(26)}/decide`, decision)).status,
    (await host.call("GET", list, undefined, unscoped)).status,
    (await host.call("POST", `${path}/decide`, decision, unscoped)).status,
  ];

  expect(statuses).toEqual([404, 404, 404, 404, 403, 403]);
  expect((await host.call("GET", list, undefined, foreign)).body.data).toEqual([]);
  expect((await host.call("GET", path)).body.status).toBe("pending");
});

test("a list is filtered by status, agent and run, and other parameters are refused", async () => {
  const { run, approvals } = await waiting({
    calls: [{ key: "a" }, { key: "b" }],
    isParallel: true,
  });
  await host.call("POST", `${list}/${approvals[0]?.id}/decide`, { decision: "reject" });
  const ids = async (query: string): Promise<readonly string[]> =>
    (await host.call("GET", `${list}?${query}`)).body.data.map((one: Json) => one.id);

  expect(await ids(`run_id=${run}&status=rejected`)).toEqual([approvals[0]?.id]);
  expect(await ids(`run_id=${run}&status=pending&agent_key=ag_1`)).toEqual([approvals[1]?.id]);
  expect(await ids(`run_id=${run}&agent_key=ag_2`)).toEqual([]);
  expect((await ids(`run_id=${run}&tool=pay`)).length).toBe(approvals.length);
  expect(await ids(`run_id=${run}&tool=other`)).toEqual([]);
  expect(await ids("status=pending")).toContain(approvals[1]?.id);
  expect(await ids("status=pending")).not.toContain(approvals[0]?.id);
  expect(await ids("status=rejected")).toContain(approvals[0]?.id);
  for (const query of ["status=open", "run_id=a/b", "by=me", "cursor=zzz"]) {
    expect((await host.call("GET", `${list}?${query}`)).status, query).toBe(400);
  }
});

test("a cursor of the list shows another tenant, and a key that reaches other agents, nothing", async () => {
  const own = [await waiting(), await waiting()].flatMap(({ approvals }) => approvals);
  const made = { name: "k", allowed_services: ["approvals"] };
  const limited = { ...made, allowed_resources: { agents: ["ag_other"] } };
  const { key } = (await host.call("POST", "/admin/keys", limited)).body;
  const theirs = await host.makeKey(["approvals"], host.otherTenant);

  for (const query of ["", "status=pending&", `run_id=${own[0]?.run_id}&`]) {
    const page = (await host.call("GET", `${list}?${query}limit=1`)).body;
    const cursor = page.pagination?.next_cursor ?? page.next_cursor;
    if (query === "" || query.startsWith("status")) expect(cursor).toEqual(expect.any(String));
    const places = own.map(({ id }) => Buffer.from(`${list}\n${id}`).toString("base64url"));
    for (const at of [cursor, ...places].filter((one) => typeof one === "string")) {
      for (const by of [theirs, key]) {
        const told = await host.call("GET", `${list}?${query}cursor=${at}`, undefined, { key: by });
        const text = JSON.stringify(told.body);
        expect(told.status === 200 ? told.body.data : []).toEqual([]);
        expect(own.filter(({ id }) => text.includes(id))).toEqual([]);
      }
    }
  }
});

test("a thousand that are pending are listed by cursor, each once, newest first", async () => {
  const before = (await pages("status=pending")).length;
  const calls = Array.from({ length: 200 }, (_, at) => ({ key: `k${at}` }));
  for (let root = 0; root < 5; root += 1) {
    const desk = deskAt(`cv_many${root}`, host.tenant);
    await host.system.ask(desk, { type: "start", job: { calls, isParallel: true } });
  }
  const count = async (): Promise<number> => (await pages("status=pending")).length;
  await expect.poll(count, { timeout: 10_000, interval: 500 }).toBe(before + 1_000);

  const ids = await pages("status=pending");

  expect(new Set(ids).size).toBe(before + 1_000);
  expect(ids).toEqual(ids.toSorted().reverse());
});

/** Ids of all pages. */
async function pages(query: string): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let cursor = ""; ; ) {
    const { body } = await host.call("GET", `${list}?limit=100&${query}${cursor}`);
    ids.push(...body.data.map((one: Json) => one.id));
    if (body.next_cursor === null) return ids;
    cursor = `&cursor=${body.next_cursor}`;
  }
}

test("two of a role have to agree, who started it not among them, and the approval shows who has", async () => {
  const quorum = { required: 2, roles: ["operator", "owner"], keys: null, not_requester: true };
  const { approvals, run } = await waiting({ calls: [{ key: "pay", parameters, quorum }] });
  const path = `${list}/${approvals[0]?.id}`;
  const decide = async (role: "operator" | "developer", more: Json = {}, key?: string) => {
    const by = key ?? (await host.makeKey(["approvals"], host.tenant, role));
    const headers = { "Idempotency-Key": "the same of all" };
    const body = { decision: "approve", ...more };
    return await host.call("POST", `${path}/decide`, body, { key: by, headers });
  };
  const one = await host.makeKey(["approvals"], host.tenant, "operator");

  const outside = await decide("developer");
  const first = await decide("operator", {}, one);
  const again = await decide("operator", {}, one);
  const twice = await host.call("POST", `${path}/decide`, { decision: "approve" }, { key: one });
  const made = effects.length;
  const second = await decide("operator");

  expect(approvals[0]).toMatchObject({ required: 2, not_requester: true, decisions: [] });
  expect([outside.status, first.status, twice.status, second.status]).toEqual([403, 200, 409, 200]);
  expect(first.body).toMatchObject({ status: "pending", decisions: [{ role: "operator" }] });
  expect(again.body).toEqual(first.body);
  expect(second.body).toMatchObject({ status: "approved", decisions: [{}, {}] });
  await expect.poll(() => statusOf(run), { timeout: 5_000 }).toBe("completed");
  expect(effects.length).toBe(made + 1);
});

test("who started a run does not decide about it where that is asked for", async () => {
  const admin = await host.makeKey(["*"]);
  const agent = await host.call("POST", "/v2/workflows", {
    name: "Refund",
    graph_definition: {
      nodes: [
        {
          ...{ id: "ask", type: "approval", reason: "Money leaves.", save: "said" },
          approvals: { not_requester: true, from: { roles: ["owner"] } },
        },
        { id: "end", type: "end" },
      ],
      edges: [{ from: "ask", to: "end" }],
    },
    state_schema: { type: "object", properties: { said: {} } },
    entry_node: "ask",
  });
  expect(agent.status, JSON.stringify(agent.body)).toBe(201);
  const body = { input: { order: 1 }, mode: "background" };
  const begun = await host.call("POST", `/v2/workflows/${agent.body.id}/runs`, body, {
    key: admin,
  });
  const of = async () =>
    (await host.call("GET", `${list}?run_id=${begun.body.id}`)).body.data as readonly Json[];
  await expect.poll(async () => (await of()).length, { timeout: 5_000 }).toBe(1);
  const path = `${list}/${(await of())[0]?.id}/decide`;

  const own = await host.call("POST", path, { decision: "approve" }, { key: admin });
  const others = await host.call("POST", path, { decision: "approve" });

  expect([own.status, own.body.code, others.status]).toEqual([403, "FORBIDDEN", 200]);
});

test.each([
  [
    "a role that is none",
    { from: { roles: ["boss"] } },
    "/graph_definition/nodes/0/approvals/from/roles",
  ],
  ["nobody", { required: 0 }, "/graph_definition/nodes/0/approvals/required"],
  ["an unknown field", { quorum: 2 }, "/graph_definition/nodes/0/approvals/quorum"],
])("a workflow that asks %s to agree is refused with its place", async (_, approvals, pointer) => {
  const node = { id: "ask", type: "approval", reason: "r", approvals };
  const graph_definition = {
    nodes: [node, { id: "end", type: "end" }],
    edges: [{ from: "ask", to: "end" }],
  };
  const made = await host.call("POST", "/v2/workflows", {
    name: "W",
    graph_definition,
    entry_node: "ask",
  });

  expect([made.status, made.body.pointer]).toEqual([400, pointer]);
});

test("a tool of which no call is confirmed has nobody who agrees", async () => {
  const tools = [{ tool: "calculator", approvals: { required: 2 } }];

  const refused = await host.call("POST", "/v2/agents", { name: "A", tools });
  const confirmed = [{ ...tools[0], requires_confirmation: true }];
  const taken = await host.call("POST", "/v2/agents", { name: "A", tools: confirmed });

  expect([refused.status, refused.body.pointer, taken.status]).toEqual([
    400,
    "/tools/0/approvals",
    201,
  ]);
});

test("the cursor of a page that ends among what is hidden names nothing of it, and goes on behind it", async () => {
  const agent = (await host.call("POST", "/v2/agents", { name: "A", model_name: "m-1" })).body.id;
  const asked = await host.call("POST", `/v2/agents/${agent}/runs`, { input: "Hi." });
  // Newer than all others: one that is reached, and behind it more than are read for a page.
  const [shown, ...hidden] = Array.from(
    { length: 2_002 },
    (_, at) => `ap_z${String(9_999 - at).padStart(25, "0")}`,
  );
  const put = (id: string | undefined, root_run_id: string) =>
    ({ type: "put", table: "approvals", id: id ?? "", value: { id, root_run_id } }) as const;
  const puts = [put(shown, asked.body.id), ...hidden.map((id) => put(id, "rn_none"))];
  for (let at = 0; at < puts.length; at += 500) {
    await host.system.tables.write(host.tenant, puts.slice(at, at + 500));
  }
  const allowed_resources = { agents: [agent] };
  const fields = { name: "k", allowed_services: ["approvals"], allowed_resources };
  const { key } = (await host.call("POST", "/admin/keys", fields)).body;
  const page = async (query = ""): Promise<{ ids: readonly string[]; cursor: string }> => {
    const answer = await fetch(host.url + list + query, { headers: { "X-API-Key": key } });
    const { data, next_cursor, pagination } = (await answer.json()) as Json;
    return { ids: data.map(({ id }: Json) => id), cursor: pagination?.next_cursor ?? next_cursor };
  };

  const first = await page();
  const second = await page(`?cursor=${first.cursor}`);

  expect([first.ids, second.ids]).toEqual([[shown], []]);
  expect(Buffer.from(first.cursor, "base64url").toString()).not.toContain("ap_z");
});
