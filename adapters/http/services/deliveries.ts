// The outbox of channels as operators see it: what is on its way, what has not arrived and why, and once more;
// and the sessions of a channel. Rows are written by lanes and sessions alone.

import {
  type DeliveryRow,
  type DeliveryStatus,
  deliveriesTable,
  deliveryStateId,
  deliveryStatesTable,
  deliveryStatuses,
} from "../../../actors/channels/delivery-row.ts";
import { laneAddress } from "../../../actors/channels/session-key.ts";
import { type SessionRow, sessionsTable } from "../../../actors/channels/session-state.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { System } from "../../../runtime/system.ts";
import type { Page, PageRequest } from "./paging.ts";

const ID = /^dv_[0-9a-z]{26}$/;

/** The outbox and the sessions of channels. */
export interface DeliveryService {
  /** Of one channel and one status, newest first. */
  list(
    of: { readonly tenant: string; readonly channel: string; readonly status: DeliveryStatus },
    page: PageRequest,
  ): Promise<Page<DeliveryRow>>;
  /** @throws NOT_FOUND. */
  get(tenant: string, channel: string, id: string): Promise<DeliveryRow>;
  /** Sends it again, in its lane's order. @throws NOT_FOUND, CONFLICT for one that is on its way or arrived. */
  again(tenant: string, channel: string, id: string): Promise<DeliveryRow>;
  sessions(tenant: string, channel: string, page: PageRequest): Promise<Page<SessionRow>>;
}

/** Reads a status of a query. @throws INVALID. */
export function deliveryStatusOf(query: URLSearchParams): DeliveryStatus {
  const given = query.get("status") ?? "failed";
  const known = deliveryStatuses.find((one) => one === given);
  if (known !== undefined) return known;
  const all = deliveryStatuses.join(", ");
  throw new RuntimeError("INVALID", `status must be one of ${all}.`, { parameter: "status" });
}

/** The service over a system. */
export function createDeliveryService(
  { tables, ask }: Pick<System, "tables" | "ask">,
  nowMs: () => number,
): DeliveryService {
  const get: DeliveryService["get"] = async (tenant, channel, id) => {
    const row = ID.test(id) ? await tables.get(tenant, deliveriesTable, id) : undefined;
    const delivery = row?.value as DeliveryRow | undefined;
    // That of another channel is none of this one's.
    if (delivery?.channel === channel) return delivery;
    throw new RuntimeError("NOT_FOUND", `Delivery ${id.slice(0, 64)} does not exist.`);
  };
  return {
    get,
    list: async ({ tenant, channel, status }, { limit, after }) => {
      const prefix = deliveryStateId({ channel, status, id: "" });
      const from = after === undefined ? {} : { after: `${prefix}${after}` };
      const found = await tables.list(tenant, deliveryStatesTable, {
        ...{ prefix, limit: limit + 1, reverse: true },
        ...from,
      });
      const ids = found.slice(0, limit).map(({ id }) => id.slice(prefix.length));
      const rows = await Promise.all(ids.map((id) => tables.get(tenant, deliveriesTable, id)));
      const items = rows.flatMap((row) => (row === undefined ? [] : [row.value as DeliveryRow]));
      return { items, next: found.length > limit ? (ids.at(-1) ?? null) : null };
    },
    again: async (tenant, channel, id) => {
      const { lane, deliverByMs, createdAtMs } = await get(tenant, channel, id);
      const message = { type: "again", id, deliverByMs: nowMs() + (deliverByMs - createdAtMs) };
      await ask(laneAddress(tenant, lane), message);
      return await get(tenant, channel, id);
    },
    sessions: async (tenant, channel, { limit, after }) => {
      const prefix = `${channel}.`;
      const from = after === undefined ? {} : { after: `${prefix}${after}` };
      const page = { prefix, limit: limit + 1, ...from };
      const found = await tables.list(tenant, sessionsTable, page);
      const shown = found.slice(0, limit);
      const last = shown.at(-1)?.id.slice(prefix.length);
      return {
        items: shown.map(({ value }) => value as SessionRow),
        next: found.length > limit ? (last ?? null) : null,
      };
    },
  };
}
