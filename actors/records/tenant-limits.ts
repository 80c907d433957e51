// What a tenant may have, as it lies in a table of its own where turns read it, and the counters that hold
// it to that. A counter goes down from 0 with what there is, and its floor is the limit: the storage
// thread judges it for all workers, so that no number at once gets past it.

import type { Turn } from "../../runtime/actor.ts";
import type { ErrorData } from "../../runtime/errors.ts";
import { TENANT_WEIGHT_MAX } from "../../runtime/shared/tenant-weights.ts";
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
    storage_bytes: limit("Bytes of what it has stored, its index files with it."),
    weight: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1, maximum: TENANT_WEIGHT_MAX }), Type.Null()], {
        description:
          "Shares of the tenant where several have more to do than is done at once: one of weight 3 is served three times as often as one of weight 1. Absent or null: 1.",
      }),
    ),
  },
  { additionalProperties: false },
);

/** What a tenant may have. */
export type TenantLimits = Static<typeof tenantLimits>;

const change = (description: string) =>
  Type.Optional(
    Type.Union(
      [
        Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
        Type.Null(),
        Type.Literal("default"),
      ],
      { description },
    ),
  );

/** What a client sends to change them: `default` takes the tenant's own value away, null says none. */
export const limitsPatch = Type.Object(
  {
    agents: change("Agents."),
    conversations: change("Conversations that are kept."),
    concurrent_runs: change("Answers under way at once."),
    requests_per_second: change("Requests a second with all of its keys together."),
    storage_bytes: change("Bytes of what it has stored."),
    weight: Type.Optional(
      Type.Union(
        [
          Type.Integer({ minimum: 1, maximum: TENANT_WEIGHT_MAX }),
          Type.Null(),
          Type.Literal("default"),
        ],
        { description: "Shares of the tenant. Null and default: 1." },
      ),
    ),
  },
  { additionalProperties: false },
);

/** The limits after a change. */
export function changedLimits(
  before: TenantLimits,
  patch: Static<typeof limitsPatch>,
): TenantLimits {
  const all = Object.entries({ ...before, ...patch });
  return Object.fromEntries(all.filter(([, value]) => value !== "default"));
}

/** What is counted one by one. */
export type Counted = Exclude<
  keyof TenantLimits,
  "requests_per_second" | "storage_bytes" | "weight"
>;

/** The one row of the tenant's own table. */
export const limitsPlace = { table: "tenant-limits", id: "limits" } as const;

/** The row as a turn reads it before its handler is called. */
export const limitsRead = { type: "row", ...limitsPlace } as const;

/** Shares of a tenant with such limits. */
export function weightIn({ weight }: TenantLimits): number {
  return weight ?? 1;
}

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

/** What is told where a request brings more than there is room for. */
export function storageError(of: {
  readonly value: number;
  readonly used: number;
  readonly wanted: number;
}): ErrorData {
  const { value, used, wanted } = of;
  const message = `This tenant may store ${value} bytes at most, its limit storage_bytes: it has ${used}, and this brings ${wanted}.`;
  return {
    code: "TENANT_LIMIT",
    message,
    details: { limit: "storage_bytes", value, used, wanted },
  };
}

/**
 * Takes room for one more in a turn, which is refused when there is none.
 * @param limits `limitsRead`. @param defaults of tenants that have none of their own.
 */
export function takeRoom(
  turn: Pick<Turn, "add">,
  what: Counted,
  limits: unknown,
  defaults?: TenantLimits,
): void {
  const value = limitOf(limits, what, defaults);
  const floor = value === null ? undefined : { min: -value, otherwise: limitError(what, value) };
  turn.add(roomCounter(what), -1, floor);
}

/**
 * The same of what there is only for a while, which is counted only where there is a limit: without one
 * it costs nothing. @returns whether it was counted, to be remembered until its room is given back.
 */
export function takePlace(
  turn: Pick<Turn, "add">,
  what: Counted,
  limits: unknown,
  defaults?: TenantLimits,
): boolean {
  if (limitOf(limits, what, defaults) === null) return false;
  takeRoom(turn, what, limits, defaults);
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

function limitOf(limits: unknown, what: Counted, defaults?: TenantLimits): number | null {
  const own = (limits as TenantLimits | undefined)?.[what];
  return (own === undefined ? defaults?.[what] : own) ?? null;
}
