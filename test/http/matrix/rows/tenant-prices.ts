// Rows of the prices of one tenant.

import { expect } from "vitest";
import { type Rows, withBody } from "../row.ts";

/** The rows. */
export const tenantPriceRows: Rows = {
  "GET /admin/tenants/{tn}/prices": {
    good: ({ host }) => ({ params: { tn: host.tenant } }),
    status: 200,
    shows: { from: null, operations: expect.any(Array) },
  },
  "PUT /admin/tenants/{tn}/prices": {
    good: ({ host }) => ({ params: { tn: host.tenant }, body: { operations: {} } }),
    status: 200,
    shows: { changes: expect.any(Array) },
    wrong: [
      withBody(
        "less than nothing",
        { operations: { chat: -1 } },
        { status: 400, pointer: "/operations/chat" },
      ),
    ],
    conflict: "cannot: the last one set holds",
  },
};
