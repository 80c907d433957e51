// How much tools write to the server's folders in a day: an actor of the tenant counts files and bytes, of all its
// agents and of each, so that the limits hold over all runs, threads and restarts. Days are those of UTC. A write that
// is refused costs nothing; one that fails afterwards has cost its share.

import { defineActor, type RunContext } from "../../runtime/actor.ts";
import { address } from "../../runtime/address.ts";
import type { Ports } from "../ports.ts";

/** In a day: of a tenant, and by default of one agent. */
export const writeQuota = {
  tenantFiles: 20_000,
  tenantBytes: 4 * 1_024 * 1_024 * 1_024,
  agentFiles: 1_000,
  agentBytes: 256 * 1_024 * 1_024,
  /** Agents that write in one day. */
  agents: 10_000,
} as const;

/** Files and bytes. */
export interface Written {
  readonly files: number;
  readonly bytes: number;
}

/** What it is told. Refused with RATE_LIMITED and `retryAfterMs`. */
export interface TakeWrite {
  readonly type: "take";
  /** `ag_` or `sa_`. */
  readonly owner: string;
  readonly bytes: number;
  readonly most: Written;
}

interface Day {
  readonly day: number;
  readonly all: Written;
  readonly owners: Readonly<Record<string, Written>>;
}

const KIND = "write-quota";
const DAY_MS = 86_400_000;
const none: Written = { files: 0, bytes: 0 };

/** Kind `write-quota`. */
export const writeQuotaActor = defineActor<Day, TakeWrite>({
  kind: KIND,
  version: 1,
  initial: () => ({ day: 0, all: none, owners: {} }),
  receive(before, { owner, bytes, most }, turn) {
    const day = Math.floor(turn.nowMs / DAY_MS);
    // A clock that was set back counts on.
    const state = day > before.day ? { day, all: none, owners: {} } : before;
    const own = Object.hasOwn(state.owners, owner) ? (state.owners[owner] ?? none) : none;
    const { tenantFiles, tenantBytes, agents } = writeQuota;
    const room = { files: tenantFiles, bytes: tenantBytes };
    const isNew = !Object.hasOwn(state.owners, owner);
    const why =
      fault("This agent", own, bytes, most) ??
      fault("The tenant", state.all, bytes, room) ??
      (isNew && Object.keys(state.owners).length >= agents
        ? `${agents} agents have written files today, the most that may.`
        : null);
    if (why !== null) {
      const retryAfterMs = Math.max(1, (state.day + 1) * DAY_MS - turn.nowMs);
      turn.refuse({ code: "RATE_LIMITED", message: why, details: { retryAfterMs } });
      return state;
    }
    turn.reply(null);
    const owners = { ...state.owners, [owner]: added(own, bytes) };
    return { ...state, all: added(state.all, bytes), owners };
  },
});

const added = ({ files, bytes }: Written, more: number): Written => ({
  files: files + 1,
  bytes: bytes + more,
});

function fault(who: string, { files, bytes }: Written, more: number, most: Written): string | null {
  const until = "more is written after midnight (UTC)";
  if (files >= most.files) {
    return `${who} has written ${files} files today, the limit is ${most.files}: ${until}.`;
  }
  if (bytes + more <= most.bytes) return null;
  return `${who} has written ${bytes} bytes today, and ${more} more are over the limit of ${most.bytes}: ${until}.`;
}

/** Counts one write, as a step. @throws RATE_LIMITED. */
export async function takeWrite(
  context: RunContext<Ports>,
  key: string,
  of: Omit<TakeWrite, "type">,
): Promise<void> {
  const to = address({ kind: KIND, tenant: context.tenant, root: "files" });
  await context.ask(key, to, { type: "take", ...of } satisfies TakeWrite);
}
