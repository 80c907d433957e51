// What workers and main say to each other about calls of models that are the same: plain data over the
// engine's line. A worker numbers its calls; main says which of them leads, and which follow it.

import type { LlmEvent, LlmResult, Usage } from "../../actors/ports.ts";
import type { ErrorData } from "../../runtime/errors.ts";

/** From a worker. */
export type HubAsk =
  | {
      readonly type: "ask";
      readonly id: number;
      readonly tenant: string;
      /** Digest of all that an answer depends on. */
      readonly key: string;
      readonly stream: boolean;
      /** Whether its answer may come from the cache, and go there. */
      readonly isCached: boolean;
    }
  /** Of a leader that is followed. */
  | { readonly type: "events"; readonly id: number; readonly events: readonly LlmEvent[] }
  | {
      readonly type: "done";
      readonly id: number;
      readonly result: LlmResult;
      /** What its own caller, who has left, did not count of it. */
      readonly unpaid?: Usage;
    }
  /** `isOwn`: because of its own caller, which says nothing to those who follow. */
  | {
      readonly type: "failed";
      readonly id: number;
      readonly error: ErrorData;
      readonly isOwn: boolean;
    }
  | { readonly type: "leave"; readonly id: number };

/** From main. */
export type HubTell =
  /** From the cache. */
  | { readonly type: "answer"; readonly id: number; readonly result: LlmResult }
  /** Make the call, and say what comes of it. */
  | { readonly type: "lead"; readonly id: number }
  /** Make the call; nobody wants to know. */
  | { readonly type: "alone"; readonly id: number }
  | { readonly type: "follow"; readonly id: number }
  /** To a leader: somebody follows; say what has come and what comes. */
  | { readonly type: "show"; readonly id: number }
  /** To a leader whose caller has left: nobody follows any more. */
  | { readonly type: "unwanted"; readonly id: number }
  /** To those who follow. `lost`: the leader is gone. */
  | { readonly type: "events"; readonly id: number; readonly events: readonly LlmEvent[] }
  | { readonly type: "done"; readonly id: number; readonly result: LlmResult }
  | { readonly type: "failed"; readonly id: number; readonly error: ErrorData }
  | { readonly type: "lost"; readonly id: number };

/** Which calls are shared, and which answers are kept. */
export interface SharingSettings {
  /** Identical calls of a tenant that are under way at the same time are made once. */
  readonly coalesce: "off" | "on";
  /** How long an answer is given again, ms; 0: not at all. */
  readonly cacheMs: number;
  readonly cacheMib: number;
  /** Calls whose answers are kept: those at temperature 0, or all. */
  readonly cacheTemperature: "zero" | "any";
}

/** A call that nobody paid for. */
export const unpaidUsage: Usage = { promptTokens: 0, completionTokens: 0 };
