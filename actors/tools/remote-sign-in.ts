// An agent elsewhere that goes on when somebody has signed in there (A2A's auth-required): the run waits, visibly and
// over restarts, and looks again and again whether it has gone on. What it waits for is no secret of ours: the
// credentials go to the other side by a way that it names.

import type { RunContext } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { rootRunOf } from "../../runtime/frame.ts";
import { newId } from "../../runtime/id.ts";
import { authPauseKey } from "../credentials/keys.ts";
import {
  type TokenWait,
  type TokenWaitMessage,
  tokenWaitAddress,
} from "../credentials/token-wait.ts";
import type { UsedToken } from "../credentials/use.ts";
import type { Ports } from "../ports.ts";
import { tokenLimits } from "../records/token.ts";
import { demandToken } from "./authorized.ts";
import {
  endOfTask,
  giveUpAfter,
  lookAtTask,
  type RemoteAsk,
  type RemoteBegun,
} from "./remote-task.ts";
import { objectOf, type RemoteTask } from "./remote-wire.ts";
import type { Tool } from "./tool.ts";

/** Times one task may ask to be signed in to. */
const WAITS_MAX = 3;
/** Between two looks, ms: an eighth of the time that was waited, within these. A day has about 200 looks. */
const PAUSE_MS = 1_000;
const PAUSE_MS_MAX = 10 * 60_000;
const PAUSE_SHARE = 8;
/** Looks that may fail one after the other, where the other side answers and refuses. */
const REFUSALS_MAX = 5;
const SAID_CHARS = 500;
const URL_CHARS = 2_000;
/** In a sentence: what ends that is not of it. */
const WEB_ADDRESS = /https?:\/\/[^\s"'<>)\]]*[^\s"'<>)\].,;:!?]/;
const CODE = /^[A-Za-z0-9-]{1,20}$/;

type Context = RunContext<Ports>;

/** As whom, and on which terms, it is asked. */
export interface SignInTerms {
  readonly tool: Tool;
  readonly terms: Pick<RemoteAsk, "config" | "token" | "renewed" | "timeoutMs" | "show">;
}

/**
 * The task once it asks for no account any more, at its end; as it is where it asks for none, or nobody has signed in
 * within 24 hours. The run's time stands still while it waits. @throws as `remoteTask` does.
 */
export async function signedIn(
  context: Context,
  key: string,
  { tool, terms }: SignInTerms,
  { begun, task: first }: { readonly begun: RemoteBegun; readonly task: RemoteTask },
): Promise<RemoteTask> {
  let task = first;
  let as = terms;
  for (let at = 1; task.state === "AUTH_REQUIRED" && at <= WAITS_MAX; at += 1) {
    const own = `${key}~in${at}`;
    try {
      const waited = await waitedFor(context, own, { tool, terms: as }, { ...begun, task });
      ({ task } = waited);
      if (waited.token !== undefined) as = { ...as, token: waited.token };
    } catch (error) {
      await giveUpAfter(context, error, { ...as, ...begun });
      throw error;
    }
    if (task.isGoingOn) task = await endOfTask(context, own, as, { ...begun, task });
  }
  return task;
}

interface Waited {
  readonly task: RemoteTask;
  /** The one that it is asked with now, where that is another. */
  readonly token?: UsedToken;
}

async function waitedFor(
  context: Context,
  key: string,
  { tool, terms }: SignInTerms,
  begun: RemoteBegun,
): Promise<Waited> {
  const { tenant } = context;
  const sinceMs = await context.now(`auth-at:${key}`);
  const made = () => newId("cn", sinceMs);
  const id = await context.step(`auth-link:${key}`, made, { repeat: "safe", local: true });
  const wait = waitOf(context, id, { begun, untilMs: sinceMs + tokenLimits.waitMs });
  const to = tokenWaitAddress(tenant, addressParts(context.self).root);
  const over: TokenWaitMessage = { type: "over", id };
  const overKey = `auth-over:${key}`;
  context.sendAtEnd(`${overKey}-end`, to, over, { unless: overKey });
  const request: TokenWaitMessage = { type: "request", wait };
  await context.send(`auth-request:${key}`, to, request);
  const { integration, untilMs, remote, code } = wait;
  context.emit(`auth-required:${key}`, {
    ...{ type: "auth_required", id, run_id: context.id, integration, remote: true },
    reason: remote?.said ?? "",
    url: remote?.url ?? `/v2/runs/${rootRunOf(context.id)}`,
    ...(code !== undefined && { code }),
    expires_at: new Date(untilMs).toISOString(),
  });
  const waited = await looked(context, { key, id, sinceMs, untilMs }, { tool, terms }, begun);
  await context.send(overKey, to, over);
  const outcome = waited.task.state === "AUTH_REQUIRED" ? "expired" : "connected";
  context.emit(`auth-settled:${key}`, { type: "auth_settled", id, integration, outcome });
  return waited;
}

interface Looking {
  readonly key: string;
  readonly id: string;
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** Looks until it has gone on, or the time is over. */
async function looked(
  context: Context,
  { key, id, sinceMs, untilMs }: Looking,
  { tool, terms }: SignInTerms,
  begun: RemoteBegun,
): Promise<Waited> {
  let token = terms.token;
  let refusals = 0;
  let task = begun.task;
  for (let at = 1, atMs = sinceMs; atMs < untilMs; at += 1) {
    const pauseMs = Math.min(PAUSE_MS_MAX, Math.max(PAUSE_MS, (atMs - sinceMs) / PAUSE_SHARE));
    await context.sleep(authPauseKey(id, at), Math.floor(pauseMs), { pausing: true });
    try {
      task = await lookAtTask(
        context,
        `${key}:look~${at}`,
        { ...terms, ...(token && { token }) },
        begun,
      );
      if (task.state !== "AUTH_REQUIRED") return { task, ...(token && { token }) };
      refusals = 0;
    } catch (error) {
      if (!(error instanceof RuntimeError) || context.signal.aborted) throw error;
      // Our own account ends sooner than some people come.
      if (error.code === "AUTH_REQUIRED")
        token = await demandToken(context, tool, `${key}~as${at}`);
      else if (error.code === "PROVIDER_FAILED") refusals += 1;
      if (refusals === REFUSALS_MAX) throw error;
    }
    atMs = await context.now(`auth-now:${key}~${at}`);
  }
  return { task, ...(token && { token }) };
}

function waitOf(
  context: Context,
  id: string,
  { begun, untilMs }: { readonly begun: RemoteBegun; readonly untilMs: number },
): TokenWait {
  const { place, task, agent } = begun;
  const said = task.text.slice(0, SAID_CHARS);
  const { url, code } = linkIn(task, place.url);
  return {
    ...{ id, run: context.id, rootRun: rootRunOf(context.id), untilMs, user: null },
    integration: new URL(place.url).host,
    remote: { url, said: `The agent “${agent}” elsewhere waits for a sign-in. ${said}`.trim() },
    ...(code !== null && { code }),
  };
}

/** Where it says that somebody signs in: as data, as other servers of this kind say it, else in its words. */
function linkIn(
  { data, text }: RemoteTask,
  base: string,
): { readonly url: string | null; readonly code: string | null } {
  const said = objectOf(data);
  const given = typeof said["url"] === "string" ? said["url"] : WEB_ADDRESS.exec(text)?.[0];
  const parsed =
    given !== undefined && given.length <= URL_CHARS && URL.canParse(given, base)
      ? new URL(given, base)
      : null;
  // Whoever is shown it opens it in a browser: nothing that runs there.
  const isWeb = parsed !== null && ["http:", "https:"].includes(parsed.protocol);
  const { code } = said;
  return {
    url: isWeb ? parsed.href : null,
    code: typeof code === "string" && CODE.test(code) ? code : null,
  };
}
