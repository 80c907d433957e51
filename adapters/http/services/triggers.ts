// Triggers as operators see them: what comes next, what is at work, the ledger, and one more now. Rows are written
// by the triggers' actors alone.

import { randomUUID } from "node:crypto";
import { triggerLimits } from "../../../actors/records/trigger.ts";
import {
  type OccurrenceRow,
  type OccurrenceState,
  occurrencesTable,
} from "../../../actors/triggers/occurrence.ts";
import {
  emptyTrigger,
  type Happened,
  type TriggerState,
  type TriggerView,
  triggerAddress,
  viewOf,
} from "../../../actors/triggers/state.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { System } from "../../../runtime/system.ts";
import type { WatchStatus } from "../../triggers/watch/file-watch.ts";
import type { Watching } from "../../triggers/watching.ts";
import type { OnceKey } from "./once.ts";
import type { Page, PageRequest } from "./paging.ts";

/** How a trigger is, and the files that it watches; null: none. */
export interface TriggerLook extends TriggerView {
  readonly files: WatchStatus | null;
}

/** What it works with. */
export interface TriggerParts {
  readonly system: Pick<System, "tables" | "ask" | "states">;
  readonly watching: Pick<Watching, "status">;
  nowMs(): number;
}

/** Triggers beside their records. */
export interface TriggerService {
  view(tenant: string, trigger: string): Promise<TriggerLook>;
  /** Of several, in their order, as they were committed last. */
  views(tenant: string, triggers: readonly string[]): Promise<readonly TriggerView[]>;
  /** One more, now. @returns its id in the ledger. @throws INVALID for data that is too long. */
  fire(
    of: { readonly tenant: string; readonly trigger: string; readonly data: unknown },
    once: OnceKey | null,
  ): Promise<string>;
  /** Newest first; of one state where it is given. What was told at length is left out. */
  occurrences(
    of: {
      readonly tenant: string;
      readonly trigger: string;
      readonly state: OccurrenceState | null;
    },
    page: PageRequest,
  ): Promise<Page<OccurrenceRow>>;
  /** @throws NOT_FOUND. */
  occurrence(tenant: string, trigger: string, id: string): Promise<OccurrenceRow>;
}

/** Rows that are read at once: of a webhook's half a megabyte each. */
const ROWS_A_READ = 25;

/** As lists show it: without what was told at length. */
function listed(row: OccurrenceRow): OccurrenceRow {
  const isLong = (JSON.stringify(row.data) ?? "").length > triggerLimits.listedChars;
  return isLong ? { ...row, data: null } : row;
}

/** The service over a system. */
export function createTriggerService({ system, watching, nowMs }: TriggerParts): TriggerService {
  const { tables, ask } = system;
  return {
    view: async (tenant, trigger) => {
      const asked = await ask(triggerAddress(tenant, trigger), { type: "describe" });
      return { ...(asked as TriggerView), files: await watching.status({ tenant, trigger }) };
    },
    views: async (tenant, triggers) => {
      const states = await system.states(triggers.map((id) => triggerAddress(tenant, id)));
      return triggers.map((id, at) =>
        viewOf((states[at] as TriggerState | undefined) ?? { id, ...emptyTrigger }),
      );
    },
    fire: async ({ tenant, trigger, data }, once) => {
      if (Buffer.byteLength(JSON.stringify(data) ?? "") > triggerLimits.dataBytes) {
        const message = `data has at most ${triggerLimits.dataBytes} bytes as JSON.`;
        throw new RuntimeError("INVALID", message, { pointer: "/data" });
      }
      const key = `fire:${once?.key ?? randomUUID()}`;
      const happened: Happened = {
        ...{ type: "happened", cause: "fire", key, atMs: nowMs() },
        ...(data !== undefined && { data }),
      };
      const told = await ask(triggerAddress(tenant, trigger), happened);
      return (told as { readonly occurrence: string }).occurrence;
    },
    occurrences: async ({ tenant, trigger, state }, { limit, after }) => {
      const prefix = `${trigger}.`;
      const items: OccurrenceRow[] = [];
      for (let from = after === undefined ? undefined : `${prefix}${after}`; ; ) {
        const rows = await tables.list(tenant, occurrencesTable, {
          ...{ prefix, limit: ROWS_A_READ, reverse: true },
          ...(from !== undefined && { after: from }),
        });
        for (const { value } of rows) {
          const row = value as OccurrenceRow;
          if (state !== null && row.state !== state) continue;
          if (items.length === limit) {
            return { items, next: items.at(-1)?.id.slice(prefix.length) ?? null };
          }
          items.push(listed(row));
        }
        from = rows.at(-1)?.id;
        if (rows.length < ROWS_A_READ) return { items, next: null };
      }
    },
    occurrence: async (tenant, trigger, id) => {
      const isOwn = /^[A-Za-z0-9_.]{1,100}$/.test(id) && id.startsWith(`${trigger}.`);
      const row = isOwn ? await tables.get(tenant, occurrencesTable, id) : undefined;
      if (row !== undefined) return row.value as OccurrenceRow;
      throw new RuntimeError("NOT_FOUND", `Occurrence ${id.slice(0, 100)} does not exist.`);
    },
  };
}
