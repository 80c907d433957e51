// Settings of tenants: when what was removed goes from the files of a running server.

import { choice, integer } from "./config-field.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The group `tenants`. */
export const tenantsGroup = {
  type: "group",
  text: "What is done about tenants that were removed while the server runs: the data folder is compacted.",
  fields: {
    purgeBy: choice(
      "How: `in_place` stops the server and starts it again in its process, which refuses connections meanwhile; `hand_over` has a new process take over as `troupe restart` does, which refuses nobody and ends under most supervisors; `start` leaves it to the next start.",
      ["in_place", "hand_over", "start"],
      "in_place",
      "TROUPE_PURGE_BY",
    ),
    purgeIdleAfterMs: integer(
      "How long after its rows are gone a tenant is purged from the files as soon as little is done.",
      "ms",
      [HOUR_MS, 250, DAY_MS],
      { env: "TROUPE_PURGE_IDLE_AFTER_MS" },
    ),
    purgeLatestMs: integer(
      "The same, however much is done.",
      "ms",
      [20 * HOUR_MS, 250, 30 * DAY_MS],
      { env: "TROUPE_PURGE_LATEST_MS" },
    ),
  },
} as const;
