// Versions of agents through the real door: every change makes one, going back takes effect at once
// and brings sub-agents with it, a canary answers its share, and runs under way finish on their own.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { limits } from "../../../actors/limits.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate } from "../../support/scripted-llm.ts";
import type { Json } from "../../support/wire-client.ts";

let host: HttpHost;
beforeAll(async () => {
  host = await startHttpHost();
  await host.setBalance(10_000);
});
afterAll(() => host.stop());
afterEach(() => {
  host.llm.script = () => "ok";
});

async function makeAgent(system_message = "first"): Promise<string> {
  const made = await host.call("POST", "/v2/agents", {
    name: "Desk",
    model_name: "m-1",
    system_message,
  });
  return `/v2/agents/${made.body.id}`;
}

/** What the model was told when a message was answered, and by which version. */
async function answered(path: string): Promise<{ system: string; version: number }> {
  const { body } = await host.call("POST", `${path}/runs`, { input: "hello there" });
  const { body: run } = await host.call("GET", `/v2/runs/${body.id}`);
  const system = host.llm.requests.at(-1)?.messages[0]?.content ?? "";
  return { system, version: run.agent_version };
}

/** Ids of the rows of an agent's versions or of a sub-agent's. */
async function rowIds(table: string, key: string): Promise<readonly string[]> {
  const options = { prefix: `${key}.`, limit: 200 };
  return (await host.system.tables.list(host.tenant, table, options)).map(({ id }) => id);
}

const versionsOf = async (path: string, query = ""): Promise<Json> =>
  (await host.call("GET", `${path}/versions${query}`)).body;

test("every change makes a version, listed newest first in pages", async () => {
  const path = await makeAgent();
  await host.call("PATCH", path, { temperature: 0.1 });
  const key = path.slice("/v2/agents/".length);
  await host.call("PUT", `/v1/proxy/core-agent-update/${key}`, { description: "d" });
  await host.call("POST", `/v1/proxy/core-agent-subagent-create/${key}`, { name: "Sub" });

  const all = await versionsOf(path);
  const page = await versionsOf(path, "?limit=3");
  const rest = await versionsOf(path, `?limit=3&cursor=${page.next_cursor}`);
  const first = await host.call("GET", `${path}/versions/1`);
  const last = await host.call("GET", `${path}/versions/4`);
  const none = await host.call("GET", `${path}/versions/9`);

  expect(all.data.map((one: Json) => [one.version, one.reason, one.is_current])).toEqual([
    [4, "changed", true],
    [3, "changed", false],
    [2, "changed", false],
    [1, "created", false],
  ]);
  expect(page.data).toHaveLength(3);
  expect([rest.data.length, rest.data[0].version, rest.next_cursor]).toEqual([1, 1, null]);
  expect(first.body).toMatchObject({ version: 1, temperature: null, sub_agent_records: [] });
  expect(first.headers.get("etag")).toBe('"1"');
  expect(last.body).toMatchObject({ description: "d", sub_agent_records: [{ name: "Sub" }] });
  expect(none.status).toBe(404);
});

test("a rollback answers from the next message on and costs nothing", async () => {
  const path = await makeAgent("first");
  await host.call("PATCH", path, { system_message: "second" });
  const before = await answered(path);
  const balance = await host.balance();

  const late = await host.call("POST", `${path}/versions/1/rollback`, undefined, {
    headers: { "If-Match": '"1"' },
  });
  const back = await host.call("POST", `${path}/versions/1/rollback`, undefined, {
    headers: { "If-Match": '"2"' },
  });
  const paid = balance - (await host.balance());
  const after = await answered(path);
  const missing = await host.call("POST", `${path}/versions/77/rollback`);

  expect(before).toEqual({ system: "second", version: 2 });
  expect(late.status).toBe(412);
  expect(back.body).toMatchObject({ version: 3, system_message: "first" });
  expect(back.headers.get("etag")).toBe('"3"');
  expect(after).toEqual({ system: "first", version: 3 });
  expect(paid).toBe(0);
  expect(missing.status).toBe(404);
  expect((await versionsOf(path)).data[0]).toMatchObject({
    reason: "restored",
    restored_from: 1,
  });
});

test("a rollback brings changed and deleted sub-agents back and takes new ones away", async () => {
  const path = await makeAgent();
  const subs = `${path}/sub-agents`;
  const kept = (await host.call("POST", subs, { name: "Kept" })).body.id;
  const gone = (await host.call("POST", subs, { name: "Gone" })).body.id;
  await host.call("PATCH", `${subs}/${kept}`, { name: "Changed" });
  await host.call("DELETE", `${subs}/${gone}`);
  await host.call("POST", subs, { name: "New" });

  await host.call("POST", `${path}/versions/3/rollback`);
  const names = (await host.call("GET", subs)).body.data.map((one: Json) => one.name);
  const again = await host.call("PATCH", `${subs}/${gone}`, { name: "Back" });
  // A number that was given once is not given to other fields.
  await host.call("PATCH", `${subs}/${kept}`, { name: "Again" });
  await host.call("POST", `${path}/versions/6/rollback`);
  const forward = (await host.call("GET", subs)).body.data.map((one: Json) => one.name);
  const old = (await host.call("GET", `${path}/versions/3`)).body.sub_agent_records;

  expect(names).toEqual(["Kept", "Gone"]);
  expect(again.body.name).toBe("Back");
  expect(forward).toEqual(["Changed", "New"]);
  expect(old.map((one: Json) => one.name)).toEqual(["Kept", "Gone"]);
});

test("a run under way finishes on the version it was started with", async () => {
  const path = await makeAgent("first");
  const gate = createGate();
  host.llm.script = async ({ signal }) => {
    await gate.wait(signal);
    return "late";
  };
  const { body } = await host.call("POST", `${path}/runs`, { input: "hello", mode: "background" });
  await gate.reached;
  await host.call("PATCH", path, { system_message: "second" });

  gate.open();
  await (await host.events("GET", `/v2/runs/${body.id}/events`)).rest();
  const run = await host.call("GET", `/v2/runs/${body.id}`);
  const next = await answered(path);

  expect(run.body).toMatchObject({ agent_version: 1, result: { response: "late" } });
  expect(next).toEqual({ system: "second", version: 2 });
});

test("a draft answers nobody until a canary names it, and then it can be promoted", async () => {
  const path = await makeAgent("first");

  const draft = await host.call("POST", `${path}/versions`, { system_message: "second" });
  const undisturbed = await answered(path);
  const canary = await host.call("PUT", `${path}/canary`, { version: 2, share: 1 });
  const tried = await answered(path);
  const listed = await versionsOf(path);
  const promoted = await host.call("POST", `${path}/canary/promote`);
  const after = await answered(path);

  expect(draft.status).toBe(201);
  expect(draft.body).toMatchObject({ version: 2, system_message: "second" });
  expect(undisturbed).toEqual({ system: "first", version: 1 });
  expect(canary.body).toMatchObject({ version: 3, system_message: "first" });
  expect(tried).toEqual({ system: "second", version: 2 });
  expect(listed.data.map((one: Json) => [one.version, one.reason, one.canary_share])).toEqual([
    [3, "canary", null],
    [2, "draft", 1],
    [1, "created", null],
  ]);
  expect(promoted.body).toMatchObject({ version: 4, system_message: "second", agent_config: null });
  expect(after).toEqual({ system: "second", version: 4 });
});

test("an aborted canary answers nobody any more, and nothing else has changed", async () => {
  const path = await makeAgent("first");
  await host.call("POST", `${path}/versions`, { system_message: "second" });
  await host.call("PATCH", path, { agent_config: { max_routes: 2 } });
  await host.call("PUT", `${path}/canary`, { version: 2, share: 1 });

  const stale = await host.call("DELETE", `${path}/canary`, undefined, {
    headers: { "If-Match": '"1"' },
  });
  const aborted = await host.call("DELETE", `${path}/canary`);
  const after = await answered(path);
  const again = await host.call("POST", `${path}/canary/promote`);

  expect(stale.status).toBe(412);
  expect(aborted.body).toMatchObject({ version: 5, agent_config: { max_routes: 2 } });
  expect(after).toEqual({ system: "first", version: 5 });
  expect(again.status).toBe(409);
});

test("a canary needs a version that is there and a share from 0 to 1", async () => {
  const path = await makeAgent();

  const unknown = await host.call("PUT", `${path}/canary`, { version: 5, share: 0.5 });
  const tooMuch = await host.call("PUT", `${path}/canary`, { version: 1, share: 30 });
  const inConfig = await host.call("PATCH", path, {
    agent_config: { canary: { version: 5, share: 0.5 } },
  });

  expect([unknown.status, tooMuch.status, inConfig.status]).toEqual([404, 400, 400]);
  expect(inConfig.body.pointer ?? inConfig.body.errors?.[0]?.pointer).toBe(
    "/agent_config/canary/version",
  );
});

test("versions in use are kept however many there are, and too many are refused for a while", async () => {
  const path = await makeAgent("first");
  const key = path.slice("/v2/agents/".length);
  const { tables } = host.system;
  const others = Array.from({ length: limits.versionsMax }, (_, at) => ({
    version: 10_000 + at,
    at: "2026-01-01T00:00:00.000Z",
    reason: "changed",
  }));
  const own = { ...others[0], version: 1 };
  const put = (versions: readonly object[]) =>
    tables.write(host.tenant, [
      { type: "put", table: "agent-histories", id: key, value: { versions } },
    ]);

  await put([...others.map((one) => ({ ...one, servedUntilMs: Date.now() })), own]);
  const refused = await host.call("PATCH", path, { description: "one more" });
  await put([...others.slice(0, limits.versionsKept + 25), own]);
  const taken = await host.call("PATCH", path, { description: "one more" });
  const stored = await tables.get(host.tenant, "agent-histories", key);

  expect(refused.status).toBe(429);
  expect(taken.status).toBe(200);
  const { versions } = (stored?.value ?? {}) as { versions: readonly { version: number }[] };
  expect(versions).toHaveLength(limits.versionsKept);
  expect(versions.slice(-2).map(({ version }) => version)).toEqual([1, 2]);
});

test("a run that has waited for months goes on with the version it began with", async () => {
  const graph_definition = {
    nodes: [
      { id: "wait", type: "event", event: "go" },
      { id: "say", type: "supervisor" },
      { id: "end", type: "end" },
    ],
    edges: [
      { from: "wait", to: "say" },
      { from: "say", to: "end" },
    ],
  };
  const made = await host.call("POST", "/v2/agents", { name: "Slow", graph_definition });
  const path = `/v2/agents/${made.body.id}`;
  const run = { input: "Hello", mode: "background" };
  const { body } = await host.call("POST", `${path}/runs`, run);
  await host.call("PATCH", path, { graph_definition: null });
  const monthsAgo = Date.now() - 200 * 24 * 3_600_000;
  const at = "2026-01-01T00:00:00.000Z";
  const own = { version: 1, at, reason: "created", servedUntilMs: monthsAgo };
  const newer = Array.from({ length: limits.versionsKept + 100 }, (_, index) => ({
    ...{ version: 100 + index, at, reason: "changed", servedUntilMs: 1 },
  }));
  const value = { versions: [own, ...newer] };
  const { tables } = host.system;
  const put = { type: "put", table: "agent-histories", id: made.body.id, value } as const;
  await tables.write(host.tenant, [put]);

  await host.call("PATCH", path, { description: "Months later." });
  const kept = await host.call("GET", `${path}/versions/1`);
  const told = await host.call("POST", `/v2/runs/${body.id}/events/go`, {});
  const rest = await (await host.events("GET", `/v2/runs/${body.id}/events`)).rest();

  const stored = await tables.get(host.tenant, "agent-histories", made.body.id);
  const left = (stored?.value ?? value) as typeof value;
  expect(left.versions.length).toBeLessThan(newer.length);
  expect([kept.status, told.status]).toEqual([200, 202]);
  const end = JSON.parse(rest.at(-1)?.data ?? "{}");
  expect(end).toMatchObject({ type: "end", outcome: { status: "completed" } });
});

test("what is dropped is gone with the versions of sub-agents that only it names", async () => {
  const path = await makeAgent("first");
  const key = path.slice("/v2/agents/".length);
  const { tables } = host.system;
  const sub = (await host.call("POST", `${path}/sub-agents`, { name: "One" })).body.id;
  for (const name of ["Two", "Three"]) {
    await host.call("PATCH", `${path}/sub-agents/${sub}`, { name });
  }
  const stored = await tables.get(host.tenant, "agent-histories", key);
  const { versions } = (stored?.value ?? {}) as { versions: readonly object[] };
  const old = versions.map((one) => ({ ...one, servedUntilMs: 1 }));
  const newer = Array.from({ length: limits.versionsKept + 17 }, (_, at) => ({
    ...old[0],
    version: 100 + at,
  }));
  const value = { versions: [...old, ...newer] };
  await tables.write(host.tenant, [{ type: "put", table: "agent-histories", id: key, value }]);

  await host.call("PATCH", path, { description: "one more" });
  const [rows, subRows] = await Promise.all([
    rowIds("agent-versions", key),
    rowIds("sub-agent-versions", sub),
  ]);

  // Version 4 was current until now; version 5 is.
  expect(rows).toEqual([`${key}.4`, `${key}.5`]);
  expect(subRows).toEqual([`${sub}.3`]);
});
