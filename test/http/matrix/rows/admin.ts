// Rows of the operator's routes.

import { expect } from "vitest";
import { approval, letter, stopped } from "../makers.ts";
import { again, type Cannot, type Row, type Rows, withBody, withQuery } from "../row.ts";
import type { World } from "../world.ts";

const letters = "/admin/dead-letters";
const runtime = "/admin/runtime";
const wrongLimit = withQuery("limit=0", { code: "INVALID", parameter: "limit" });
const wrongCursor = withQuery("cursor=x", { code: "INVALID", parameter: "cursor" });
const wrongPage = [wrongLimit, wrongCursor];
const wrongRoot = withQuery("root=a%20b", { code: "INVALID", parameter: "root" });
const repeats: Cannot = "cannot: names may repeat, and ids are the server's";
const listed = { data: expect.any(Array) };
const ofLetter = async (world: World) => ({ params: { dl: await letter(world) } });

const newKey = async (world: World) => ({
  params: { ak: (await world.make("POST", "/admin/keys", { name: "k" })).id },
});
const tenants = (row: Row): Row => ({
  ...row,
  missing: [withQuery("tenant=tn_none", { status: 404, code: "NOT_FOUND" })],
});

/** The rows. */
export const adminRows: Rows = {
  "POST /admin/tenants/{tn}/credit": {
    good: ({ host }) => ({ params: { tn: host.tenant }, body: { amount: 5 } }),
    status: 200,
    shows: { credited: 5 },
    wrong: [withBody("less than nothing", { amount: -5 }, { status: 400, pointer: "/amount" })],
    conflict: "cannot: nothing stands in the way of a credit",
  },
  "POST /admin/keys": {
    good: () => ({ body: { name: "k", role: "member", allowed_services: ["runs"] } }),
    status: 201,
    shows: { key: expect.stringMatching(/^troupe_/), allowed_services: ["runs"] },
    wrong: [
      withBody(
        "a service that is none",
        { allowed_services: ["nobody"] },
        {
          ...{ status: 400, pointer: "/allowed_services/0" },
        },
      ),
    ],
    missing: [withBody("a tenant that is none", { tenant: "tn_none" }, { status: 404 })],
    conflict: repeats,
  },
  "GET /admin/keys": tenants({ good: () => ({}), status: 200, shows: listed, wrong: wrongPage }),
  "DELETE /admin/keys/{ak}": {
    good: newKey,
    status: 200,
    shows: { revoked_at: expect.any(String) },
    conflict: "cannot: a key that was revoked stays so",
  },
  "PATCH /admin/keys/{ak}": {
    good: async (world) => ({ ...(await newKey(world)), body: { name: "renamed" } }),
    status: 200,
    shows: { name: "renamed" },
    conflict: "cannot: any change may follow; test/http/key-changes.test.ts changes a revoked one",
  },
  "POST /admin/keys/{ak}/rotate": {
    good: async (world) => ({ ...(await newKey(world)), body: { overlap_seconds: 60 } }),
    status: 200,
    shows: { key: expect.stringMatching(/^troupe_/), previous: { prefix: expect.any(String) } },
    conflict: "cannot: each makes another secret",
  },
  "GET /admin/usage": tenants({
    good: () => ({ query: "from=2020-01-01" }),
    status: 200,
    shows: { balance: expect.any(Number) },
    wrong: [withQuery("from=soon", { code: "INVALID", parameter: "from" })],
  }),
  "GET /admin/audit": tenants({
    good: async (world) => {
      const ap = await approval(world);
      await world.make("POST", `/v2/approvals/${ap}/decide`, { decision: "reject" });
      return { query: `subject=${ap}` };
    },
    status: 200,
    shows: { data: [{ action: "approval.reject" }] },
  }),
  [`GET ${letters}`]: tenants({ good: () => ({}), status: 200, shows: listed, wrong: wrongPage }),
  [`GET ${letters}/{dl}`]: { good: ofLetter, status: 200, shows: { history: [] } },
  [`POST ${letters}/{dl}/replay`]: {
    good: ofLetter,
    status: 200,
    shows: { replayed: true },
    conflict: [again(404, "NOT_FOUND", "a replay once more")],
  },
  [`DELETE ${letters}/{dl}`]: {
    good: ofLetter,
    status: 200,
    shows: { deleted: true },
    conflict: [again(404, "NOT_FOUND")],
  },
  [`GET ${runtime}`]: { good: () => ({}), status: 200, shows: { silent_workers: [] } },
  [`POST ${runtime}/workers`]: {
    good: () => ({ body: { workers: 1 } }),
    status: 200,
    elsewhere:
      "cannot: this host has no worker threads; test/e2e/observe.test.ts asks one that has",
    conflict: "cannot: any number can be asked for at any time",
  },
  [`GET ${runtime}/actors`]: tenants({
    good: () => ({}),
    status: 200,
    shows: listed,
    wrong: [wrongLimit, wrongRoot, withQuery("state=odd", { code: "INVALID", parameter: "state" })],
  }),
  [`GET ${runtime}/tree`]: tenants({
    good: () => ({ query: "root=cv_1" }),
    status: 200,
    shows: { root: "cv_1" },
    wrong: [wrongRoot, withQuery("", { code: "INVALID", parameter: "root" })],
  }),
  [`GET ${runtime}/waits`]: tenants({
    good: () => ({}),
    status: 200,
    shows: listed,
    wrong: [wrongLimit],
  }),
  [`GET ${runtime}/quarantined`]: tenants({
    good: () => ({}),
    status: 200,
    shows: listed,
    wrong: wrongPage,
  }),
  [`POST ${runtime}/actors/{address}/release`]: {
    good: async (world) => ({ params: { address: await stopped(world) } }),
    status: 200,
    shows: { released: true },
    conflict: [again(404, "NOT_FOUND", "a release once more")],
  },
  "GET /admin/providers": { good: () => ({}), status: 200, shows: listed },
};
