// Starts the delivery of what alerts tell. One actor a tenant: the notice's row goes in the transaction that
// starts its run, so that it is started once however often it is asked to. What was not taken in the end is
// told in the audit.

import { defineActor, type RunEnded } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import { limits } from "../limits.ts";
import { alertTables, type NoticeRow } from "../records/alert.ts";
import { audit } from "../records/audit.ts";
import { type WebhookInput, webhookKind } from "../webhook.ts";

const KIND = "alerts";

/** Deliver what stands in the row. */
export interface DeliverNotice {
  readonly type: "deliver";
  readonly notice: string;
}

/** Alerts by the runs that deliver their notices. */
type State = Readonly<Record<string, string>>;

/** Address of a tenant's. */
export function alertsAddress(tenant: string): Address {
  return address({ kind: KIND, tenant, root: "alerts" });
}

/** Kind `alerts`. */
export const alertsActor = defineActor<State, DeliverNotice | RunEnded>({
  kind: KIND,
  version: 1,
  initial: () => ({}),
  reads: (message) =>
    message.type === "deliver"
      ? { row: { type: "row", table: alertTables.notices, id: message.notice } }
      : {},
  receive(state, message, turn) {
    if (message.type === "deliver") {
      const row = turn.loaded["row"] as NoticeRow | undefined;
      if (row === undefined) return state;
      turn.putRow(alertTables.notices, message.notice, undefined);
      const input: WebhookInput = { url: row.url, event: { notice: row.notice } };
      const run = turn.startRun({ kind: webhookKind, input, timeoutMs: limits.webhookRunMs });
      return { ...state, [run]: row.alert };
    }
    const { [message.run]: alert = "", ...rest } = state;
    if (message.outcome.status !== "completed") {
      const { code, message: text } = message.outcome.error;
      audit(turn, {
        ...{ action: "alert.undelivered", by: "server", subject: alert, run_id: message.run },
        ...{ outcome: "failed", details: { code, message: text.slice(0, 200) } },
      });
    }
    return rest;
  },
});
