// The live runtime: figures of its threads, and what stands in memory, by mailbox depth, as a tree
// under one root, and as waits with their circles. The operator sees all of it; an owner what is its
// tenant's.

import { Type } from "../../../actors/schema.ts";
import { addressParts } from "../../../runtime/address.ts";
import { WORKERS_MAX } from "../../../runtime/config.ts";
import { RuntimeError, toErrorData } from "../../../runtime/errors.ts";
import type { KernelFigures, KindFigures } from "../../../runtime/kernel/kernel-port.ts";
import { quantilesOf } from "../../../runtime/shared/figures.ts";
import {
  type ActorView,
  circlesOf,
  type RunView,
  type SystemSeen,
  type WaitView,
} from "../../../runtime/shared/look.ts";
import type { StorageFigures } from "../../../runtime/store/storage-meter.ts";
import type { System } from "../../../runtime/system.ts";
import type { KeyStore } from "../keys.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { pageOf, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { common, type Redact, scopeOf, shown, timeOrNull, toTime } from "./common.ts";

const quarantinedPath = "/admin/runtime/quarantined";
const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1_000;
/** Actors in the summary. */
const DEEPEST = 10;
/** Waits among which circles are looked for, of each worker, and circles shown. */
const WAITS_MAX = 10_000;
const CIRCLES_MAX = 20;
const NAME = /^[A-Za-z0-9_.~@-]{1,64}$/;
const ADDRESS = /^[A-Za-z0-9_.~@:/-]{1,512}$/;
const STATES: readonly ActorView["state"][] = [
  ...(["idle", "ready", "held", "reading", "loading", "quarantined"] as const),
];

const workersBody = Type.Object(
  { workers: Type.Integer({ minimum: 1, maximum: WORKERS_MAX }) },
  { additionalProperties: false },
);

/** All routes of the live runtime. */
export function runtimeRoutes(
  { system }: Services,
  keys: KeyStore,
  redact: Redact,
): readonly Route[] {
  return [
    defineRoute({
      summary: "Read how the runtime is doing",
      ...common,
      method: "GET",
      pattern: "/admin/runtime",
      role: "admin",
      handler: async () => json(200, await summaryOf(system)),
    }),
    defineRoute({
      summary: "Set how many worker threads there are",
      ...common,
      method: "POST",
      pattern: "/admin/runtime/workers",
      role: "admin",
      body: workersBody,
      handler: async ({ body }) => {
        await system.resize(body.workers);
        return json(200, { workers: body.workers });
      },
    }),
    defineRoute({
      summary: "List actors",
      ...common,
      method: "GET",
      pattern: "/admin/runtime/actors",
      role: "owner",
      handler: async (context) => {
        const { query } = context;
        const tenant = await scopeOf(keys, context);
        const kind = nameOf(query, "kind");
        const root = nameOf(query, "root");
        const state = stateOf(query);
        const { actors, leftOut, silent } = await system.look({
          type: "actors",
          limit: limitOf(query),
          ...(tenant === null ? {} : { tenant }),
          ...(kind === null ? {} : { kind }),
          ...(root === null ? {} : { root }),
          ...(state === null ? {} : { state }),
        });
        return json(200, { data: actors.map(actorOf), left_out: leftOut, silent_workers: silent });
      },
    }),
    defineRoute({
      summary: "Read the actors and runs below a root",
      ...common,
      method: "GET",
      pattern: "/admin/runtime/tree",
      role: "owner",
      handler: async (context) => {
        const { query } = context;
        const tenant = await scopeOf(keys, context);
        const root = nameOf(query, "root");
        if (tenant === null || root === null) {
          throw new RuntimeError("INVALID", "A tree is of one tenant and one root.");
        }
        const seen = await system.look({ type: "tree", tenant, root, limit: limitOf(query) });
        return json(200, {
          ...{ tenant, root, actors: seen.actors.map(actorOf), runs: seen.runs.map(runOf) },
          ...{ left_out: seen.leftOut, silent_workers: seen.silent },
        });
      },
    }),
    defineRoute({
      summary: "Read who waits for whom",
      ...common,
      method: "GET",
      pattern: "/admin/runtime/waits",
      role: "owner",
      handler: async (context) => {
        const tenant = await scopeOf(keys, context);
        return json(200, await waitsOf(system, tenant, limitOf(context.query)));
      },
    }),
    ...quarantineRoutes(system, keys, redact),
  ];
}

function quarantineRoutes(system: System, keys: KeyStore, redact: Redact): readonly Route[] {
  return [
    defineRoute({
      summary: "List actors that are in quarantine",
      ...common,
      method: "GET",
      pattern: quarantinedPath,
      role: "owner",
      handler: async (context) => {
        const tenant = await scopeOf(keys, context);
        const { limit, after } = pageRequest(context.query, quarantinedPath);
        const rows = await system.quarantined(tenant, {
          limit: limit + 1,
          ...(after === undefined ? {} : { after }),
        });
        const page = pageOf(rows, limit, {
          id: ({ address }) => address,
          item: ({ address, why, error, at }) => {
            const { tenant: of, kind } = addressParts(address);
            const told = { ...error, message: redact(error.message) };
            return { address, tenant: of, kind, why, error: told, at: toTime(at) };
          },
        });
        return shown(quarantinedPath, page);
      },
    }),
    defineRoute({
      summary: "Let an actor out of quarantine",
      ...common,
      method: "POST",
      pattern: "/admin/runtime/actors/{address}/release",
      role: "owner",
      handler: async (context) => {
        const address = context.params["address"] ?? "";
        const tenant = await scopeOf(keys, context);
        const isIts = tenant === null || addressParts(address).tenant === tenant;
        if (!ADDRESS.test(address) || !isIts) {
          throw new RuntimeError("NOT_FOUND", `"${address.slice(0, 200)}" is not quarantined.`);
        }
        await system.release(address).catch((error: unknown) => {
          const { code, message } = toErrorData(error);
          throw new RuntimeError(code, redact(message));
        });
        return json(200, { address, released: true });
      },
    }),
  ];
}

async function summaryOf(system: System) {
  const { workers, total, deepest, waits, ...figures } = await system.inspect();
  const { deaths, lost, moves, lag, storage, door, compute, boots } = figures;
  const silent = workers.flatMap(({ worker, isSilent }) => (isSilent ? [worker] : []));
  const { count, circles } = waitsShown(waits, 0);
  return {
    ...{ boots, worker_deaths: deaths, lost_workers: lost, shard_moves: moves },
    ...{ silent_workers: silent, main: { lag }, door, compute },
    workers: workers.map(({ worker, shards, backlog, isSilent, ageMs, lag: its, figures: of }) => ({
      ...{ worker, up: !isSilent, age_ms: ageMs, shards, backlog, lag: its },
      ...(of === null ? {} : engineOf(of)),
    })),
    total: engineOf(total),
    storage: Object.fromEntries(
      Object.entries(storage).map(([name, of]) => [name, storageOf(of)] as const),
    ),
    deepest: deepest.slice(0, DEEPEST).map(actorOf),
    waits: { count, circles },
  };
}

async function waitsOf(system: System, tenant: string | null, limit: number) {
  const all = await system.look({
    type: "waits",
    limit: WAITS_MAX,
    ...(tenant === null ? {} : { tenant }),
  });
  return { ...waitsShown(all, limit), silent_workers: all.silent };
}

function waitsShown(all: SystemSeen, limit: number) {
  return {
    count: all.waits.length + all.leftOut,
    data: all.waits.slice(0, limit).map(waitOf),
    circles: circlesOf(all.waits, CIRCLES_MAX).map((circle) => ({
      addresses: [...circle.map(({ from }) => from), circle[0]?.from],
      waits: circle.map(waitOf),
    })),
  };
}

function engineOf(of: Omit<KernelFigures, "worker">) {
  const { cells: actors, runs, waiting, quarantined, counters, runKinds } = of;
  return {
    ...{ actors, runs, waiting, quarantined, counters, run_kinds: runKinds },
    batch_rows: quantilesOf(of.batchRows),
    commit_ms: quantilesOf(of.commitMs),
    flush_ms: quantilesOf(of.flushMs),
    kinds: Object.fromEntries(
      Object.entries(of.kinds).map(([kind, one]) => [kind, kindOf(one)] as const),
    ),
  };
}

function kindOf({ cells: actors, waiting, deepest, counters, ...of }: KindFigures) {
  return {
    ...{ actors, waiting, deepest, counters },
    turn_ms: quantilesOf(of.turnMs),
    queue_wait_ms: quantilesOf(of.queueWaitMs),
    mailbox_depth: quantilesOf(of.mailboxDepth),
  };
}

function storageOf({ groupBatches, commitMs, flushMs, ...of }: StorageFigures) {
  return {
    ...of,
    group_batches: quantilesOf(groupBatches),
    commit_ms: quantilesOf(commitMs),
    flush_ms: quantilesOf(flushMs),
  };
}

function actorOf({ waitingSince, lastUsed, ...actor }: ActorView) {
  return {
    ...actor,
    waiting_since: timeOrNull(waitingSince),
    last_used: toTime(lastUsed),
  };
}

interface ShownRun {
  readonly [field: string]: unknown;
  readonly children: readonly ShownRun[];
}

function runOf({ startedAt, deadline, stepsDone, steps, children, ...run }: RunView): ShownRun {
  return {
    ...run,
    ...{ started_at: timeOrNull(startedAt), deadline: toTime(deadline), steps_done: stepsDone },
    steps: steps.map((step) => ({
      ...step,
      since: toTime(step.since),
      until: timeOrNull(step.until),
    })),
    children: children.map(runOf),
  };
}

function waitOf(wait: WaitView) {
  return { ...wait, since: toTime(wait.since), until: toTime(wait.until) };
}

function nameOf(query: URLSearchParams, parameter: string): string | null {
  const name = query.get(parameter);
  if (name === null || NAME.test(name)) return name;
  throw new RuntimeError("INVALID", `${parameter} is part of an actor's address.`, { parameter });
}

function stateOf(query: URLSearchParams): ActorView["state"] | null {
  const given = query.get("state");
  const state = STATES.find((one) => one === given);
  if (given === null) return null;
  if (state !== undefined) return state;
  const message = `state is one of ${STATES.join(", ")}.`;
  throw new RuntimeError("INVALID", message, { parameter: "state" });
}

function limitOf(query: URLSearchParams): number {
  const given = query.get("limit");
  const limit = given === null ? LIMIT_DEFAULT : Number(given);
  if (Number.isInteger(limit) && limit >= 1 && limit <= LIMIT_MAX) return limit;
  throw new RuntimeError("INVALID", `limit must be a whole number from 1 to ${LIMIT_MAX}.`);
}
