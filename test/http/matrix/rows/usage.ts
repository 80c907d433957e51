// Rows of the routes of money: prices, usage, the ledger, balances, alerts.

import { expect } from "vitest";
import { again, type Rows, withBody, withQuery } from "../row.ts";
import type { World } from "../world.ts";

const wrongFormat = withQuery("format=xml", { code: "INVALID", parameter: "format" });

const alert = { type: "balance", below: 1, url: "https://example.com/hook" };
const ofAlert = async (world: World) => ({
  params: { al: (await world.make("POST", "/admin/alerts", alert)).id },
});

/** The rows. */
export const usageRows: Rows = {
  "GET /admin/prices": {
    good: () => ({}),
    status: 200,
    shows: { unit: "credits", models: expect.any(Array) },
  },
  "GET /admin/ledger": {
    good: () => ({ query: "limit=5" }),
    status: 200,
    shows: { data: expect.any(Array) },
    wrong: [
      withQuery("limit=0", { code: "INVALID", parameter: "limit" }),
      withQuery("cursor=x", { code: "INVALID", parameter: "cursor" }),
      wrongFormat,
    ],
    missing: [withQuery("tenant=tn_none", { status: 404, code: "NOT_FOUND" })],
  },
  "GET /admin/balance": {
    good: () => ({}),
    status: 200,
    shows: { unit: "credits", balance: expect.any(Number) },
    missing: [withQuery("tenant=tn_none", { status: 404, code: "NOT_FOUND" })],
  },
  "POST /admin/tenants/{tn}/debit": {
    good: ({ host }) => ({ params: { tn: host.tenant }, body: { amount: 0.5 } }),
    status: 200,
    shows: { debited: 0.5 },
    wrong: [withBody("less than nothing", { amount: -5 }, { status: 400, pointer: "/amount" })],
    conflict: "cannot: nothing stands in the way of a debit but the balance, which is a 402",
  },
  "POST /admin/alerts": {
    good: () => ({ body: alert }),
    status: 201,
    shows: { type: "balance", below: 1 },
    wrong: [
      withBody("no amount", { ...alert, below: undefined }, { status: 400, pointer: "/below" }),
    ],
    conflict: "cannot: alerts may repeat, and ids are the server's",
  },
  "GET /admin/alerts": {
    good: () => ({}),
    status: 200,
    shows: { data: expect.any(Array) },
    wrong: [withQuery("limit=0", { code: "INVALID", parameter: "limit" })],
  },
  "GET /admin/alerts/{al}": { good: ofAlert, status: 200, shows: { type: "balance" } },
  "PATCH /admin/alerts/{al}": {
    good: async (world) => ({ ...(await ofAlert(world)), body: { below: 3 } }),
    status: 200,
    shows: { below: 3 },
    wrong: [withBody("what a balance has not", { above: 1 }, { status: 400, pointer: "/above" })],
    conflict: "cannot: the last word counts",
  },
  "DELETE /admin/alerts/{al}": {
    good: ofAlert,
    status: 200,
    shows: { type: "balance" },
    conflict: [again(404, "NOT_FOUND")],
  },
};
