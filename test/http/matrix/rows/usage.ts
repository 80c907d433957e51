// Rows of the routes of money: prices, usage, the ledger, balances, alerts.

import { expect } from "vitest";
import { type Rows, withQuery } from "../row.ts";

const wrongFormat = withQuery("format=xml", { code: "INVALID", parameter: "format" });

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
};
