// What is left of a collection, an agent or a data set when the process dies after its row was removed and before
// anything else was: a run removes it. Through the real door, with the death left out: only the part
// that had been done by then is done.

import { afterAll, beforeAll, expect, test } from "vitest";
import { removalAddress } from "../../../actors/removal.ts";
import { createBuiltinEmbedder } from "../../../adapters/embed/builtin.ts";
import { createEmbedders } from "../../../adapters/embed/embedders.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { embeddersWith, otherEmbedder } from "../../support/other-embedder.ts";
import { createGate } from "../../support/scripted-llm.ts";

const collections = "/v2/knowledge/collections";
const other = otherEmbedder();
const patient = { timeout: 45_000 };

let host: HttpHost;
beforeAll(async () => {
  const builtin = createEmbedders(createBuiltinEmbedder());
  host = await startHttpHost({ embedders: embeddersWith(builtin, [other]) });
});
afterAll(() => host.stop());

/** Keys of the bulk environment that have a text in them, of all families. */
async function keysWith(...texts: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (let from = "!"; ; ) {
    const rows = await host.system.bulk.range({ from, to: "~", limit: 200 });
    found.push(
      ...rows.map(({ key }) => key).filter((key) => texts.some((one) => key.includes(one))),
    );
    const last = rows.at(-1);
    if (last === undefined) return found;
    from = `${last.key}!`;
  }
}

const textsOf = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ id: `d${at}`, text: `Page ${at} on storks.` }));

/** Key of the row that refuses what still comes to a collection. */
const markOf = (collection: string): string => `g/${host.tenant}/${collection}`;

/** As a process does that dies there. */
async function removeRowAlone(type: "agent" | "collection" | "dataset", id: string): Promise<void> {
  const table = `${type}s`;
  await host.system.ask(removalAddress(host.tenant), { type, id });
  await host.system.tables.write(host.tenant, [{ type: "remove", table, id }]);
}

/** Runs that remove what is left, and how each of them stands. */
async function removalRuns(): Promise<readonly string[]> {
  const { data } = (await host.call("GET", "/v2/runs?kind=remove-rest")).body;
  return data.map(({ status }: { readonly status: string }) => status);
}

async function agentThatRemembers(): Promise<string> {
  const memory = { type: "vector_db", collection: "facts" };
  const { body } = await host.call("POST", "/v2/agents", { name: "A", description: "d", memory });
  for (const user_key of ["ann", "ben", null]) {
    const entry = { agent_key: body.id, user_key, text: "Storks nest on the roof." };
    expect((await host.call("POST", "/v2/memories", entry)).status).toBe(201);
  }
  return body.id;
}

test("memories of an agent go with it though the process died between the two", async () => {
  const agent = await agentThatRemembers();
  const stays = await agentThatRemembers();
  const entries = async (of: string) =>
    (await host.call("GET", `/v2/memories?agent_key=${of}`)).body.data;
  expect(await entries(agent)).toHaveLength(3);

  await removeRowAlone("agent", agent);

  await expect.poll(removalRuns, patient).toEqual(["completed"]);
  expect(await entries(agent)).toEqual([]);
  expect(await entries(stays)).toHaveLength(3);
  // What is left are marks that keep late writes out; they hold no text, and go after two days.
  expect((await keysWith(agent)).filter((key) => !key.startsWith("j/"))).toEqual([]);
}, 90_000);

test("an agent that was not removed after all keeps its memories", async () => {
  const agent = await agentThatRemembers();
  await host.system.ask(removalAddress(host.tenant), { type: "agent", id: agent });

  await expect.poll(removalRuns, patient).toContain("running");

  expect((await host.call("GET", `/v2/memories?agent_key=${agent}`)).body.data).toHaveLength(3);
  expect((await host.call("DELETE", `/v2/agents/${agent}`)).status).toBe(204);
  expect((await host.call("GET", `/v2/memories?agent_key=${agent}`)).body.data).toEqual([]);
}, 90_000);

test("a removed collection takes along its rows, and what paused jobs keep to be resumed with", async () => {
  const { body } = await host.call("POST", collections, { name: "Birds", embedder: "other-1" });
  const path = `${collections}/${body.id}`;
  await host.call("POST", `${path}/documents?wait=true`, textsOf(3));
  const gate = createGate();
  other.before = () => gate.wait(new AbortController().signal);
  const more = textsOf(40).map(({ text, ...rest }) => ({ ...rest, text: `${text} Or herons.` }));
  const started = await host.call("POST", `${path}/documents?wait=false`, more);
  const job = started.body.id;
  await gate.reached;
  await host.call("POST", `/v2/knowledge/jobs/${job}/pause`);
  gate.open();
  const statusOf = async () => (await host.call("GET", `/v2/knowledge/jobs/${job}`)).body.status;
  await expect.poll(statusOf, patient).toBe("paused");
  expect((await keysWith(job)).length).toBeGreaterThan(0);

  await host.call("DELETE", path);

  await expect.poll(statusOf, patient).toBe("cancelled");
  await expect.poll(() => keysWith(job, body.id), patient).toEqual([markOf(body.id)]);
  other.before = () => Promise.resolve();
}, 120_000);

test("rows of a collection go with it though the process died between the two", async () => {
  const { body } = await host.call("POST", collections, { name: "Birds" });
  await host.call("POST", `${collections}/${body.id}/documents?wait=true`, textsOf(20));
  expect((await keysWith(body.id)).length).toBeGreaterThan(60);

  await removeRowAlone("collection", body.id);

  await expect.poll(() => keysWith(body.id), patient).toEqual([markOf(body.id)]);
}, 90_000);

/** Rows of a data set's items, and of their count. */
async function rowsOfItems(dataset: string): Promise<number> {
  const { tables } = host.system;
  const page = { prefix: `${dataset}.`, limit: 200 };
  let rows = (await tables.get(host.tenant, "dataset-counts", dataset)) === undefined ? 0 : 1;
  for (let after: string | undefined; ; ) {
    const from = after === undefined ? {} : { after };
    const some = await tables.list(host.tenant, "dataset-items", { ...page, ...from });
    rows += some.length;
    after = some.at(-1)?.id;
    if (after === undefined) return rows;
  }
}

async function datasetOf(count: number): Promise<string> {
  const { body } = await host.call("POST", "/v2/datasets", { name: "Questions" });
  for (let from = 0; from < count; from += 1_000) {
    const items = Array.from({ length: Math.min(1_000, count - from) }, (_, at) => ({
      messages: [{ role: "user", content: `Question ${from + at}` }],
    }));
    const added = await host.call("POST", `/v2/datasets/${body.id}/items`, items);
    expect(added.status, JSON.stringify(added.body).slice(0, 500)).toBe(201);
  }
  return body.id;
}

test("items of a data set go with it though the process died between the two", async () => {
  const dataset = await datasetOf(450);
  const stays = await datasetOf(3);
  expect(await rowsOfItems(dataset)).toBe(451);

  await removeRowAlone("dataset", dataset);

  await expect.poll(() => rowsOfItems(dataset), patient).toBe(0);
  expect(await rowsOfItems(stays)).toBe(4);
}, 90_000);

test("a data set has 10,000 items and no more, and all of them go with it", async () => {
  const dataset = await datasetOf(10_000);
  const path = `/v2/datasets/${dataset}`;
  const one = { messages: [{ role: "user", content: "One more?" }] };

  const refused = await host.call("POST", `${path}/items`, one);
  const stale = await host.call("DELETE", path, undefined, { headers: { "If-Match": '"7"' } });

  expect([refused.status, refused.body.code]).toEqual([409, "CONFLICT"]);
  expect(refused.body.detail).toContain("at most 10000 items; with these it would have 10001");
  expect(stale.status).toBe(412);
  expect(await rowsOfItems(dataset)).toBe(10_001);
  const [{ id }] = (await host.call("GET", `${path}/items?limit=1`)).body.data;
  await host.call("DELETE", `${path}/items/${id}`);
  expect((await host.call("POST", `${path}/items`, one)).status).toBe(201);

  expect((await host.call("DELETE", path)).status).toBe(204);
  expect((await host.call("POST", `${path}/items`, one)).status).toBe(404);
  await expect.poll(() => rowsOfItems(dataset), patient).toBe(0);
}, 90_000);

test("rows of a channel that no session keeps go with it, and its count of people too", async () => {
  const agent = (await host.call("POST", "/v2/agents", { name: "Desk" })).body.id;
  const settings = { api_url: "http://127.0.0.1:9/messages" };
  const made = async (): Promise<string> => {
    const body = { name: "Door", kind: "quiet", agent, settings };
    const { id } = (await host.call("POST", "/v2/channels", body)).body;
    for (const sender of ["a", "b", "c"]) {
      await host.call("PUT", `/v2/channels/${id}/people/${sender}`, { person: "ann" });
    }
    return id;
  };
  const { tables } = host.system;
  const rowsOf = async (id: string) => {
    const lists = ["channel-people", "channels-versions", "channels-histories"].map((table) =>
      tables.list(host.tenant, table, { prefix: id, limit: 10 }),
    );
    const counted = await tables.counter(host.tenant, `channel-people.${id}`);
    return [...(await Promise.all(lists)).map(({ length }) => length), counted];
  };
  const [goes, stays] = [await made(), await made()];
  expect(await rowsOf(goes)).toEqual([3, 1, 1, 3]);

  expect((await host.call("DELETE", `/v2/channels/${goes}`)).status).toBe(204);

  await expect.poll(() => rowsOf(goes), patient).toEqual([0, 0, 0, 0]);
  expect(await rowsOf(stays)).toEqual([3, 1, 1, 3]);
  const { data } = (await host.call("GET", "/admin/audit?action=channel.removed")).body;
  expect(data).toMatchObject([{ subject: goes, details: { unsent: 0 } }]);
}, 90_000);
