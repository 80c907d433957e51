// The outbox of channels as operators see it: what is on its way, what has not arrived and why, and once more;
// and the sessions of a channel. Rows are written by lanes and sessions alone.

import { createHash } from "node:crypto";
import {
  type DeliveryRow,
  type DeliveryStatus,
  deliveriesTable,
  deliveryStateId,
  deliveryStatesTable,
  deliveryStatuses,
} from "../../../actors/channels/delivery-row.ts";
import { outgoingFilesTable } from "../../../actors/channels/outgoing.ts";
import { laneAddress, sessionAddress } from "../../../actors/channels/session-key.ts";
import { type SessionRow, sessionsTable } from "../../../actors/channels/session-state.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { newId } from "../../../runtime/id.ts";
import type { System, TableWrite } from "../../../runtime/system.ts";
import { KEY_HOURS, type OnceKey } from "./once.ts";
import type { Page, PageRequest } from "./paging.ts";

const SESSION = /^cs_[0-9a-z]{26}$/;
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
  /** Has something said in a session. @throws NOT_FOUND, INVALID for files that are none. */
  say(
    of: SessionPlace,
    said: SaidInput,
    once: OnceKey | null,
  ): Promise<{ readonly delivery: string }>;
}

/** A session of a channel. */
export interface SessionPlace {
  readonly tenant: string;
  readonly channel: string;
  readonly session: string;
}

/** Limits of what is said by the API. */
export const sayLimits = { textChars: 20_000, files: 5, bytes: 4 * 1_024 * 1_024 } as const;

/** What is to be said; `data` is base64. */
export interface SaidInput {
  readonly text: string;
  readonly files?: readonly {
    readonly name: string;
    readonly media_type: string;
    readonly data: string;
  }[];
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
    say: async ({ tenant, channel, session }, { text, files = [] }, once) => {
      const place = `${channel}.${session}`;
      const isThere = SESSION.test(session) && (await tables.get(tenant, sessionsTable, place));
      if (!isThere) throw noSession(session);
      const decoded = files.map(({ data }, at) => bytesOf(data, at));
      const bytes = decoded.reduce((sum, one) => sum + one.byteLength, 0);
      if (bytes > sayLimits.bytes) {
        const message = `The files have ${bytes} bytes, the limit is ${sayLimits.bytes}.`;
        throw new RuntimeError("INVALID", message, { pointer: "/files", limit: sayLimits.bytes });
      }
      // Asked again under its key, they are the same files.
      const kept = files.map(({ name, media_type: mediaType }, at) => ({
        id: once === null ? newId("cf", nowMs()) : `cf_${hashOf(`${once.key}\n${place}\n${at}`)}`,
        ...{ name, mediaType, bytes: decoded[at]?.byteLength ?? 0 },
      }));
      const puts = kept.map(({ id }, at): TableWrite => {
        const value = { bytes: decoded[at] };
        return { type: "put", table: outgoingFilesTable, id, value };
      });
      if (puts.length > 0) await tables.write(tenant, puts);
      const outgoing = { text, ...(kept.length > 0 && { files: kept }) };
      const key = once && {
        key: { source: `http\n${place}`, key: once.key, bodyHash: once.bodyHash, hours: KEY_HOURS },
      };
      const message = { type: "say", outgoing };
      const told = await ask(sessionAddress(tenant, session), message, key ?? {});
      return told as { readonly delivery: string };
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

function noSession(session: string): RuntimeError {
  return new RuntimeError("NOT_FOUND", `Session ${session.slice(0, 64)} does not exist.`);
}

/** @throws INVALID for what is no base64. */
function bytesOf(data: string, at: number): Uint8Array {
  const bytes = Buffer.from(data, "base64");
  if (
    bytes.byteLength > 0 &&
    bytes.toString("base64").replace(/=+$/, "") === data.replace(/=+$/, "")
  ) {
    return new Uint8Array(bytes);
  }
  throw new RuntimeError("INVALID", "data must be the file in base64.", {
    pointer: `/files/${at}/data`,
  });
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 26);
}
