// Everything that crosses a thread, as closed unions of plain data. Items travel in arrays: what one
// scheduler pass sends to a peer is one postMessage (wire.ts).

import type { Data } from "./actor.ts";
import { type Address, tenantOfAddress } from "./address.ts";
import type { ErrorData } from "./errors.ts";
import type { Frame } from "./frame.ts";
import type { Level } from "./store/store.ts";

/** What the asker at the door wants back. */
export type Want =
  /** The reply of the turn. */
  | "reply"
  /** An `accepted` frame, then the run's frames to its end. */
  | "frames"
  /** An `accepted` frame, then only the end frame. */
  | "end"
  /** Only to know that the message is on disk. */
  | "stored"
  /** Nothing; in memory, at most once. */
  | "nothing";

/** Recognises a message from outside when it comes again. */
export interface MessageKey {
  /** Where it comes from: "http", "slack:T1" ... */
  readonly source: string;
  readonly key: string;
  /** Fingerprint of the body: another one under the same key is KEY_REUSED. */
  readonly bodyHash: string;
  /** Remembered this long, in hours. HTTP: 24. */
  readonly hours: number;
  /** What it is refused with unless it is remembered: nothing new is begun by it. */
  readonly otherwise?: ErrorData;
}

/** From the door to the worker that owns a shard. `id` is the door's; answers carry it. */
export type DoorItem =
  | {
      readonly type: "request";
      readonly id: number;
      readonly to: Address;
      readonly message: Data;
      /** Absolute, ms since the epoch. */
      readonly deadlineMs: number;
      readonly want: Want;
      readonly level: Level;
      readonly key?: MessageKey;
      readonly trace?: string;
      /** Threads that died while they handled it: they count as failures. */
      readonly deaths?: number;
    }
  | {
      readonly type: "follow";
      readonly id: number;
      readonly tenant: string;
      readonly root: string;
      readonly run: string;
      readonly after?: string;
      readonly endOnly: boolean;
    }
  /** Ends a subscription or forgets a request; the run goes on. */
  | { readonly type: "drop"; readonly id: number }
  /** Durable control message to a run. Answered by `reply` (taken) or `error`. */
  | {
      readonly type: "control";
      readonly id: number;
      readonly tenant: string;
      readonly root: string;
      readonly run: string;
      readonly control: RunControl;
    }
  /** What an operator does to one actor or its letters. Answered by `reply` or `error`. */
  | {
      readonly type: "operate";
      readonly id: number;
      readonly to: Address;
      readonly operation: Operation;
    };

/** Whose an item is; "" for what belongs to nobody. */
export function tenantOf(item: DoorItem): string {
  if (item.type === "follow" || item.type === "control") return item.tenant;
  return item.type === "drop" ? "" : tenantOfAddress(item.to);
}

/** An operator's act, done by the worker that owns the actor. */
export type Operation =
  /** Puts a dead letter back into the actor's inbox. */
  | { readonly type: "replay"; readonly letter: string }
  /** Removes a dead letter. */
  | { readonly type: "discard"; readonly letter: string }
  /** Lets a quarantined actor go on. */
  | { readonly type: "release" };

/** What may be told to a run through its system lane. */
export type RunControl =
  | { readonly type: "cancel"; readonly reason: string }
  | { readonly type: "steer"; readonly value: Data }
  | { readonly type: "decide"; readonly key: string; readonly value: Data };

/** The run that waits for a reply, and every address that waits in the chain above it. */
export interface Asker {
  readonly run: Address;
  readonly key: string;
  readonly chain: readonly Address[];
}

/** One time that a message was set aside. `at` in ms since the epoch. */
export interface SetAside {
  readonly at: number;
  /** Failures of that time. */
  readonly failures: number;
  readonly error: ErrorData;
}

/** What is known of a message that was a dead letter before it was replayed. */
export interface LetterPast {
  readonly replays: number;
  /** Failures of all its lives. */
  readonly failures: number;
  /** The latest times it was set aside, oldest first. */
  readonly history: readonly SetAside[];
}

/** A stored message as it lies in the inbox. */
export interface InboxRow {
  readonly message: Data;
  readonly from: Address | null;
  readonly deadlineMs: number;
  readonly ask?: Asker;
  readonly system?: boolean;
  readonly trace?: string;
  readonly past?: LetterPast;
}

/** From a worker to the door. */
export type WorkerItem =
  | Elsewhere
  | { readonly type: "reply"; readonly id: number; readonly value: Data }
  | { readonly type: "error"; readonly id: number; readonly error: ErrorData }
  /** Its shard is moving: a request was not handled, a subscription has had its last frame here. */
  | { readonly type: "moved"; readonly id: number }
  /** The last frame of a subscription is `end` or `refused`; nothing follows. */
  | { readonly type: "frames"; readonly id: number; readonly frames: readonly Frame[] };

/** A keyed message had been seen already: the answer, and the run to follow at its own shard. */
export interface Elsewhere {
  readonly type: "elsewhere";
  readonly id: number;
  readonly reply: Data;
  readonly run: string | null;
}

/** From worker to worker. A durable message is a row already; this is its wake-up and carries a copy. */
export type PeerItem =
  | {
      readonly type: "stored";
      readonly to: Address;
      readonly from: Address;
      readonly sequence: string;
      readonly message: Data;
      readonly deadlineMs: number;
      readonly ask?: Asker;
      readonly trace?: string;
      readonly system?: boolean;
    }
  | {
      readonly type: "tell";
      readonly to: Address;
      readonly from: Address | null;
      readonly message: Data;
      /** Messages that the same turn told the same receiver after it. */
      readonly more?: readonly Data[];
    };
