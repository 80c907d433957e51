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
