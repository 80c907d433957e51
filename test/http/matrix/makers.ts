// What the requests of the matrix are about: records, runs, jobs and letters of the tenant, made
// through the door wherever a client can make them.

import { expect } from "vitest";
import { address } from "../../../runtime/address.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { deskAt } from "../../support/approval-room.ts";
import { jobAs } from "../../support/jobs.ts";
import type { Json } from "../../support/wire-client.ts";
import type { Fields } from "./row.ts";
import type { World } from "./world.ts";

const WITHIN = { timeout: 10_000, interval: 5 };
let count = 0;
/** A word that was not there before. */
export const fresh = (word: string): string => {
  count += 1;
  return `${word}-${count}`;
};

/** An agent; its key. */
export async function agent(world: World, more: Fields = {}): Promise<string> {
  const made = await world.make("POST", "/v2/agents", { name: "Desk", model_name: "m-1", ...more });
  return made.id;
}

/** A sub-agent of a new agent. */
export async function subAgent(world: World): Promise<{ agent: string; sa: string }> {
  const of = await agent(world);
  const body = { name: "Docs", trigger: { keywords: ["export"] } };
  const made = await world.make("POST", `/v2/agents/${of}/sub-agents`, body);
  return { agent: of, sa: made.id };
}

/** A run that has ended well, with what it answered in. */
export async function run(
  world: World,
  more: object = {},
): Promise<{ agent: string; run: string; cv: string }> {
  const of = await agent(world);
  const body = { input: "How do I export?", ...more };
  const made = await world.make("POST", `/v2/agents/${of}/runs`, body);
  return { agent: of, run: made.id, cv: made.conversation_key };
}

/** A run that failed. */
export async function failedRun(world: World): Promise<string> {
  const of = await agent(world);
  const { llm } = world.host;
  const { script } = llm;
  llm.script = () => {
    throw new RuntimeError("PROVIDER_FAILED", "The provider refused.");
  };
  const failed = await world.host.call("POST", `/v2/agents/${of}/runs`, { input: "export" });
  llm.script = script;
  expect(failed.status).toBe(502);
  const runs: Json[] = (await world.make("GET", "/v2/runs?limit=100")).data;
  return runs.find((one) => one.agent_key === of).id;
}

/** The graph of a workflow that waits for the event `paid`. */
export const waitingGraph = {
  nodes: [
    { id: "wait", type: "event", event: "paid" },
    { id: "end", type: "end" },
  ],
  edges: [{ from: "wait", to: "end" }],
};

/** A run of a workflow that waits for its event. */
export async function waitingRun(world: World): Promise<{ run: string; cv: string }> {
  const flow = await workflow(world);
  const body = { input: { order: 7 }, mode: "background" };
  const made = await world.make("POST", `/v2/workflows/${flow}/runs`, body);
  return { run: made.id, cv: made.conversation_key };
}

/** A workflow that waits for an event; its id. */
export async function workflow(world: World): Promise<string> {
  const body = { name: "Orders", graph_definition: waitingGraph };
  return (await world.make("POST", "/v2/workflows", body)).id;
}

/** A team of one; its id. */
export async function team(world: World): Promise<string> {
  const body = { name: "Desk", mode: "coordinate", members: [{ agent: await agent(world) }] };
  return (await world.make("POST", "/v2/teams", body)).id;
}

/** An approval that is pending. */
export async function approval(world: World): Promise<string> {
  const { host } = world;
  const desk = deskAt(fresh("cv_desk"), host.tenant);
  const job = { calls: [{ key: "pay" }] };
  const of = String(await host.system.ask(desk, { type: "start", job }));
  const pending = async (): Promise<readonly Json[]> =>
    (await world.make("GET", `/v2/approvals?run_id=${of}`)).data;
  await expect.poll(async () => (await pending()).length, WITHIN).toBe(1);
  return (await pending())[0].id;
}

/** A collection; its id. */
export async function collection(world: World): Promise<string> {
  return (await world.make("POST", "/v2/knowledge/collections", { name: "Docs" })).id;
}

/** A collection with a document that was taken in. */
export async function documented(
  world: World,
): Promise<{ cl: string; dc: string; chunk: string; jb: string }> {
  const cl = await collection(world);
  const path = `/v2/knowledge/collections/${cl}`;
  const dc = fresh("manual");
  const body = [{ id: dc, text: "Data is exported from the settings page." }];
  const { job_id: jb } = await world.make("POST", `${path}/documents?wait=true`, body);
  const found = await world.make("POST", `${path}/search`, { query: "export data settings" });
  return { cl, dc, jb, chunk: found.data[0].chunk_id };
}

/** A job that is held while it embeds. */
export async function heldJob(world: World): Promise<string> {
  const cl = await collection(world);
  world.held.word = fresh("walrus");
  const body = [{ text: `The ${world.held.word} stands on its page.` }];
  const path = `/v2/knowledge/collections/${cl}/documents?wait=false`;
  return (await world.make("POST", path, body)).id;
}

/** A job that was paused. */
export async function pausedJob(world: World): Promise<string> {
  const jb = await heldJob(world);
  await world.make("POST", `/v2/knowledge/jobs/${jb}/pause`);
  await jobAs(world.host, `/v2/knowledge/jobs/${jb}`, "paused");
  world.held.word = "";
  return jb;
}

/** A memory of a user of a new agent. */
export async function memory(world: World): Promise<{ agent: string; me: string }> {
  const of = await agent(world);
  const body = { agent_key: of, user_key: "ann", text: "Ann likes short answers." };
  return { agent: of, me: (await world.make("POST", "/v2/memories", body)).id };
}

/** A dead letter: what no conversation understands. */
export async function letter(world: World): Promise<string> {
  const { host } = world;
  const root = fresh("cv_letter");
  await host.system.send(address({ kind: "conversation", tenant: host.tenant, root }), null);
  const letters = async (): Promise<readonly Json[]> =>
    (await world.make("GET", "/admin/dead-letters?limit=100")).data;
  const mine = async (): Promise<Json> =>
    (await letters()).find(({ to }) => String(to).includes(root));
  await expect.poll(async () => (await mine()) !== undefined, WITHIN).toBe(true);
  return (await mine()).id;
}

/** An actor that was stopped because it could not be read, and is repaired. */
export async function stopped(world: World): Promise<string> {
  const { host, sour } = world;
  const at = address({ kind: "sour", tenant: host.tenant, root: fresh("s") });
  sour.isBroken = true;
  await expect(host.system.ask(at, null)).rejects.toMatchObject({ code: "QUARANTINED" });
  sour.isBroken = false;
  const all = async (): Promise<readonly Json[]> =>
    (await world.make("GET", "/admin/runtime/quarantined")).data;
  await expect.poll(async () => (await all()).some((one) => one.address === at), WITHIN).toBe(true);
  return at;
}
