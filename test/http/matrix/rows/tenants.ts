// Rows of the operator's routes for tenants.

import { expect } from "vitest";
import { fresh } from "../makers.ts";
import { type Cannot, type Row, type Rows, withQuery } from "../row.ts";
import type { World } from "../world.ts";

const path = "/admin/tenants";
const wrongPage = [
  withQuery("limit=0", { code: "INVALID", parameter: "limit" }),
  withQuery("cursor=x", { code: "INVALID", parameter: "cursor" }),
];

const operator = (world: World) => ({ key: world.host.adminKey });
const made = async (world: World) => {
  const body = { name: fresh("Tenant") };
  const answer = await world.host.call("POST", path, body, operator(world));
  return { params: { tn: answer.body.id as string } };
};
const removed = async (world: World) => {
  const { params } = await made(world);
  await world.host.call("DELETE", `${path}/${params.tn}`, undefined, operator(world));
  return { params };
};
const gone = { status: 409, code: "CONFLICT" } as const;
/** The same for a tenant that is being removed. */
const ofRemoved: Row["conflict"] = [
  {
    ...{ what: "of one that is removed", ...gone },
    sent: async (good, world) => ({ ...good, ...(await removed(world)) }),
  },
];
const repeats: Cannot = "cannot: names may repeat, and ids are the server's";

/** The rows. */
export const tenantRows: Rows = {
  [`POST ${path}`]: {
    good: () => ({ body: { name: fresh("Tenant") } }),
    status: 201,
    shows: { id: expect.stringMatching(/^tn_/), status: "active" },
    conflict: repeats,
  },
  [`GET ${path}`]: {
    good: () => ({}),
    status: 200,
    shows: { data: expect.any(Array) },
    wrong: wrongPage,
  },
  [`GET ${path}/{tn}`]: { good: made, status: 200, shows: { status: "active", purge: null } },
  [`PATCH ${path}/{tn}`]: {
    good: async (world) => ({ ...(await made(world)), body: { name: "Renamed" } }),
    status: 200,
    shows: { name: "Renamed" },
    conflict: ofRemoved,
  },
  [`POST ${path}/{tn}/suspend`]: {
    good: made,
    status: 200,
    shows: { status: "suspended" },
    conflict: ofRemoved,
  },
  [`POST ${path}/{tn}/resume`]: {
    good: made,
    status: 200,
    shows: { status: "active" },
    conflict: ofRemoved,
  },
  [`POST ${path}/{tn}/export`]: {
    good: ({ host }) => ({ params: { tn: host.tenant } }),
    status: 200,
    shows: /"kind":"end"/,
    conflict: [
      {
        ...{ what: "of one that is removed", ...gone },
        sent: async (good, world) => ({ ...good, ...(await removed(world)), ...operator(world) }),
      },
    ],
  },
  [`DELETE ${path}/{tn}`]: {
    good: made,
    status: 202,
    shows: { status: "purging", name: "" },
    conflict: [
      {
        ...{ what: "the one it acts in", ...gone },
        sent: (good, { host }) => ({
          ...good,
          params: { tn: host.tenant },
          headers: { "X-Tenant": host.tenant },
        }),
      },
    ],
  },
};
