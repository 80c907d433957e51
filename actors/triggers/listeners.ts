// Who listens to what happens to a record: a row for each record that somebody listens to, which is read in the turn
// of what happens. It is told there, so that nothing that is kept goes unheard and nothing that was undone is heard.

import type { ReadRequest, Turn } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { type TriggerInput, triggerLimits } from "../records/trigger.ts";
import { triggerAddress } from "./state.ts";

/** Rows by the id of what is listened to. Written by the actor of that (source.ts) alone. */
export const listenersTable = "trigger-listeners";

/** What is listened to. */
export type Heeded = NonNullable<TriggerInput["on"]>;

/** One of them. */
export interface Listener extends Pick<Heeded, "what" | "outcome"> {
  readonly trigger: string;
}

/** A row. */
export interface ListenersRow {
  readonly listeners: readonly Listener[];
}

/** What has happened to a record. */
export interface Occasion {
  readonly what: Heeded["what"];
  readonly of: string;
  readonly outcome: NonNullable<Heeded["outcome"]>[number] | null;
  /** Names it: told again it is the same. */
  readonly key: string;
  readonly atMs: number;
  readonly data: unknown;
  /** How many triggers one after the other have brought it about. */
  readonly depth: number;
}

/** A trigger is told so. */
export interface Heard extends Occasion {
  readonly type: "heard";
}

/** To be loaded, as `listeners`, in each turn in which something may be told of a record. */
export function listenersRead(of: string): ReadRequest {
  return { type: "row", table: listenersTable, id: of };
}

/** Tells those who listen. */
export function tellListeners(turn: Turn, make: () => Occasion): void {
  const row = turn.loaded["listeners"] as ListenersRow | undefined;
  if (row === undefined) return;
  const occasion = make();
  const { tenant } = addressParts(turn.self);
  for (const listener of row.listeners) {
    if (!isFor(listener, occasion)) continue;
    const heard: Heard = { type: "heard", ...occasion };
    turn.send(triggerAddress(tenant, listener.trigger), heard);
  }
}

/** As much of a text as is told, in whole characters. */
export function toldText(text: string): string {
  return text.slice(0, triggerLimits.eventChars).replace(/\p{Surrogate}$/u, "");
}

/** Whether something is what is listened to. */
export function isFor(
  { what, outcome: wanted }: Pick<Heeded, "what" | "outcome">,
  { what: happened, outcome }: Pick<Occasion, "what" | "outcome">,
): boolean {
  if (what !== happened) return false;
  return wanted === undefined || outcome === null || wanted.includes(outcome);
}
