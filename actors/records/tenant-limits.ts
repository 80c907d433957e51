// What a tenant may have, as it lies in a table of its own where turns read it, and the counters that hold
// it to that. A counter goes down from 0 with what there is, and its floor is the limit: the storage
// thread judges it for all workers, so that no number at once gets past it.

import type { Turn } from "../../runtime/actor.ts";
import type { ErrorData } from "../../runtime/errors.ts";
import type { TableWrite } from "../../runtime/system.ts";
import { type Static, Type } from "../schema.ts";

const limit = (description: string) =>
  Type.Optional(
    Type.Union([Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }), Type.Null()], {
      description,
    }),
  );

/** Limits of a tenant; absent or null: none. */
export const tenantLimits = Type.Object(
  {
    agents: limit("Agents."),
    conversations: limit("Conversations that are kept."),
    concurrent_runs: limit("Answers under way at once: of conversations, and stateless ones."),
    requests_per_second: limit("Requests a second with all of its keys together."),
  },
  { additionalProperties: false },
);

/** What a tenant may have. */
export type TenantLimits = Static<typeof tenantLimits>;

/** What is counted. */
export type Counted = Exclude<keyof TenantLimits, "requests_per_second">;

/** The one row of the tenant's own table. */
export const limitsPlace = { table: "tenant-limits", id: "limits" } as const;

/** The row as a turn reads it before its handler is called. */
export const limitsRead = { type: "row", ...limitsPlace } as const;

/** Counter of what there is, downwards. */
export function roomCounter(what: Counted): string {
  return `room-${what}`;
}

const words: Readonly<Record<Counted, string>> = {
  agents: "agents",
  conversations: "conversations",
  concurrent_runs: "answers under way",
};

/** What is told at a limit. */
export function limitError(what: Counted, value: number): ErrorData {
  const message = `This tenant may have ${value} ${words[what]} at most, its limit ${what}.`;
  const code = what === "concurrent_runs" ? "TENANT_BUSY" : "TENANT_LIMIT";
  return { code, message, details: { limit: what, value } };
}

/** Takes room for one more in a turn, which is refused when there is none. @param limits `limitsRead`. */
export function takeRoom(turn: Pick<Turn, "add">, what: Counted, limits: unknown): void {
  const value = limitOf(limits, what);
  const floor = value === null ? undefined : { min: -value, otherwise: limitError(what, value) };
  turn.add(roomCounter(what), -1, floor);
}

/**
 * The same of what there is only for a while, which is counted only where there is a limit: without one
 * it costs nothing. @returns whether it was counted, to be remembered until its room is given back.
 */
export function takePlace(turn: Pick<Turn, "add">, what: Counted, limits: unknown): boolean {
  if (limitOf(limits, what) === null) return false;
  takeRoom(turn, what, limits);
  return true;
}

/** Gives the room of one back. */
export function giveRoom(turn: Pick<Turn, "add">, what: Counted): void {
  turn.add(roomCounter(what), 1);
}

/** The same as a write of main. @param limits the stored row; undefined: none. */
export function roomWrite(what: Counted, delta: 1 | -1, limits?: unknown): TableWrite {
  const value = delta === 1 ? null : limitOf(limits, what);
  const add = { type: "add", counter: roomCounter(what), delta } as const;
  return value === null ? add : { ...add, min: -value };
}

function limitOf(limits: unknown, what: Counted): number | null {
  return (limits as TenantLimits | undefined)?.[what] ?? null;
}
