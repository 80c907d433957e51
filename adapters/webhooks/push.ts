// Push notifications of the A2A protocol, as they are stored and sent: a run's end as the task that it
// is for its client, with the token and the credentials that the client wants to know it by.

import type { ChatReply } from "../../actors/records/conversation.ts";
import type { WebhookEvent } from "../../actors/webhooks.ts";
import { toldOfRun } from "../../runtime/errors.ts";

/** Table of who is told, by run and id. */
export const pushTable = "a2a-push";
const PREFIX = "push:";

/** A row of it. */
export interface PushRow {
  readonly url: string;
  /** Sent as X-A2A-Notification-Token; "" sends none. */
  readonly token: string;
  readonly authentication: { readonly scheme: string; readonly credentials: string } | null;
  /** Of the protocol, in which the client is told. */
  readonly version: "1.0" | "0.3";
  readonly createdAtMs: number;
}

/** What a conversation keeps as the address that is told: the row has the true one, and its secrets. */
export function pushAddress(row: string): string {
  return `${PREFIX}${row}`;
}

/** The row that such an address names; null for one that is a URL. */
export function pushRowOf(address: string): string | null {
  return address.startsWith(PREFIX) ? address.slice(PREFIX.length) : null;
}

/** Headers beside those of every webhook. */
export function pushHeaders({ token, authentication, version }: PushRow): Record<string, string> {
  const auth =
    authentication === null ? null : `${authentication.scheme} ${authentication.credentials}`;
  return {
    "content-type": version === "1.0" ? "application/a2a+json" : "application/json",
    ...(token === "" ? {} : { "x-a2a-notification-token": token }),
    ...(auth === null ? {} : { authorization: auth.trim() }),
  };
}

/** A `StreamResponse` with the task; in 0.3 the bare task. */
export function pushBody(event: WebhookEvent, version: PushRow["version"]): object {
  const isNew = version === "1.0";
  const text = (value: string) => (isNew ? { text: value } : { kind: "text", text: value });
  const { run, conversation, status, endedAtMs, error } = event;
  const of = { id: run, contextId: conversation };
  const timestamp = new Date(endedAtMs).toISOString();
  const said = error === null ? null : toldOfRun(error, run).message;
  const message = said === null ? {} : { message: messageOf(event, [text(said)], isNew) };
  const word =
    status === "completed" ? "completed" : status === "cancelled" ? "canceled" : "failed";
  const state = isNew ? `TASK_STATE_${word.toUpperCase()}` : word;
  const reply = status === "completed" ? (event.reply as ChatReply | null) : null;
  const data = reply?.output === undefined ? [] : [dataOf(reply.output, isNew)];
  const artifacts =
    reply === null
      ? {}
      : {
          artifacts: [
            { artifactId: "answer", name: "answer", parts: [text(reply.response), ...data] },
          ],
        };
  const task = { ...of, status: { state, timestamp, ...message }, ...artifacts };
  return isNew ? { task } : { kind: "task", ...task };
}

function dataOf(value: unknown, isNew: boolean): object {
  return isNew ? { data: value } : { kind: "data", data: value };
}

function messageOf(
  { run, conversation }: WebhookEvent,
  parts: readonly object[],
  isNew: boolean,
): object {
  const of = { messageId: `${run}-error`, taskId: run, contextId: conversation, parts };
  return isNew ? { ...of, role: "ROLE_AGENT" } : { kind: "message", ...of, role: "agent" };
}
