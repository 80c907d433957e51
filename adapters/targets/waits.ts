// Targets that runs wait for: each is looked at, at pauses that grow, until it is back, and whoever waits is told.

import type { AwaitedTarget } from "../../actors/engines/port.ts";
import { type TargetWaitMessage, targetWaitAddress } from "../../actors/engines/target-wait.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log.ts";
import type { System } from "../../runtime/system.ts";

/** Pauses between looks at one that is waited for, ms: the first, and the most. */
const PAUSE_MS = 1_000;
const PAUSE_MS_MAX = 60_000;
/** Looks at once, and of them for one tenant: what is slow to answer holds up no other tenant's. */
const LOOKS_AT_ONCE = 16;
const LOOKS_OF_TENANT = 2;

/** What they need. */
export interface TargetWaitsOptions {
  readonly send: System["send"];
  readonly log: Log;
  nowMs(): number;
  /** Looks, and calls `settle` when it is back. @throws what is not retryable for one that is gone. */
  look(of: { readonly tenant: string; readonly target: string }): Promise<void>;
}

/** The waits that this process knows of. */
export interface TargetWaits {
  /** From now on the target is looked at until it is back. */
  awaited(of: AwaitedTarget): void;
  /** Tells all who wait for it that it is back. */
  settle(target: string): Promise<void>;
  /** Targets that are waited for, of each tenant. */
  count(): number;
  stop(): void;
}

interface Waiting {
  readonly target: string;
  readonly tenant: string;
  readonly roots: Set<string>;
  pauseMs: number;
  dueMs: number;
  isLookedAt: boolean;
}

/** Makes them. */
export function createTargetWaits({ send, log, nowMs, look }: TargetWaitsOptions): TargetWaits {
  const waits = new Map<string, Waiting>();
  /** Those that were back a moment ago: one that comes and goes is looked at later each time. */
  const settled = new Map<string, { readonly pauseMs: number; readonly untilMs: number }>();
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const tell = async ({ target, tenant, roots }: Waiting): Promise<void> => {
    const message: TargetWaitMessage = { type: "back", target };
    for (const root of roots) await send(targetWaitAddress(tenant, root), message);
  };
  const settle = async (target: string): Promise<void> => {
    const back = [...waits.values()].filter((one) => one.target === target);
    for (const [key, { untilMs }] of settled) if (untilMs < nowMs()) settled.delete(key);
    for (const one of back) {
      const key = `${one.tenant}/${target}`;
      waits.delete(key);
      settled.set(key, { pauseMs: one.pauseMs, untilMs: nowMs() + 2 * PAUSE_MS_MAX });
      await tell(one);
    }
  };
  const lookAt = async (waiting: Waiting): Promise<void> => {
    const { target, pauseMs } = waiting;
    waiting.isLookedAt = true;
    try {
      await look(waiting);
    } catch (err) {
      // One that is taken away is waited for by nobody: its calls go on, and are refused.
      const isGone = err instanceof RuntimeError && !err.retryable;
      if (isGone) await settle(target);
      else log.write("error", "A target could not be looked at.", { target, err });
    } finally {
      waiting.isLookedAt = false;
      waiting.pauseMs = Math.min(PAUSE_MS_MAX, pauseMs * 2);
      waiting.dueMs = nowMs() + waiting.pauseMs;
    }
  };
  const tick = (): void => {
    const all = [...waits.values()];
    const looked = all.filter(({ isLookedAt }) => isLookedAt);
    const due = all.filter(({ isLookedAt, dueMs }) => !isLookedAt && dueMs <= nowMs());
    // Those that have waited longest for a look.
    for (const waiting of due.toSorted((one, other) => one.dueMs - other.dueMs)) {
      const ofTenant = looked.filter(({ tenant }) => tenant === waiting.tenant).length;
      if (looked.length >= LOOKS_AT_ONCE) return;
      if (ofTenant >= LOOKS_OF_TENANT) continue;
      looked.push(waiting);
      lookAt(waiting).catch((err: unknown) => {
        log.write("error", "Nobody could be told of a target.", { target: waiting.target, err });
      });
    }
  };
  const run = (): void => {
    if (timer !== undefined || isStopped || waits.size === 0) return;
    timer = setTimeout(() => {
      timer = undefined;
      tick();
      run();
    }, PAUSE_MS / 2).unref();
  };
  return {
    settle,
    awaited: ({ tenant, target, root }) => {
      const key = `${tenant}/${target}`;
      const before = settled.get(key);
      const pauseMs = before === undefined ? PAUSE_MS : Math.min(PAUSE_MS_MAX, 2 * before.pauseMs);
      const dueMs = before === undefined ? 0 : nowMs() + pauseMs;
      const fresh = { target, tenant, roots: new Set<string>(), pauseMs, dueMs, isLookedAt: false };
      const waiting = waits.get(key) ?? fresh;
      waiting.roots.add(root);
      waits.set(key, waiting);
      run();
    },
    count: () => waits.size,
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
