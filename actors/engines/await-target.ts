// Work on a target that may be lost: the run waits until it is back, in a visible state, bounded in time, over
// restarts, and goes on then. Its own time stands still meanwhile.

import type { Attempt, Repeat, RunContext } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { type ErrorData, RuntimeError } from "../../runtime/errors.ts";
import { rootRunOf } from "../../runtime/frame.ts";
import { newId } from "../../runtime/id.ts";
import type { Ports } from "../ports.ts";
import type { ChatEvent } from "../records/conversation.ts";
import { MAY_HAVE_HAPPENED } from "../tools/unsure.ts";
import {
  TARGET_WAIT_MS,
  type TargetAwaited,
  type TargetWait,
  type TargetWaitMessage,
  targetWaitAddress,
} from "./target-wait.ts";
import { targetWaitKey } from "./wait-key.ts";

type Context = RunContext<Ports>;

/** Longer than its actor waits: the run itself ends the wait only when there is none to do it. */
const GRACE_MS = 60_000;
/** Times that one call waits: a target that comes and goes all day is no place to work. */
const WAITS_MAX = 20;

/** A step of work on a target. */
export interface TargetWork {
  /** Of its step, unique within the run. */
  readonly key: string;
  /** Whether what may have been done is done again. */
  readonly repeat: Repeat;
  /** Of the step, without waits, ms. */
  readonly timeoutMs: number;
  /** For whoever looks at the run. */
  readonly input: unknown;
}

/** What a step has stored. */
type Done<T> =
  | { readonly status: "done"; readonly value: T }
  | ({ readonly status: "lost" } & LostTarget);

/**
 * Does it, again each time after its target was lost before it had begun, or where it may be repeated.
 * @throws what `work` throws; TARGET_LOST when it was not back in time, or nobody knows whether the work was done.
 */
export async function onTarget<T>(
  context: Context,
  { key, repeat, timeoutMs, input }: TargetWork,
  work: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  for (let number = 1; ; number += 1) {
    const own = number === 1 ? key : `${key}~${number}`;
    const done = await context.step<Done<T>>(
      own,
      async (attempt): Promise<Done<T>> => {
        try {
          return { status: "done", value: await work(attempt) };
        } catch (error) {
          if (attempt.signal.aborted) throw error;
          return lostIn(error);
        }
      },
      { repeat, timeoutMs, input },
    );
    if (done.status === "done") return done.value;
    await untilBack(context, own, done, { repeat, number });
  }
}

/** A target that was lost, as whoever worked there knows of it. */
export interface LostTarget {
  readonly target: string;
  /** Whether the work may have been done. */
  readonly began: boolean;
  readonly message: string;
}

/**
 * Waits until the work can be done again. @param number of its tries, this one included.
 * @throws TARGET_LOST when the target was not back in time, or the work may have been done and must not be twice.
 */
export async function untilBack(
  context: Context,
  key: string,
  lost: LostTarget,
  { repeat, number }: { readonly repeat: Repeat; readonly number: number },
): Promise<void> {
  const { target, message, began } = lost;
  if (began && repeat !== "safe") {
    throw new RuntimeError("TARGET_LOST", `${message} ${MAY_HAVE_HAPPENED}`, { target, began });
  }
  const outcome = number > WAITS_MAX ? "refused" : await awaitTarget(context, key, lost);
  if (outcome === "back") return;
  throw new RuntimeError("TARGET_LOST", `${message} ${ends[outcome]}`, { target });
}

const ends = {
  expired: `It was not back within ${TARGET_WAIT_MS / 3_600_000} hours.`,
  refused: "Too many calls wait for targets already, or this one has waited too often.",
} as const;

/** @throws what is no loss of a target. */
function lostIn(error: unknown): Done<never> {
  if (!(error instanceof RuntimeError) || error.code !== "TARGET_LOST") throw error;
  return { status: "lost", ...lostOf(error) };
}

/** What an error says of a loss. */
export function lostOf({
  message,
  details = {},
}: Pick<ErrorData | RuntimeError, "message" | "details">): LostTarget {
  // Who does not say is one that may have begun.
  const began = details["began"] !== false;
  return { target: String(details["target"] ?? ""), began, message };
}

async function awaitTarget(
  context: Context,
  key: string,
  { target, message }: { readonly target: string; readonly message: string },
): Promise<TargetAwaited> {
  const { tenant, ports } = context;
  const { root } = addressParts(context.self);
  const nowMs = await context.now(`target-at:${key}`);
  const id = await context.step(`target-wait:${key}`, () => newId("tw", nowMs), {
    ...{ repeat: "safe", local: true },
  });
  const untilMs = nowMs + TARGET_WAIT_MS;
  const wait: TargetWait = { id, target, run: context.id, rootRun: rootRunOf(context.id), untilMs };
  const to = targetWaitAddress(tenant, root);
  const over: TargetWaitMessage = { type: "over", id };
  context.sendAtEnd(`target-over:${key}`, to, over, { unless: targetWaitKey(id) });
  const request: TargetWaitMessage = { type: "request", wait };
  await context.send(`target-request:${key}`, to, request);
  const expires_at = new Date(untilMs).toISOString();
  const emit = (name: string, event: ChatEvent): void =>
    context.emit(`target-${name}:${key}`, event);
  emit("lost", {
    ...{ type: "waiting_for_target", id, run_id: context.id, target },
    ...{ reason: message, expires_at },
  });
  await context.step(
    `target-told:${key}`,
    async () => {
      await ports.engines?.awaited({ tenant, target, root });
      return null;
    },
    { repeat: "safe" },
  );
  const outcome = await decidedOn(context, id);
  emit("settled", { type: "target_settled", id, target, outcome });
  return outcome;
}

async function decidedOn(context: Context, id: string): Promise<TargetAwaited> {
  try {
    const timeoutMs = TARGET_WAIT_MS + GRACE_MS;
    return (await context.decision(targetWaitKey(id), {
      timeoutMs,
      pausing: true,
    })) as TargetAwaited;
  } catch (error) {
    const isLate = error instanceof RuntimeError && error.code === "DEADLINE";
    if (context.signal.aborted || !isLate) throw error;
    return "expired";
  }
}
