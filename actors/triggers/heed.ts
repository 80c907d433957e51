// A trigger of type `event` begins to listen, and leaves what it listened to.

import type { Turn } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import type { TriggerInput } from "../records/trigger.ts";
import type { Listener } from "./listeners.ts";
import { type SourceMessage, sourceAddress } from "./source.ts";
import type { TriggerState } from "./state.ts";

/** As who a trigger listens; null where it does not. */
export function listenerOf(
  trigger: string,
  { type, on }: Pick<TriggerInput, "type" | "on">,
): { readonly of: string; readonly listener: Listener } | null {
  if (type !== "event" || on === undefined) return null;
  const { what, of, outcome } = on;
  return { of, listener: { trigger, what, ...(outcome !== undefined && { outcome }) } };
}

/** Listens to what its record says, from now on; undefined: to nothing. */
export function heed(
  state: TriggerState,
  record: TriggerInput | undefined,
  turn: Turn,
): TriggerState {
  const { tenant, root: trigger } = addressParts(turn.self);
  const tell = (of: string, message: SourceMessage) =>
    turn.send(sourceAddress(tenant, of), message);
  const before = state.heeds ?? null;
  const next = record === undefined ? null : listenerOf(trigger, record);
  const as = JSON.stringify(next?.listener ?? null);
  if (before?.of === next?.of && (before?.as ?? "null") === as) return state;
  if (before !== null && before.of !== next?.of) tell(before.of, { type: "leave", trigger });
  if (next === null) return { ...state, heeds: null };
  tell(next.of, { type: "listen", listener: next.listener });
  return { ...state, heeds: { of: next.of, as } };
}
