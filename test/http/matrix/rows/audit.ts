// Rows of the audit's export and of what looks through it.

import { type Rows, withQuery } from "../row.ts";

/** The rows. */
export const auditRows: Rows = {
  "GET /admin/audit/verify": {
    good: () => ({}),
    status: 200,
    shows: { fault: null },
    missing: [withQuery("tenant=tn_none", { status: 404, code: "NOT_FOUND" })],
  },
  "GET /admin/audit/export": {
    // What was refused names what the client has sent, of other tenants too.
    good: () => ({ query: "format=csv&outcome=done" }),
    status: 200,
    shows: /^n,id,at,action,/,
    wrong: [
      withQuery("format=xml", { code: "INVALID", parameter: "format" }),
      withQuery("action=agent.", { code: "INVALID", parameter: "action" }),
      withQuery("from=soon&format=csv", { code: "INVALID", parameter: "from" }),
    ],
    missing: [withQuery("tenant=tn_none", { status: 404, code: "NOT_FOUND" })],
  },
};
