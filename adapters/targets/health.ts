// Whether targets are there: looked at when somebody asks, from time to time, and while runs wait for one.

import type { AwaitedTarget } from "../../actors/engines/port.ts";
import {
  type HttpConfig,
  type ManagedAgentConfig,
  workLimits,
} from "../../actors/engines/target-config.ts";
import { targetHealthTable } from "../../actors/engines/wait-key.ts";
import type { TargetInput } from "../../actors/records/target.ts";
import { firstTenant } from "../../actors/records/tenant.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log.ts";
import type { System, Tables } from "../../runtime/system.ts";
import type { Egress } from "../egress.ts";
import { type Found, findTarget } from "./found.ts";
import type { Machines } from "./machines.ts";
import { createTargetWaits } from "./waits.ts";

/** What the last look has found. `failed`: it is there and does not do what it should. */
export interface TargetHealth {
  readonly status: "ok" | "lost" | "failed";
  /** Null: nothing is wrong. */
  readonly message: string | null;
  /** ISO 8601. */
  readonly checked_at: string;
  readonly took_ms: number;
}

/** Targets by how they were at the last look, and tenants' targets that runs wait for. */
export type TargetFigures = Readonly<Record<TargetHealth["status"] | "awaited", number>>;

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

/** A target, and who asks. */
interface TargetOf {
  readonly tenant: string;
  readonly id: string;
}

/** Looks at targets. */
export interface Health {
  /** Now. @throws NOT_FOUND, FORBIDDEN. */
  check(of: TargetOf): Promise<TargetHealth>;
  /** The last look; null: there was none. @throws NOT_FOUND, FORBIDDEN. */
  last(of: TargetOf): Promise<TargetHealth | null>;
  /** From now on it is looked at until it is back. */
  awaited(of: AwaitedTarget): void;
  /** Looks at these, a few at once. @throws nothing: what cannot be looked at is logged. */
  round(of: readonly TargetOf[], isOver: () => boolean): Promise<void>;
  /** Of targets beside these nothing is known any more. */
  keep(ids: ReadonlySet<string>): void;
  figures(): TargetFigures;
  stop(): void;
}

/** Looks at once, of a round. */
const LOOKS_AT_ONCE = 4;

/** Makes it. */
export function createHealth(options: HealthOptions): Health {
  const { tables, send, log, nowMs } = options;
  const known = knownStates(log);
  const checked = async (found: Found<TargetInput>): Promise<TargetHealth> => {
    const health = await lookAt(options, found);
    const { id } = found.record;
    await tables.write(found.owner, [{ type: "put", table: targetHealthTable, id, value: health }]);
    known.note(found, health);
    // What is there and fails is found out by the call itself, which goes on.
    if (health.status !== "lost") await waits.settle(id);
    return health;
  };
  const check = async (of: TargetOf): Promise<TargetHealth> =>
    await checked(await findTarget(tables, of));
  const lookOnce = async (of: TargetOf): Promise<void> => {
    try {
      await check(of);
    } catch (err) {
      // One that was removed meanwhile is none.
      if (err instanceof RuntimeError && !err.retryable) return;
      log.write("error", "A target could not be looked at.", { target: of.id, err });
    }
  };
  const waits = createTargetWaits({
    ...{ send, log, nowMs },
    look: async ({ tenant, target: id }) => {
      // That of a granted engine need not be granted itself.
      const found = await findTarget(tables, { tenant, id }).catch(() =>
        findTarget(tables, { tenant: firstTenant, id }),
      );
      await checked(found);
    },
  });
  return {
    awaited: waits.awaited,
    round: async (of, isOver) => {
      for (let at = 0; at < of.length && !isOver(); at += LOOKS_AT_ONCE) {
        await Promise.all(of.slice(at, at + LOOKS_AT_ONCE).map(lookOnce));
      }
    },
    keep: known.keep,
    figures: () => ({ ...known.figures(), awaited: waits.count() }),
    check,
    last: async (of) => {
      const { owner } = await findTarget(tables, of);
      const row = await tables.get(owner, targetHealthTable, of.id);
      return (row?.value as TargetHealth | undefined) ?? null;
    },
    stop: waits.stop,
  };
}

interface KnownStates {
  note(found: Found<TargetInput>, health: TargetHealth): void;
  /** Forgets the others. */
  keep(ids: ReadonlySet<string>): void;
  figures(): Omit<TargetFigures, "awaited">;
}

/** How targets were at the last look of this process; changes are logged. */
function knownStates(log: Log): KnownStates {
  const known = new Map<string, TargetHealth["status"]>();
  return {
    note: ({ record: { id, name }, owner }, { status, message }) => {
      const before = known.get(id);
      known.set(id, status);
      // Of one that nobody knew yet only that it is not well.
      if (before === status || (before === undefined && status === "ok")) return;
      const fields = { target: id, name, tenant: owner, status, message };
      if (status === "ok") log.write("info", "A target is there again.", fields);
      else log.write("warn", "A target is not there, or not well.", fields);
    },
    keep: (ids) => {
      for (const id of known.keys()) if (!ids.has(id)) known.delete(id);
    },
    figures: () => {
      const of = (status: TargetHealth["status"]): number =>
        [...known.values()].filter((one) => one === status).length;
      return { ok: of("ok"), lost: of("lost"), failed: of("failed") };
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
