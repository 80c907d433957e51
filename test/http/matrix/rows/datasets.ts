// Rows of the items of data sets, and of evaluations.

import { expect } from "vitest";
import { agent, run } from "../makers.ts";
import { again, type Row, type Rows, withBody } from "../row.ts";
import type { World } from "../world.ts";

const items = "/v2/datasets/{id}/items";
const item = `${items}/{it}`;
const list = "/v2/evaluations";
const one = `${list}/{ev}`;
const question = { messages: [{ role: "user", content: "How do I export?" }] };
const expected = { text: "You can export from Settings." };

const dataset = async (world: World): Promise<string> =>
  (await world.make("POST", "/v2/datasets", { name: "Questions" })).id;

const filled = async (world: World): Promise<{ id: string; it: string }> => {
  const id = await dataset(world);
  const added = await world.make("POST", `/v2/datasets/${id}/items`, { ...question, expected });
  return { id, it: added.id };
};
const ofItem = async (world: World) => ({ params: await filled(world) });
const ofSet = async (world: World) => ({ params: { id: (await filled(world)).id } });

async function planned(world: World): Promise<object> {
  const { id } = await filled(world);
  const targets = [{ target: await agent(world) }];
  return { dataset_id: id, targets, scorers: [{ type: "exact" }] };
}

/** One that has ended. */
async function evaluation(world: World): Promise<string> {
  const { id } = await world.make("POST", list, await planned(world));
  const status = async (): Promise<string> => (await world.make("GET", `${list}/${id}`)).status;
  await expect.poll(status, { timeout: 10_000, interval: 5 }).toBe("completed");
  return id;
}
const ofEvaluation = async (world: World) => ({ params: { ev: await evaluation(world) } });

const changed: Row = {
  good: async (world) => ({ params: await filled(world), body: { ...question, tags: ["new"] } }),
  status: 200,
  shows: { version: 2, tags: ["new"] },
};

/** The rows. */
export const datasetRows: Rows = {
  [`GET ${items}`]: { good: ofSet, status: 200, shows: { data: [question] } },
  [`POST ${items}`]: {
    good: async (world) => ({
      params: { id: await dataset(world) },
      body: { run_id: (await run(world)).run, tags: ["recorded"] },
    }),
    status: 201,
    shows: { ...question, expected: { ...expected, route: expect.any(String) } },
    wrong: [
      withBody("no messages", { run_id: undefined }, { status: 400, code: "INVALID" }),
      withBody("a run that is none", { run_id: "x" }, { status: 400, pointer: "/run_id" }),
    ],
    conflict: "cannot: the same question may be there twice",
  },
  [`GET ${item}`]: { good: ofItem, status: 200, shows: { version: 1, run_id: null } },
  [`PUT ${item}`]: changed,
  [`PATCH ${item}`]: changed,
  [`DELETE ${item}`]: { good: ofItem, status: 204, conflict: [again(404, "NOT_FOUND")] },
  [`GET ${list}`]: {
    good: async (world) => {
      await evaluation(world);
      return { query: "limit=1" };
    },
    status: 200,
    shows: { data: [{ status: "completed" }] },
  },
  [`POST ${list}`]: {
    good: async (world) => ({ body: await planned(world) }),
    status: 201,
    shows: { status: "running", total: 1 },
    wrong: [
      withBody(
        "a scorer of no kind",
        { scorers: [{ type: "luck" }] },
        { status: 400, pointer: "/scorers/0*" },
      ),
      withBody(
        "two scorers of one name",
        { scorers: [{ type: "exact" }, { type: "exact" }] },
        { status: 400, code: "INVALID", pointer: "/scorers/1/name" },
      ),
    ],
    conflict: "cannot: an evaluation may be made again",
  },
  [`GET ${one}`]: { good: ofEvaluation, status: 200, shows: { done: 1, total: 1 } },
  [`GET ${one}/results`]: {
    good: ofEvaluation,
    status: 200,
    shows: { data: [{ index: 0, sides: [{ score: 1, passed: true }] }] },
  },
  [`GET ${one}/events`]: { good: ofEvaluation, status: 200, shows: /evaluation_progress/ },
  [`POST ${one}/cancel`]: {
    good: ofEvaluation,
    status: 202,
    shows: { status: "completed" },
    conflict: "cannot: one that has ended stays as it is",
  },
  [`DELETE ${one}`]: { good: ofEvaluation, status: 204, conflict: [again(404, "NOT_FOUND")] },
};
