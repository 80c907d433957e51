// Lists of all surfaces through the real door: read page by page they give everything once, and a
// cursor that is none of theirs is refused, whatever it looks like.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../support/http-host.ts";
import type { Json } from "../support/wire-client.ts";

let host: HttpHost;
let lists: readonly string[] = [];
let documents = "";
beforeAll(async () => {
  host = await startHttpHost();
  const agent = await host.call("POST", "/v2/agents", { name: "One", description: "d" });
  await host.call("POST", "/v2/agents", { name: "Two", description: "d" });
  const { body } = await host.call("POST", "/v2/knowledge/collections", { name: "A" });
  await host.call("POST", "/v2/knowledge/collections", { name: "B" });
  documents = `/v2/knowledge/collections/${body.id}/documents`;
  const made = await host.call("POST", `${documents}?wait=true`, [
    { id: "plain", text: "One." },
    { id: "guides/first steps.md", text: "Two." },
    { id: "Übersicht/😀.md", text: "Three." },
    { id: "ü".repeat(200), text: "Four." },
  ]);
  expect(made.status).toBe(201);
  const chat = { message: "Hello", agent_key: agent.body.id };
  const { body: said } = await host.call("POST", "/v1/proxy/core-agent-chat", chat);
  lists = [
    "/v1/proxy/core-agents",
    `/v1/proxy/core-agent-conversations?agent_key=${agent.body.id}`,
    "/v2/agents",
    `/v2/agents/${agent.body.id}/versions`,
    "/v2/conversations",
    `/v2/conversations/${said.data.conversation_key}/messages`,
    "/v2/runs",
    "/v2/memories",
    "/v2/knowledge/collections",
    "/v2/knowledge/jobs",
    `/v2/knowledge/jobs/${made.body.job_id}/documents`,
    documents,
    "/admin/keys",
    "/admin/tenants",
    "/admin/dead-letters",
    "/admin/runtime/quarantined",
  ];
});
afterAll(() => host.stop());

const get = (path: string, query: string) => {
  const key = path.startsWith("/admin") ? { key: host.adminKey } : {};
  const url = `${path}${path.includes("?") ? "&" : "?"}${query}`;
  return host.call("GET", url, undefined, key);
};

const nextOf = ({ pagination, next_cursor }: Json): string | null =>
  pagination === undefined ? next_cursor : pagination.next_cursor;

async function readAll(path: string, limit: number): Promise<readonly Json[]> {
  const items: Json[] = [];
  for (let query = `limit=${limit}`; ; ) {
    const { status, body } = await get(path, query);
    expect([path, status]).toEqual([path, 200]);
    items.push(...body.data);
    const next = nextOf(body);
    if (next === null) return items;
    query = `limit=${limit}&cursor=${next}`;
  }
}

test("every list read one by one gives what it gives at once", async () => {
  for (const path of lists) {
    const whole = await readAll(path, 100);
    const steps = await readAll(path, 1);

    expect([path, steps]).toEqual([path, whole]);
  }
  expect((await readAll(documents, 1)).map(({ id }) => id).sort()).toEqual(
    ["plain", "guides/first steps.md", "Übersicht/😀.md", "ü".repeat(200)].sort(),
  );
});

test("a cursor that no page gave, or one of another list, is refused and named", async () => {
  const others = await get("/v2/knowledge/collections", "limit=1");
  const own = await get("/v2/agents", "limit=1");
  const wrong = [
    ...["garbage", "0", "!!!", "jb_1", "a".repeat(5_000), "../x", "%00", "eyJhIjoxfQ"],
    others.body.next_cursor,
    `${own.body.next_cursor}=`,
    `!${own.body.next_cursor}`,
  ];
  for (const path of lists) {
    for (const cursor of wrong) {
      if (path === "/v2/knowledge/collections" && cursor === others.body.next_cursor) continue;
      const { status, body } = await get(path, `cursor=${cursor}`);
      const message = body.detail ?? body.error?.message;

      expect([path, cursor, status, message]).toEqual([
        path,
        cursor,
        400,
        "cursor must be the next_cursor of an earlier page.",
      ]);
    }
  }
});

test("a page that ends among what is hidden has a cursor that tells nothing of it, and goes on behind it", async () => {
  const rows = Array.from({ length: 2_101 }, (_, at) => {
    // The oldest is the only one that is reached.
    const targets = [{ target: at === 0 ? "ag_own" : "ag_other" }];
    const id = `ev_${String(at).padStart(26, "0")}`;
    return { id, value: { id, plan: { dataset_id: "ds_x", targets }, sides: [] } };
  });
  const table = "evaluations";
  const puts = rows.map(({ id, value }) => ({ type: "put", table, id, value }) as const);
  for (let at = 0; at < puts.length; at += 1_000) {
    await host.system.tables.write(host.tenant, puts.slice(at, at + 1_000));
  }
  const allowed_resources = { agents: ["ag_own"], datasets: ["ds_x"] };
  const key = { name: "k", role: "owner", allowed_services: ["*"], allowed_resources };
  const limited = (await host.call("POST", "/admin/keys", key)).body.key;
  const get = async (path: string, by: string): Promise<Json> =>
    await (await fetch(host.url + path, { headers: { "X-API-Key": by } })).json();

  const first = await get("/v2/evaluations", limited);
  const path = `/v2/evaluations?cursor=${first.next_cursor}`;
  const second = await get(path, limited);
  const elsewhere = await get(path, host.otherKey);

  expect([first.data, second.data.map(({ id }: Json) => id)]).toEqual([[], [rows[0]?.id]]);
  expect(Buffer.from(first.next_cursor, "base64url").toString()).not.toContain("ev_");
  expect([elsewhere.status, elsewhere.parameter]).toEqual([400, "cursor"]);
});

test("a list of one user's conversations has no cursor that names another user's", async () => {
  const { body: agent } = await host.call("POST", "/v2/agents", { name: "Users" });
  const said = async (user_key: string): Promise<string> => {
    const body = { input: "Hi.", user_key };
    return (await host.call("POST", `/v2/agents/${agent.id}/runs`, body)).body.conversation_key;
  };
  const ann = await said("ann");
  for (const user of ["bob", "bob"]) await said(user);
  const list = `/v2/conversations?agent_key=${agent.id}&user_key=ann&limit=1`;
  const seen: string[] = [];
  const cursors: string[] = [];
  for (let path = list; path !== ""; ) {
    const { body } = await host.call("GET", path);
    seen.push(...body.data.map(({ conversation_key }: Json) => conversation_key));
    cursors.push(Buffer.from(body.next_cursor ?? "", "base64url").toString());
    path = body.next_cursor === null ? "" : `${list}&cursor=${body.next_cursor}`;
  }

  expect(seen).toEqual([ann]);
  expect(cursors).toHaveLength(3);
  expect(cursors.join()).not.toContain("cv_");
});
