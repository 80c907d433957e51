// Rows of the routes of budgets.

import { expect } from "vitest";
import { type Row, type Rows, withBody, withQuery } from "../row.ts";
import type { World } from "../world.ts";

const path = "/admin/budgets";
const listed = { data: expect.any(Array) };
const wrongPage = [
  withQuery("limit=0", { code: "INVALID", parameter: "limit" }),
  withQuery("cursor=x", { code: "INVALID", parameter: "cursor" }),
];
const repeats = "cannot: budgets may repeat, and their ids are the server's";
// They are about an agent of their own, that nobody asks: other rows go on as without them. The most that
// may be of one subject is few.
const body = { scope: "agent", limit: 1.5, period: "day" };
const about = async (world: World) => {
  const { id } = await world.make("POST", "/v2/agents", { name: "Limited", model_name: "m-1" });
  return { ...body, subject: id };
};
const budget = async (world: World) => ({
  params: { bd: (await world.make("POST", path, await about(world))).id },
});
const tenants = (row: Row): Row => ({
  ...row,
  missing: [withQuery("tenant=tn_none", { status: 404, code: "NOT_FOUND" })],
});

/** The rows. */
export const budgetRows: Rows = {
  [`POST ${path}`]: tenants({
    good: async (world) => ({ body: await about(world) }),
    status: 201,
    shows: { id: expect.stringMatching(/^bd_/), limit: 1.5, used: 0, reserved: 0, left: 1.5 },
    wrong: [
      withBody(
        "a key as an agent",
        { ...body, subject: "ak_1" },
        { status: 400, pointer: "/subject" },
      ),
    ],
    conflict: repeats,
  }),
  [`GET ${path}`]: tenants({ good: () => ({}), status: 200, shows: listed, wrong: wrongPage }),
  [`GET ${path}/{bd}`]: tenants({ good: budget, status: 200, shows: { scope: "agent" } }),
  [`PATCH ${path}/{bd}`]: tenants({
    good: async (world) => ({ ...(await budget(world)), body: { limit: 2 } }),
    status: 200,
    shows: { limit: 2 },
    conflict: "cannot: the last word counts",
  }),
  [`DELETE ${path}/{bd}`]: tenants({
    good: budget,
    status: 200,
    shows: { scope: "agent" },
    conflict: "cannot: once it is gone it is unknown",
  }),
  [`GET ${path}/{bd}/reservations`]: tenants({
    good: budget,
    status: 200,
    shows: listed,
    wrong: wrongPage,
  }),
};
