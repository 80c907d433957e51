// What is left of a collection or an agent when the process dies after its row was removed and before
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
async function removeRowAlone(type: "agent" | "collection", id: string): Promise<void> {
  const table = type === "agent" ? "agents" : "collections";
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
