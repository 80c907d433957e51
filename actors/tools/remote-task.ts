// A task of an agent elsewhere, from the message that begins it to its end, as two steps of a run: what
// the first one stores names the task, so that a run that is taken up again goes on with that one.

import type { Repeat, RunContext } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { RenewedToken, UsedToken } from "../credentials/use.ts";
import { limits } from "../limits.ts";
import type { Ports } from "../ports.ts";
import { outgoingTrace } from "../trace/trace-context.ts";
import type { SecretTexts, WebAnswer } from "../web.ts";
import { createRemoteStream } from "./remote-stream.ts";
import {
  type RemoteConfig,
  type RemoteEndpoint,
  type RemoteMethod,
  type RemoteTask,
  readCard,
  readRemote,
  remoteRequest,
} from "./remote-wire.ts";
import { unsure } from "./unsure.ts";

/** Between two looks at a task, ms: the first, and the most. */
const LOOK_MS = 200;
const LOOK_MS_MAX = 2_000;
/** A stream is followed so long before the task is looked at, ms. */
const FOLLOW_MS = 30_000;
/** One look by itself, ms. */
const LOOK_TIMEOUT_MS = 20_000;
/** How long telling the other side of a cancel may take, ms. */
const CANCEL_MS = 5_000;
/** Looks at a task that may fail one after the other. */
const FAILURES_MAX = 5;
/** A step that does not keep its own time is cut so much later, ms. */
const SLACK_MS = 10_000;
/** Times the token of one task is renewed, and times in all that the other side may refuse one. */
const RENEWALS_MAX = 200;
const REFUSALS_MAX = 2;
const UNAUTHORIZED = 401;

/** A message to an agent elsewhere. */
export interface RemoteAsk {
  readonly config: RemoteConfig;
  readonly text: string;
  /** To go on in a context, or with a task that asks. */
  readonly contextId?: string;
  readonly taskId?: string;
  /** Of the whole task; begun anew when the run is taken up again. */
  readonly timeoutMs: number;
  /** What a message means that was under way when the process died. */
  readonly repeat: Repeat;
  /** Whose account it is asked with. */
  readonly token?: UsedToken;
  /** Renews that token where it ends before the task; absent: the task fails then. */
  readonly renewed?: RenewedToken;
  /** Whether viewers see the answer as it comes, as text of the step. Default false. */
  readonly show?: boolean;
}

/** What the first step knows. */
export interface RemoteBegun {
  /** What its card calls it. */
  readonly agent: string;
  readonly place: RemoteEndpoint;
  /** Whether its tasks can be followed. */
  readonly streams: boolean;
  readonly task: RemoteTask;
}

type Context = RunContext<Ports>;
/** As whom an agent is asked. */
type As = Pick<RemoteAsk, "config" | "token">;

/**
 * Sends the message, named by `key` and the run, and waits for the end of its task. When the run is
 * cancelled, or the time is over, the task is cancelled there.
 * @param began is told of the task as soon as it is there, in every life of the run.
 * @throws PROVIDER_FAILED, PROVIDER_UNAVAILABLE, EGRESS_REFUSED, DEADLINE, CANCELLED, STEP_UNKNOWN.
 */
export async function remoteTask(
  context: Context,
  key: string,
  ask: RemoteAsk,
  began: (task: RemoteBegun) => void = () => undefined,
): Promise<{ readonly begun: RemoteBegun; readonly task: RemoteTask }> {
  const begun = await begin(context, key, ask).catch((error: unknown) => {
    throw context.signal.aborted ? error : unsure(error, ask.repeat);
  });
  began(begun);
  if (!begun.task.isGoingOn) return { begun, task: begun.task };
  return { begun, task: await endOfTask(context, key, ask, begun) };
}

/** What a wait for the end of a task needs. */
export type EndAsk = Pick<RemoteAsk, "config" | "token" | "renewed" | "timeoutMs" | "show">;

/** Why nobody looks at a task any more: its token has ended, or is not taken. It can be gone on with. */
interface Stale {
  readonly stale: "ended" | "refused";
  readonly afterMs: number;
  /** What viewers have seen of its answer. */
  readonly shown: string;
}

/**
 * Waits for the end of a task that goes on there, as a step; cancels it there as `remoteTask` does. A token that ends
 * before the task is renewed, and the task looked at with that: as one more step.
 */
export async function endOfTask(
  context: Context,
  key: string,
  ask: EndAsk,
  begun: RemoteBegun,
): Promise<RemoteTask> {
  const { renewed } = ask;
  let as = ask;
  let [shown, refusals] = ["", 0];
  try {
    for (let at = 1; ; at += 1) {
      const mayRenew = renewed !== undefined && at <= RENEWALS_MAX && refusals < REFUSALS_MAX;
      const step = at === 1 ? `${key}:task` : `${key}:task~${at}`;
      const end = await waitFor(context, step, { ...as, shown, mayRenew }, begun);
      if (!("stale" in end) || renewed === undefined) return end as RemoteTask;
      if (end.stale === "refused") refusals += 1;
      const token = await renewed(`${step}~as`, end.stale === "refused" ? as.token : undefined);
      as = { ...as, token, timeoutMs: Math.max(1, as.timeoutMs - end.afterMs) };
      ({ shown } = end);
    }
  } catch (error) {
    await giveUpAfter(context, error, { ...as, ...begun });
    throw error;
  }
}

function waitFor(
  context: Context,
  step: string,
  ask: EndAsk & { readonly shown: string; readonly mayRenew: boolean },
  begun: RemoteBegun,
): Promise<RemoteTask | Stale> {
  const { timeoutMs, shown, mayRenew } = ask;
  return context.step(
    step,
    async ({ signal, write }) => {
      const sinceMs = performance.now();
      const asking = asker(context, ask, timeoutMs);
      const secrets = await secretsOf(context, ask);
      const live = ask.show === true ? liveText(secrets, write, shown) : null;
      try {
        const task = await ended(asking, begun, { secrets, signal, timeoutMs, live });
        if (task.state === "COMPLETED") live?.end(task.text);
        return task;
      } catch (error) {
        const stale = ask.token === undefined ? null : staleIn(error);
        if (stale === null || !mayRenew || signal.aborted) throw error;
        const afterMs = Math.round(performance.now() - sinceMs);
        return { stale, afterMs, shown: live?.shown() ?? shown };
      }
    },
    { repeat: "safe", timeoutMs: timeoutMs + SLACK_MS, retry: { times: 0, minMs: 1, maxMs: 1 } },
  );
}

/** Whether it was not asked, or not heard, because of its token. */
function staleIn(error: unknown): Stale["stale"] | null {
  if (!(error instanceof RuntimeError)) return null;
  if (error.code === "AUTH_REQUIRED") return "ended";
  return error.details?.["status"] === UNAUTHORIZED ? "refused" : null;
}

/** A task that nobody here waits for any more, its run cancelled or out of time, is cancelled there. */
export async function giveUpAfter(
  context: Context,
  error: unknown,
  of: As & Pick<RemoteBegun, "place" | "task">,
): Promise<void> {
  const { signal } = context;
  const isLate = error instanceof RuntimeError && error.code === "DEADLINE";
  // What is only interrupted here (a thread that ends) is taken up again, and goes on there.
  if (isLate || (signal.aborted && !isMoved(signal))) await giveUp(context, of, of);
}

/** One look at a task, as a step. @throws what the other side, or the way there, fails with. */
export function lookAtTask(
  context: Context,
  key: string,
  as: As,
  { place, task }: Pick<RemoteBegun, "place" | "task">,
): Promise<RemoteTask> {
  return context.step(
    key,
    async ({ signal }) => {
      const method = { method: "GetTask", id: task.id } as const;
      const answer = await asker(context, as, LOOK_TIMEOUT_MS)(place, method, signal);
      return taskIn(await secretsOf(context, as), answer);
    },
    {
      ...{ repeat: "safe", timeoutMs: LOOK_TIMEOUT_MS },
      retry: { times: 0, minMs: 1, maxMs: 1 },
    },
  );
}

/** Has a task cancelled, as far as the other side does it. */
export async function giveUp(
  context: Context,
  as: As,
  { place, task }: Pick<RemoteBegun, "place" | "task">,
): Promise<void> {
  const by = AbortSignal.timeout(CANCEL_MS);
  const method = { method: "CancelTask", id: task.id } as const;
  await asker(context, as, CANCEL_MS)(place, method, by).catch(ignored);
}

function begin(context: Context, key: string, as: RemoteAsk): Promise<RemoteBegun> {
  const { config, timeoutMs, repeat, text, contextId, taskId } = as;
  const said = { text, ...(contextId && { contextId }), ...(taskId && { taskId }) };
  return context.step(
    `${key}:send`,
    async ({ signal }) => {
      const ask = asker(context, as, timeoutMs);
      const card = await ask(null, { method: "card" }, signal);
      const { name: agent, ...at } = readCard(config, card);
      const { place } = at;
      // The other side knows the message by its id; `repeat: never` is for those that do not.
      const method = { method: "SendMessage", messageId: `${context.id}/${key}`, ...said } as const;
      // Not cut with the call: the answer has the id by which the task is cancelled.
      const answer = await ask(place, method, AbortSignal.timeout(timeoutMs));
      const begun = { agent, ...at, task: taskIn(await secretsOf(context, as), answer) };
      if (!signal.aborted || isMoved(signal)) return begun;
      if (begun.task.isGoingOn) await giveUp(context, as, begun);
      throw signal.reason;
    },
    { repeat, timeoutMs, input: { url: config.url, ...said } },
  );
}

type Asker = (
  place: RemoteEndpoint | null,
  wanted: RemoteMethod | { readonly method: "card" },
  by: AbortSignal,
  onText?: (piece: string) => void,
) => Promise<WebAnswer>;

function asker(context: Context, as: As, timeoutMs: number): Asker {
  const { ports, tenant } = context;
  const { config, token } = as;
  const traceparent = outgoingTrace(context, "");
  const auth = token === undefined ? {} : { auth: token.id };
  return async (place, wanted, signal, onText) => {
    const asked = remoteRequest(config, place, wanted);
    const headers = { traceparent, ...asked.headers };
    const request = { ...asked, headers, ...(onText && { onText }) };
    const terms = {
      tenant,
      ...auth,
      signal,
      timeoutMs,
      bytesMax: config.max_bytes ?? limits.webBytes,
    };
    return await ports.web.request({ ...request, ...terms });
  };
}

/** What its answers may repeat, also in parts that are nothing by themselves. */
function secretsOf({ ports, tenant }: Context, { config, token }: As): Promise<SecretTexts> {
  const { headers = {} } = config;
  return ports.web.secrets({ tenant, headers, ...(token && { auth: token.id }) });
}

/** Looks at the task until it has ended. @throws the signal's reason, DEADLINE, PROVIDER_FAILED. */
async function ended(
  ask: Asker,
  begun: RemoteBegun,
  { secrets, signal, timeoutMs, live }: Waiting,
): Promise<RemoteTask> {
  const { place, streams, task: of } = begun;
  const { id } = of;
  const late = AbortSignal.timeout(timeoutMs);
  const cut = AbortSignal.any([signal, late]);
  let failures = 0;
  let follows = streams && live !== null;
  for (let waitMs = LOOK_MS; ; waitMs = Math.min(2 * waitMs, LOOK_MS_MAX)) {
    try {
      if (follows) follows = await followed(ask, begun, { live, cut });
      else await pause(waitMs, cut);
      const task = taskIn(secrets, await ask(place, { method: "GetTask", id }, cut));
      if (!task.isGoingOn) return task;
      failures = 0;
    } catch (error) {
      if (signal.aborted) throw error;
      if (late.aborted) throw tooLate(error);
      if (staleIn(error) !== null) throw error;
      failures += 1;
      if (failures >= FAILURES_MAX) throw error;
    }
  }
}

function tooLate(cause: unknown): RuntimeError {
  const text = "The other agent was not done in time; its task was cancelled.";
  return new RuntimeError("DEADLINE", text, undefined, { cause });
}

/** Shows what the task says. @returns whether the stream was still open: else the task is looked at from then on. */
async function followed(
  ask: Asker,
  { place, task }: RemoteBegun,
  { live, cut }: { readonly live: LiveText | null; readonly cut: AbortSignal },
): Promise<boolean> {
  const over = new AbortController();
  const stream = createRemoteStream({
    said: (whole) => live?.said(whole),
    over: () => over.abort(),
  });
  // A connection that has gone silent is not waited for: the task is looked at in between.
  const signal = AbortSignal.any([cut, over.signal, AbortSignal.timeout(FOLLOW_MS)]);
  const method = { method: "SubscribeToTask", id: task.id } as const;
  try {
    await ask(place, method, signal, stream.push);
    return false;
  } catch {
    cut.throwIfAborted();
    return signal.aborted && !over.signal.aborted;
  }
}

/** The task, and no secret that only its parts together repeat. */
function taskIn(secrets: SecretTexts, answer: WebAnswer): RemoteTask {
  const task = readRemote(answer);
  return { ...task, text: secrets.hide(task.text) };
}

interface Waiting {
  readonly secrets: SecretTexts;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** Null: nobody sees the answer as it comes. */
  readonly live: LiveText | null;
}

interface LiveText {
  /** The answer so far. */
  said(whole: string): void;
  /** The whole of it: what has not been shown of it is. */
  end(text: string): void;
  /** What viewers have seen. */
  shown(): string;
}

/** Shows an answer as it grows, behind what was shown of it before; one that was begun otherwise is put right at the end of the step. */
function liveText(
  { charsMax: heldBack, hide }: SecretTexts,
  write: (text: string) => void,
  before: string,
): LiveText {
  let shown = before;
  const show = (text: string): void => {
    if (!text.startsWith(shown) || text === shown) return;
    write(text.slice(shown.length));
    shown = text;
  };
  return {
    // The end of it may be the beginning of a secret that the other side repeats.
    said: (whole) => show(hide(whole).slice(0, heldBack === 0 ? undefined : -heldBack)),
    end: show,
    shown: () => shown,
  };
}

/** Whether the run goes on elsewhere: its shard has moved, or its process ends. */
function isMoved({ aborted, reason }: AbortSignal): boolean {
  const code = reason instanceof RuntimeError ? reason.code : "";
  return aborted && ["STALE_EPOCH", "SHUTTING_DOWN", "WORKER_LOST"].includes(code);
}

/** The other side ends its task by itself then, or not: nobody here waits for it any more. */
function ignored(): void {}

/** @throws the signal's reason. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
