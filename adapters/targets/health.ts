// Whether targets are there: looked at when somebody asks, from time to time, and while runs wait for one, who are told
// when it is back.

import type { AwaitedTarget } from "../../actors/engines/port.ts";
import {
  type HttpConfig,
  type ManagedAgentConfig,
  workLimits,
} from "../../actors/engines/target-config.ts";
import { type TargetWaitMessage, targetWaitAddress } from "../../actors/engines/target-wait.ts";
import type { TargetInput } from "../../actors/records/target.ts";
import { firstTenant } from "../../actors/records/tenant.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log.ts";
import type { System, Tables } from "../../runtime/system.ts";
import type { Egress } from "../egress.ts";
import { type Found, findTarget } from "./found.ts";
import type { Machines } from "./machines.ts";

/** What the last look has found. `failed`: it is there and does not do what it should. */
export interface TargetHealth {
  readonly status: "ok" | "lost" | "failed";
  /** Null: nothing is wrong. */
  readonly message: string | null;
  /** ISO 8601. */
  readonly checked_at: string;
  readonly took_ms: number;
}

/** What it needs. */
export interface HealthOptions {
  readonly tables: Pick<Tables, "get" | "write">;
  readonly machines: Machines;
  readonly egress: Pick<Egress, "request">;
  readonly send: System["send"];
  readonly log: Log;
  /** Why nothing is done anywhere; default: it is. */
  readonly closed?: string | undefined;
  nowMs(): number;
}

/** Looks at targets. */
export interface Health {
  /** Now. @throws NOT_FOUND, FORBIDDEN. */
  check(of: { readonly tenant: string; readonly id: string }): Promise<TargetHealth>;
  /** The last look; null: there was none. @throws NOT_FOUND, FORBIDDEN. */
  last(of: { readonly tenant: string; readonly id: string }): Promise<TargetHealth | null>;
  /** From now on it is looked at until it is back. */
  awaited(of: AwaitedTarget): void;
  stop(): void;
}

/** By the id of a target, in its owner's tables. */
const TABLE = "target-health";
/** Pauses between looks at one that is waited for, ms: the first, and the most. */
const PAUSE_MS = 1_000;
const PAUSE_MS_MAX = 60_000;
/** Looks at once, of those that are waited for. */
const LOOKS_AT_ONCE = 4;

interface Waiting {
  readonly target: string;
  readonly tenant: string;
  readonly roots: Set<string>;
  pauseMs: number;
  dueMs: number;
}

/** Makes it. */
export function createHealth(options: HealthOptions): Health {
  const { tables, send, log, nowMs } = options;
  const waits = new Map<string, Waiting>();
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const tell = async ({ target, tenant, roots }: Waiting): Promise<void> => {
    const message: TargetWaitMessage = { type: "back", target };
    for (const root of roots) await send(targetWaitAddress(tenant, root), message);
  };
  const settle = async (target: string): Promise<void> => {
    const back = [...waits.values()].filter((one) => one.target === target);
    for (const one of back) {
      waits.delete(`${one.tenant}/${target}`);
      await tell(one);
    }
  };
  const checked = async (found: Found<TargetInput>): Promise<TargetHealth> => {
    const health = await lookAt(options, found);
    const { id } = found.record;
    await tables.write(found.owner, [{ type: "put", table: TABLE, id, value: health }]);
    // What is there and fails is found out by the call itself, which goes on.
    if (health.status !== "lost") await settle(id);
    return health;
  };
  /** That of a granted engine need not be granted itself. */
  const awaitedTarget = async ({ tenant, target: id }: Waiting): Promise<Found<TargetInput>> => {
    try {
      return await findTarget(tables, { tenant, id });
    } catch {
      return await findTarget(tables, { tenant: firstTenant, id });
    }
  };
  const look = async (waiting: Waiting): Promise<void> => {
    const { target: id, pauseMs } = waiting;
    waiting.dueMs = Number.POSITIVE_INFINITY;
    try {
      await checked(await awaitedTarget(waiting));
    } catch (error) {
      // One that is taken away is waited for by nobody: its calls go on, and are refused.
      const isGone = error instanceof RuntimeError && !error.retryable;
      if (isGone) await settle(id);
      else log.write("error", "A target could not be looked at.", { target: id, err: error });
    }
    waiting.pauseMs = Math.min(PAUSE_MS_MAX, pauseMs * 2);
    waiting.dueMs = nowMs() + waiting.pauseMs;
  };
  const tick = async (): Promise<void> => {
    const due = [...waits.values()].filter(({ dueMs }) => dueMs <= nowMs());
    await Promise.all(due.slice(0, LOOKS_AT_ONCE).map(look));
  };
  const run = (): void => {
    if (timer !== undefined || isStopped || waits.size === 0) return;
    timer = setTimeout(() => {
      tick()
        .catch((err: unknown) => log.write("error", "Targets could not be looked at.", { err }))
        .finally(() => {
          timer = undefined;
          run();
        });
    }, PAUSE_MS / 2).unref();
  };
  return {
    check: async (of) => await checked(await findTarget(tables, of)),
    last: async (of) => {
      const { owner } = await findTarget(tables, of);
      const row = await tables.get(owner, TABLE, of.id);
      return (row?.value as TargetHealth | undefined) ?? null;
    },
    awaited: ({ tenant, target, root }) => {
      const key = `${tenant}/${target}`;
      const fresh = { target, tenant, roots: new Set<string>() };
      const waiting = waits.get(key) ?? { ...fresh, pauseMs: PAUSE_MS, dueMs: 0 };
      waiting.roots.add(root);
      waits.set(key, waiting);
      run();
    },
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}

async function lookAt(options: HealthOptions, found: Found<TargetInput>): Promise<TargetHealth> {
  const { nowMs } = options;
  const beganMs = nowMs();
  const told = (status: TargetHealth["status"], message: string | null): TargetHealth => {
    const checked_at = new Date(nowMs()).toISOString();
    return { status, message, checked_at, took_ms: Math.max(0, nowMs() - beganMs) };
  };
  const signal = AbortSignal.timeout(workLimits.checkMs);
  try {
    await probe(options, found, signal);
    return told("ok", null);
  } catch (error) {
    if (signal.aborted) return told("lost", `It did not answer within ${workLimits.checkMs} ms.`);
    if (!(error instanceof RuntimeError)) throw error;
    const isLost = error.code === "TARGET_LOST" || error.code === "PROVIDER_UNAVAILABLE";
    return told(isLost || error.retryable ? "lost" : "failed", error.message);
  }
}

async function probe(
  { machines, egress, closed }: HealthOptions,
  found: Found<TargetInput>,
  signal: AbortSignal,
): Promise<void> {
  const { type, config, secrets } = found.record;
  if (closed !== undefined)
    throw new RuntimeError("EGRESS_REFUSED", `Nothing is asked: ${closed}.`);
  if (type === "local" || type === "ssh") return await machines.look(found, signal);
  const { url, health_path } = config as unknown as HttpConfig | ManagedAgentConfig;
  const asked = health_path === undefined ? url : `${url.replace(/\/+$/, "")}${health_path}`;
  const key = secrets?.api_key;
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const answer = await egress.request({
    ...{ url: asked, method: "GET", headers, signal, redirects: "show" },
    limits: { firstByteMs: workLimits.checkMs, totalMs: workLimits.checkMs },
  });
  answer.discard();
  const { status } = answer;
  if (status >= 500) throw new RuntimeError("TARGET_LOST", `It answers with the status ${status}.`);
  if (status === 401 || status === 403) {
    throw new RuntimeError("PROVIDER_FAILED", `It does not take its key (status ${status}).`);
  }
}
