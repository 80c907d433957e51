// What runs, purses and the tenant's treasury say to each other about budgets.

import { type Address, address, addressParts } from "../../runtime/address.ts";
import type { AuditSource } from "../records/audit.ts";
import type { Budget, BudgetPatch } from "../records/budget.ts";
import type { CountedLimit } from "../records/constraints.ts";
import type { Known } from "./ahead.ts";
import type { BudgetLine } from "./lines.ts";
import type { Booking, CallUse } from "./provider-call.ts";

/** A call that is to be paid for. Its parts are told apart so that the answer can be made shorter. */
export interface ReserveMessage {
  readonly type: "reserve";
  readonly run: string;
  /** Key of the call within its run, with the number of the try. */
  readonly call: string;
  readonly lines: readonly BudgetLine[];
  readonly promptMicros: number;
  /** Limits of agents' runs that it counts for, and the tokens of its prompt. */
  readonly limits?: readonly LimitLine[];
  readonly promptTokens?: number;
  /** Price of a million tokens of the answer. */
  readonly outputMicros: number;
  readonly tokens: number;
  /** With fewer the answer is of no use: `tokens` or less. */
  readonly tokensMin: number;
  /** Its place among those that wait; null before it has waited. */
  readonly place: string | null;
  /** What is flushed ahead; null: nothing is known, and the call waits for its own flush. */
  readonly known: Known | null;
  /** Of a call that is no model's: the purse writes it into the ledger when it is settled. */
  readonly booking?: Booking;
}

/** What becomes of it. */
export type Reserved =
  | {
      readonly type: "granted";
      readonly micros: number;
      readonly tokens: number;
      /** Why they are fewer than were asked for, where a limit of an agent's run is the cause. */
      readonly shortBy?: LimitState;
      /** Whether it may go out before it is flushed. */
      readonly isAhead: boolean;
      /** Marks that hold when this is flushed, by the line's `of`. */
      readonly marks: Known["marks"];
    }
  /** Others hold what is left; they give back what they do not use. */
  | { readonly type: "wait"; readonly line: BudgetLine; readonly place: string }
  | {
      readonly type: "exhausted";
      readonly line: BudgetLine;
      /** What is not settled of the limit, and what the call needs at least. */
      readonly leftMicros: number;
      readonly needMicros: number;
      readonly place: string;
    };

/** What becomes of one that counts for limits of agents' runs. */
export type LimitedReserved =
  | Reserved
  /** One has too little; or others of the run hold what is left. */
  | { readonly type: "limit"; readonly state: LimitState }
  | { readonly type: "wait-limit"; readonly of: string };

/** A limit of an agent's run: of money in millionths. */
export interface LimitLine {
  readonly limit: CountedLimit;
  readonly run: string;
  readonly most: number;
}

/** How it stands. */
export interface LimitState extends LimitLine {
  readonly used: number;
}

/** What a call came to. */
export interface Spent {
  readonly micros: number;
  readonly tokens: number;
}

/** Calls of tools that are about to be made. The reply is a `CountedCalls`. */
export interface CountCallsMessage {
  readonly type: "count-calls";
  readonly wanted: number;
  /** What they count for. */
  readonly accounts: readonly { readonly run: string; readonly most: number }[];
}

/** How many there is room for, and in whose account there is no more. */
export interface CountedCalls {
  readonly granted: number;
  readonly full: { readonly run: string; readonly most: number } | null;
}

/** What a purse is told about calls. */
export type PurseCallMessage =
  | ReserveMessage
  /** A call has ended. `micros`: what it cost. */
  | {
      readonly type: "settle";
      readonly run: string;
      readonly call: string;
      readonly micros: number;
      /** Absent: as many as were reserved. */
      readonly tokens?: number;
      /** It was not made, or nothing of it counts. */
      readonly isFree?: true;
    }
  | CountCallsMessage
  /** A run waits until a limit has more room. */
  | {
      readonly type: "await-limit";
      readonly of: string;
      readonly run: string;
      readonly key: string;
    }
  /** A run with limits has ended: its accounts go. */
  | { readonly type: "unlimit"; readonly run: string }
  /** A call with a booking has ended. `use` null: nobody knows what it came to. `isFree`: nothing is paid. */
  | {
      readonly type: "book";
      readonly run: string;
      readonly call: string;
      readonly use: CallUse | null;
      readonly isFree?: true;
    }
  /** The run has ended: what of it is open counts as it was reserved, or as its cut says. */
  | { readonly type: "close"; readonly run: string }
  /** A run that waits is to try again. */
  | { readonly type: "wake"; readonly run: string; readonly key: string };

/** Of a run that was cut, by call: millionths. A call that is not named counts as it was reserved. */
export type CutSpend = Readonly<Record<string, number>>;

/** A run that waits for a budget. */
export interface Waiting {
  readonly budget: string;
  readonly place: string;
  /** `queue`: for others to settle. `pause`: for the limit or the period to change. */
  readonly kind: "queue" | "pause";
  readonly purse: Address;
  readonly run: string;
  readonly key: string;
  readonly needMicros: number;
  /** End of the names of the budget's counters. */
  readonly of: string;
  /** Of a pause: the version of the budget that had too little. */
  readonly version: number;
}

/** What the treasury of a tenant is told. */
export type TreasuryMessage =
  | { readonly type: "create"; readonly budget: Budget; readonly by: AuditSource }
  /** `subject`: id of the row of its subject. @throws NOT_FOUND. */
  | {
      readonly type: "change";
      readonly id: string;
      readonly subject: string;
      readonly patch: BudgetPatch;
      readonly by: AuditSource;
    }
  | {
      readonly type: "remove";
      readonly id: string;
      readonly subject: string;
      readonly by: AuditSource;
    }
  /** `turnsAtMs`: when the period of the budget ends; null: never. */
  | { readonly type: "wait"; readonly waiting: Waiting; readonly turnsAtMs: number | null }
  | { readonly type: "over"; readonly waiting: Waiting }
  /** Something was given back. */
  | { readonly type: "freed"; readonly budget: string }
  /** The limit or the period has changed: all that wait try again. */
  | { readonly type: "changed"; readonly budget: string }
  | { readonly type: "tick" };

const PURSE = "purse";
const TREASURY = "treasury";

/** Address of the purse of a run. */
export function purseAddress(run: Address): Address {
  const { tenant, root } = addressParts(run);
  return address({ kind: PURSE, tenant, root });
}

/** Address of the treasury of a tenant. */
export function treasuryAddress(tenant: string): Address {
  return address({ kind: TREASURY, tenant, root: "budgets" });
}
