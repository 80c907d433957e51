// Settings of tenants: what those may have that have no limit of their own, and when what was removed goes
// from the files of a running server.

import type { TenantLimits } from "../actors/records/tenant-limits.ts";
import { choice, integer, type ValuesOf } from "./config-field.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const limit = (text: string, unit: string) =>
  integer(`${text} 0: no limit.`, unit, [0, 0, Number.MAX_SAFE_INTEGER]);

const limits = {
  agents: limit("Agents.", "agents"),
  conversations: limit("Conversations that are kept.", "conversations"),
  concurrentRuns: limit("Answers under way at once.", "answers"),
  requestsPerSecond: limit("Requests a second with all keys of the tenant together.", "requests"),
  storageBytes: limit("What the tenant has stored, its index files with it.", "bytes"),
} as const;

/** The limits of tenants that have none of their own. */
export function defaultLimits(of: ValuesOf<typeof limits>): TenantLimits {
  const { agents, conversations, concurrentRuns, requestsPerSecond, storageBytes } = of;
  const set = {
    agents,
    conversations,
    concurrent_runs: concurrentRuns,
    requests_per_second: requestsPerSecond,
    storage_bytes: storageBytes,
  };
  return Object.fromEntries(Object.entries(set).filter(([, value]) => value > 0));
}

/** The group `tenants`. */
export const tenantsGroup = {
  type: "group",
  text: "What tenants may have, and when those that were removed go from the files: the data folder is compacted.",
  fields: {
    limits: {
      type: "group",
      text: "What a tenant may have that has no value of its own for a limit (`/admin/tenants/{tn}`); its own null says none.",
      fields: limits,
    },
    purgeBy: choice(
      "How: `in_place` stops the server and starts it again in its process, which holds what is asked meanwhile; `hand_over` has a new process take over as `troupe restart` does, which refuses nobody and ends under most supervisors; `start` leaves it to the next start.",
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
