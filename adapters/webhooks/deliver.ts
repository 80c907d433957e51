// Sends what a run's end has to tell to the address that its caller named, signed as Standard Webhooks
// says (https://www.standardwebhooks.com), through the egress guard.

import { Webhook } from "standardwebhooks";
import type { NoticeEvent, WebhookEvent, Webhooks } from "../../actors/webhooks.ts";
import { RuntimeError, toldOfRun } from "../../runtime/errors.ts";
import { decode } from "../../runtime/store/codec.ts";
import { keys } from "../../runtime/store/keys.ts";
import type { Reader } from "../../runtime/store/store.ts";
import type { Egress } from "../egress.ts";
import { resultView } from "../http/answers.ts";
import { type PushRow, pushBody, pushHeaders, pushRowOf, pushTable } from "./push.ts";
import { secretRow, type WebhookSecret, webhookSecretsTable } from "./secrets.ts";

/** Limits of one delivery; the body of the answer is not read. */
const LIMITS = { firstByteMs: 10_000, totalMs: 15_000, bytesMax: 64 * 1024 };
const RETRY_AFTER_MAX_S = 3_600;
const GONE = 410;

/** What deliveries are made of. */
export interface DeliverOptions {
  readonly egress: Egress;
  /** The hot environment, where the secrets are. */
  readonly tables: Reader;
  /** Opens the secrets of a row. Default: they are stored as they are. */
  open?(tenant: string, table: string, row: unknown): unknown;
  nowMs(): number;
}

const asStored: NonNullable<DeliverOptions["open"]> = (_tenant, _table, row) => row;

/** The port of runs that tell of an end. */
export function createWebhooks({
  egress,
  tables,
  open = asStored,
  nowMs,
}: DeliverOptions): Webhooks {
  return {
    deliver: async ({ tenant, url, event, signal }) => {
      const row = await tables.get(keys.table(tenant, webhookSecretsTable, secretRow));
      if (row === undefined) {
        throw new RuntimeError("WEBHOOK_FAILED", "The tenant has no secret to sign webhooks with.");
      }
      const pushed = "notice" in event ? null : pushRowOf(url);
      const kept =
        pushed === null ? undefined : await tables.get(keys.table(tenant, pushTable, pushed));
      // Its client has removed it: the same as a receiver that wants no more.
      if (pushed !== null && kept === undefined) return { status: GONE, retryAfterMs: 0 };
      const push = kept === undefined ? null : (open(tenant, pushTable, decode(kept)) as PushRow);
      const secret = open(tenant, webhookSecretsTable, decode(row)) as WebhookSecret;
      const { id, body } = messageOf(event, push);
      const now = new Date(Math.floor(nowMs() / 1_000) * 1_000);
      const response = await egress.request({
        tenant,
        url: push?.url ?? url,
        method: "POST",
        headers: {
          ...(push === null ? { "content-type": "application/json" } : pushHeaders(push)),
          "user-agent": "Troupe",
          "webhook-id": id,
          "webhook-timestamp": String(now.getTime() / 1_000),
          "webhook-signature": signaturesOf(secret, now, (one) =>
            new Webhook(one).sign(id, now, body),
          ),
        },
        body,
        signal,
        limits: LIMITS,
        redirects: "show",
      });
      response.discard();
      return { status: response.status, retryAfterMs: retryAfterOf(response.headers) };
    },
  };
}

/** What is sent, and its id, which is the same however often it is. */
function messageOf(
  event: WebhookEvent | NoticeEvent,
  push: PushRow | null,
): { readonly id: string; readonly body: string } {
  if ("notice" in event) {
    const { id, type, atMs, data } = event.notice;
    const told = { type, timestamp: new Date(atMs).toISOString(), data };
    return { id: `msg_${id}`, body: JSON.stringify(told) };
  }
  const body = push === null ? bodyOf(event) : pushBody(event, push.version);
  return { id: `msg_${event.run}`, body: JSON.stringify(body) };
}

function signaturesOf(
  { secret, previous }: WebhookSecret,
  now: Date,
  sign: (secret: string) => string,
): string {
  const isOver = previous === undefined || previous.untilMs < now.getTime();
  return isOver ? sign(secret) : `${sign(secret)} ${sign(previous.secret)}`;
}

/** `{type: "run.completed", timestamp, data: {id, status, ...}}`; `data` as GET /v2/runs/{id} shows it. */
function bodyOf(event: WebhookEvent): object {
  const { run, kind, status, target, conversation, endedAtMs, reply, error } = event;
  const ended_at = new Date(endedAtMs).toISOString();
  return {
    type: `run.${status}`,
    timestamp: ended_at,
    data: {
      id: run,
      kind,
      status,
      agent_key: target,
      conversation_key: conversation,
      ended_at,
      result: resultView(reply),
      error: error === null ? null : toldOfRun(error, run),
    },
  };
}

function retryAfterOf(headers: Readonly<Record<string, unknown>>): number {
  const seconds = Number(headers["retry-after"]);
  return seconds > 0 ? Math.min(seconds, RETRY_AFTER_MAX_S) * 1_000 : 0;
}
