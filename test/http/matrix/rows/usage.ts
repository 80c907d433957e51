// Rows of the routes of money: prices, usage, the ledger, balances, alerts.

import { expect } from "vitest";
import type { Rows } from "../row.ts";

/** The rows. */
export const usageRows: Rows = {
  "GET /admin/prices": {
    good: () => ({}),
    status: 200,
    shows: { unit: "credits", models: expect.any(Array) },
  },
};
