// Rows of the tenant's guardrails.

import type { Row, Rows } from "../row.ts";

const path = "/v2/guardrails";
const rule = { name: "short", on: ["input"], check: { type: "length", max_chars: 190_000 } };

const own: Pick<Row, "status" | "foreign" | "conflict"> = {
  status: 200,
  foreign: "cannot: it is the key's own tenant's",
  conflict: "cannot: it may be set at any time",
};

/** The rows. */
export const guardrailRows: Rows = {
  [`GET ${path}`]: { ...own, good: () => ({}), shows: /"guardrails":\[/ },
  [`PUT ${path}`]: {
    ...own,
    good: () => ({ body: { guardrails: [{ ...rule, action: "flag" }] } }),
    shows: { guardrails: [{ name: "short", action: "flag" }] },
  },
};
