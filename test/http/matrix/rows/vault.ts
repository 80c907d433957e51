// Rows of the master key.

import type { Rows } from "../row.ts";

const shows = { source: "folder", current_key: "00000000", state: "done" };

/** The rows. */
export const vaultRows: Rows = {
  "GET /admin/vault": { good: () => ({}), status: 200, shows },
  "POST /admin/vault/rotate": {
    good: () => ({}),
    status: 202,
    shows,
    conflict: "cannot: one under way is refused in test/adapters/vault",
  },
};
