// Waits until somebody has connected the account that a call needs: a visible state of the run, with the link
// to go on, bounded in time, over restarts. Its time stands still meanwhile.

import type { RunContext } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { rootRunOf } from "../../runtime/frame.ts";
import { newId } from "../../runtime/id.ts";
import type { Ports } from "../ports.ts";
import type { ChatEvent } from "../records/conversation.ts";
import { tokenLimits } from "../records/token.ts";
import { authKey, linkPath } from "./keys.ts";
import {
  type Awaited,
  type TokenWait,
  type TokenWaitMessage,
  tokenWaitAddress,
} from "./token-wait.ts";
import type { FoundToken } from "./use.ts";

/** Longer than its actor waits: the run itself ends the wait only when there is none to do it. */
const GRACE_MS = 60_000;

/** Waits. @returns what became of it. @throws what ends the run. */
export async function awaitAccount(
  context: RunContext<Ports>,
  { integration, user, reason, withCode = false }: FoundToken & { readonly status: "connect" },
  { key, show }: { readonly key: string; readonly show: boolean },
): Promise<Awaited> {
  const { tenant } = context;
  const nowMs = await context.now(`auth-at:${key}`);
  const id = await context.step(`auth-link:${key}`, () => newId("cn", nowMs), {
    ...{ repeat: "safe", local: true },
  });
  const untilMs = nowMs + tokenLimits.waitMs;
  const code = withCode ? await codeOf(context, key) : null;
  const coded = code === null ? {} : { code };
  const to = tokenWaitAddress(tenant, addressParts(context.self).root);
  const of = { run: context.id, rootRun: rootRunOf(context.id) };
  const wait: TokenWait = { id, ...of, integration, user, untilMs, ...coded };
  const over: TokenWaitMessage = { type: "over", id };
  context.sendAtEnd(`auth-over:${key}`, to, over, { unless: authKey(id) });
  await context.send(`auth-request:${key}`, to, {
    type: "request",
    wait,
  } satisfies TokenWaitMessage);
  const emit = (name: string, event: ChatEvent): void => {
    if (show) context.emit(`auth-${name}:${key}`, event);
  };
  const expires_at = new Date(untilMs).toISOString();
  const url = linkPath(tenant, id);
  emit("required", {
    type: "auth_required",
    id,
    run_id: context.id,
    integration,
    reason,
    url,
    ...coded,
    expires_at,
  });
  const outcome = await decidedOn(context, id);
  emit("settled", { type: "auth_settled", id, integration, outcome });
  return outcome;
}

function codeOf(context: RunContext<Ports>, key: string): Promise<string> {
  const made = async () => (await import("./connect-code.ts")).newConnectCode();
  return context.step(`auth-code:${key}`, made, { repeat: "safe", local: true });
}

async function decidedOn(context: RunContext<Ports>, id: string): Promise<Awaited> {
  try {
    const timeoutMs = tokenLimits.waitMs + GRACE_MS;
    return (await context.decision(authKey(id), { timeoutMs, pausing: true })) as Awaited;
  } catch (error) {
    const isLate = error instanceof RuntimeError && error.code === "DEADLINE";
    if (context.signal.aborted || !isLate) throw error;
    return "expired";
  }
}
