// Who is told of a task's end: configurations that clients make, a row each. The run's conversation is
// told of it, and starts the delivery in the transaction of the end; what is sent and how is
// adapters/webhooks. The token and the credentials of a client are write-only.

import type { TaskPushNotificationConfig } from "@a2a-js/sdk";
import {
  PushNotificationNotSupportedError,
  RequestMalformedError,
  TaskNotFoundError,
} from "@a2a-js/sdk/errors";
import type { NotifyMessage } from "../../actors/conversation-notify.ts";
import type { ChatReply } from "../../actors/records/conversation.ts";
import type { ErrorData } from "../../runtime/errors.ts";
import { newId } from "../../runtime/id.ts";
import type { RunRow, TableWrite } from "../../runtime/system.ts";
import { conversationAddress } from "../http/services/conversations.ts";
import type { Services } from "../http/services/services.ts";
import { type PushRow, pushAddress, pushTable } from "../webhooks/push.ts";
import { contextOf } from "./task.ts";

/** Configurations of one task. */
const CONFIGS_MAX = 10;
/** Rows of tasks so old are removed as new ones are made, ms. */
const KEPT_MS = 30 * 24 * 3_600_000;
const FORGOTTEN_AT_ONCE = 10;
const URL_CHARS_MAX = 2_000;
const SECRET_CHARS_MAX = 4_000;
const ID = /^[A-Za-z0-9_-]{1,128}$/;
const HIDDEN = "***";

type Parts = Pick<Services, "system" | "webhookSecrets" | "nowMs">;

/** A task, and the version of the protocol in which its client is told. */
export interface PushOf {
  readonly tenant: string;
  readonly row: RunRow;
  readonly version: PushRow["version"];
}

/** Makes or replaces a configuration. @throws RequestMalformedError, PushNotificationNotSupportedError. */
export async function createPush(
  { system, webhookSecrets, nowMs }: Parts,
  { tenant, row, version }: PushOf,
  config: TaskPushNotificationConfig,
): Promise<TaskPushNotificationConfig> {
  const id = config.id === "" ? newId("pn", nowMs()) : config.id;
  const value = checked(config, id, { version, createdAtMs: nowMs() });
  const { tables } = system;
  const known = await listPush(system, tenant, row.id);
  if (known.length >= CONFIGS_MAX && !known.some((one) => one.id === id)) {
    const most = `A task has at most ${CONFIGS_MAX} configurations of push notifications.`;
    throw new PushNotificationNotSupportedError(most);
  }
  // Signed with a secret that its owner can look at before the run has ended.
  await webhookSecrets.get(tenant);
  const oldest = await tables.list(tenant, pushTable, { limit: FORGOTTEN_AT_ONCE });
  const over = oldest.filter(
    (one) => (one.value as PushRow).createdAtMs < nowMs() - KEPT_MS && !one.id.startsWith(row.id),
  );
  const rowId = `${row.id}.${id}`;
  const writes: TableWrite[] = [
    { type: "put", table: pushTable, id: rowId, value },
    ...over.map((one) => ({ type: "remove", table: pushTable, id: one.id }) as const),
  ];
  await tables.write(tenant, writes);
  await notify(system, tenant, { run: row.id, to: pushAddress(rowId), event: null });
  return shown(row.id, id, value);
}

/** All of a task. */
export async function listPush(
  { tables }: Parts["system"],
  tenant: string,
  run: string,
): Promise<readonly TaskPushNotificationConfig[]> {
  const prefix = `${run}.`;
  const rows = await tables.list(tenant, pushTable, { prefix, limit: CONFIGS_MAX });
  return rows.map((row) => shown(run, row.id.slice(prefix.length), row.value as PushRow));
}

/** One of a task. @throws TaskNotFoundError. */
export async function getPush(
  { tables }: Parts["system"],
  tenant: string,
  { run, id }: { readonly run: string; readonly id: string },
): Promise<TaskPushNotificationConfig> {
  const row = ID.test(id) ? await tables.get(tenant, pushTable, `${run}.${id}`) : undefined;
  if (row !== undefined) return shown(run, id, row.value as PushRow);
  throw new TaskNotFoundError(`Task ${run} has no push notification configuration ${id}.`);
}

/** Removes one; nobody is told by it any more. There may be none. */
export async function removePush(
  { tables }: Parts["system"],
  tenant: string,
  { run, id }: { readonly run: string; readonly id: string },
): Promise<void> {
  if (!ID.test(id)) return;
  await tables.write(tenant, [{ type: "remove", table: pushTable, id: `${run}.${id}` }]);
}

/** Has the conversation tell of the run's end; of one that has ended already, at once. */
async function notify(
  system: Parts["system"],
  tenant: string,
  { run, to, event }: Omit<NotifyMessage, "type">,
): Promise<void> {
  const row = await system.run(tenant, run);
  const conversation = row === undefined ? null : contextOf(row);
  if (row === undefined || conversation === null) return;
  const at = conversationAddress(tenant, conversation);
  const message: NotifyMessage = { type: "notify", run, to, event };
  const { added } = (await system.ask(at, message)) as { readonly added: boolean };
  if (added || event !== null) return;
  const ended = await system.run(tenant, run);
  if (ended?.endedAt != null) {
    await notify(system, tenant, { run, to, event: endOf(ended, conversation) });
  }
}

function endOf(row: RunRow, conversation: string): NotifyMessage["event"] {
  const { id, kind, status, endedAt, reply, outcome, input } = row;
  if (status === "held" || status === "running") return null;
  const target = (input as { readonly agent?: string } | null)?.agent ?? "";
  const error = (outcome as { readonly error?: ErrorData } | null)?.error ?? null;
  const of = { run: id, kind, status, target, conversation, error };
  return { ...of, endedAtMs: endedAt ?? 0, reply: reply as ChatReply | null };
}

function checked(
  { url, token, authentication }: TaskPushNotificationConfig,
  id: string,
  more: Pick<PushRow, "version" | "createdAtMs">,
): PushRow {
  if (!ID.test(id)) {
    throw new RequestMalformedError(
      "The id of a configuration has 1 to 128 letters, digits, - or _.",
    );
  }
  const parsed = url.length <= URL_CHARS_MAX && URL.canParse(url) ? new URL(url) : null;
  const isWeb = parsed !== null && ["http:", "https:"].includes(parsed.protocol);
  if (!isWeb || parsed.username !== "" || parsed.password !== "") {
    throw new RequestMalformedError("url is http or https, without a user or password.");
  }
  const { scheme = "", credentials = "" } = authentication ?? {};
  for (const secret of [token, scheme, credentials]) {
    // What would end a header early is no secret.
    if (secret.length <= SECRET_CHARS_MAX && /^[\x20-\x7e]*$/.test(secret)) continue;
    const most = `token, scheme and credentials have at most ${SECRET_CHARS_MAX} printable characters.`;
    throw new RequestMalformedError(most);
  }
  const auth = scheme === "" ? null : { scheme, credentials };
  return { url: parsed.href, token, authentication: auth, ...more };
}

function shown(run: string, id: string, row: PushRow): TaskPushNotificationConfig {
  const { url, token, authentication } = row;
  const hidden = (secret: string): string => (secret === "" ? "" : HIDDEN);
  return {
    ...{ tenant: "", id, taskId: run, url, token: hidden(token) },
    authentication:
      authentication === null
        ? undefined
        : { scheme: authentication.scheme, credentials: hidden(authentication.credentials) },
  };
}
