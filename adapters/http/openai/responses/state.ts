// How a response stands, as its run says.

import type { ChatReply } from "../../../../actors/records/conversation.ts";
import type { Outcome } from "../../../../runtime/actor.ts";
import { type ErrorData, toldOfRun } from "../../../../runtime/errors.ts";
import type { RunRow } from "../../../../runtime/system.ts";

/** How a response stands. */
export type ResponseState =
  | { readonly status: "queued" | "in_progress" }
  | { readonly status: "completed"; readonly reply: ChatReply }
  /** `shown`: what had been written when it was cut. */
  | {
      readonly status: "failed" | "cancelled";
      readonly error: ErrorData;
      readonly shown?: string;
    };

/** How a run's row says that its response stands. */
export function stateOfRow({ id, status, outcome, reply }: RunRow): ResponseState {
  if (status === "held") return { status: "queued" };
  if (status === "running") return { status: "in_progress" };
  if (status === "completed") return { status: "completed", reply: reply as ChatReply };
  return stateOfOutcome(id, outcome as Outcome, null);
}

/** How a response stands whose run has ended so. */
export function stateOfOutcome(run: string, outcome: Outcome, reply: unknown): ResponseState {
  if (outcome.status === "completed") return { status: "completed", reply: reply as ChatReply };
  const { status, error, shown } = outcome;
  return {
    status: status === "cancelled" ? "cancelled" : "failed",
    error: toldOfRun(error, run),
    ...(shown !== undefined && { shown }),
  };
}
