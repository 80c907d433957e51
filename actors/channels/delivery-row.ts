// An answer on its way out: a row of the outbox, which says what became of it, for as long as it is kept.

import type { ChannelData } from "./inbound.ts";
import type { Outgoing, Receipt } from "./outgoing.ts";

/** Table of a tenant; ids are `dv_...`. */
export const deliveriesTable = "channel-deliveries";
/** The same by account and state: `<channel>.<status>.<dv>`. Value null. */
export const deliveryStatesTable = "channel-delivery-states";

/**
 * pending: waits for its turn. sending: a part may be out. sent: every part arrived. unknown: a part may have
 * arrived, the platform could not say, and it was not said again. needs_template: it waits until the
 * correspondent writes. expired: too old to be said. failed: it cannot be said, or was tried too often.
 */
export const deliveryStatuses = [
  "pending",
  "sending",
  "sent",
  "unknown",
  "needs_template",
  "expired",
  "failed",
] as const;

/** One of them. */
export type DeliveryStatus = (typeof deliveryStatuses)[number];

/** What is to be delivered. */
export interface Delivery {
  /** `dv_...`: parts are sent under keys made of it, so that a platform knows them again. */
  readonly id: string;
  readonly channel: string;
  /** Who is told what became of it; null: nobody. */
  readonly session: string | null;
  readonly address: ChannelData;
  /** Whose rate it counts for: the conversation at the platform. */
  readonly conversation?: string;
  readonly outgoing: Outgoing;
  /** What it is, for its session: an answer's run, an approval's id, or nothing more than words. */
  readonly about: DeliveryAbout;
  readonly createdAtMs: number;
  /** After it nothing is begun. */
  readonly deliverByMs: number;
  /** Key of a preview that may be shown already: it is looked for, and its place taken. */
  readonly preview?: string;
  /** The platform says afterwards that only a template may be sent: that is, and the rest waits. */
  readonly isTemplate?: true;
  /** Parts that have arrived before; they are not sent again. */
  readonly arrived?: number;
}

/** What a delivery is about. */
export type DeliveryAbout =
  | { readonly type: "answer"; readonly run: string }
  | { readonly type: "approval"; readonly approval: string }
  | { readonly type: "notice" };

/** As it is stored. */
export interface DeliveryRow extends Delivery {
  readonly lane: string;
  readonly status: DeliveryStatus;
  /** Attempts at a part that the platform refused for now. */
  readonly attempts: number;
  /** Why it has not arrived, in words for people. */
  readonly reason: string | null;
  readonly receipts: readonly Receipt[];
  /** The most that is known of it at the other side. */
  readonly seen: "sent" | "delivered" | "read" | "failed" | null;
  /** Times that an operator, or the correspondent's next message, had it sent again. */
  readonly replays: number;
  readonly endedAtMs: number | null;
}

/** What a run of a delivery gives. */
export interface DeliveryEnd {
  readonly status: Exclude<DeliveryStatus, "pending" | "sending">;
  readonly attempts: number;
  readonly reason: string | null;
  readonly receipts: readonly Receipt[];
}

/** Told to the session. */
export interface Delivered extends Pick<DeliveryEnd, "status" | "reason" | "receipts"> {
  readonly type: "delivered";
  readonly delivery: string;
  readonly about: DeliveryAbout;
}

/** Id of the row by state. */
export function deliveryStateId({
  channel,
  status,
  id,
}: Pick<DeliveryRow, "channel" | "status" | "id">): string {
  return `${channel}.${status}.${id}`;
}
