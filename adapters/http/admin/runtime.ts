// The live runtime: figures of its threads, and what stands in memory, by mailbox depth, as a tree
// under one root, and as waits with their circles. The operator sees all of it; an owner what is its
// tenant's.

import { Type } from "../../../actors/schema.ts";
import { addressParts } from "../../../runtime/address.ts";
import { WORKERS_MAX } from "../../../runtime/config.ts";
import { RuntimeError, toErrorData } from "../../../runtime/errors.ts";
import type { ActorView } from "../../../runtime/shared/look.ts";
import type { System } from "../../../runtime/system.ts";
import type { KeyStore } from "../keys.ts";
import { answers, pageOf as pageSchema } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { pageOf, pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { common, type Redact, scopeOf, shown, toTime } from "./common.ts";
import {
  actorsSchema,
  releasedSchema,
  runtimeSchema,
  treeSchema,
  waitsSchema,
  workersSchema,
} from "./runtime-schemas.ts";
import { actorOf, engineOf, runOf, storageOf, waitsShown } from "./runtime-views.ts";
import { quarantinedSchema } from "./schemas.ts";

const quarantinedPath = "/admin/runtime/quarantined";
const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1_000;
/** Actors in the summary. */
const DEEPEST = 10;
/** Waits among which circles are looked for, of each worker. */
const WAITS_MAX = 10_000;
const NAME = /^[A-Za-z0-9_.~@-]{1,64}$/;
const ADDRESS = /^[A-Za-z0-9_.~@:/-]{1,512}$/;
const STATES: readonly ActorView["state"][] = [
  ...(["idle", "ready", "held", "reading", "loading", "quarantined"] as const),
];

const workersBody = Type.Object(
  { workers: Type.Integer({ minimum: 1, maximum: WORKERS_MAX }) },
  { additionalProperties: false },
);

const all = "The operator sees all tenants, or the one it names; an owner its own.";
const parameters = {
  limit: {
    description: "Rows of the answer.",
    schema: Type.Integer({ minimum: 1, maximum: LIMIT_MAX, default: LIMIT_DEFAULT }),
  },
  kind: { description: "Kind of the actors, e.g. `conversation`." },
  root: { description: "Beginning of the names of their roots." },
  state: { description: "What they are doing.", schema: Type.String({ enum: STATES }) },
} as const;

/** All routes of the live runtime. */
export function runtimeRoutes(
  { system }: Services,
  keys: KeyStore,
  redact: Redact,
): readonly Route[] {
  return [
    ...figureRoutes(system),
    ...lookRoutes(system, keys),
    ...quarantineRoutes(system, keys, redact),
  ];
}

function figureRoutes(system: System): readonly Route[] {
  return [
    defineRoute({
      summary: "Read how the runtime is doing",
      description:
        "Figures of all threads. Workers are not waited for: each says how it is about every second, `age_ms` ago; one that has said nothing for 5 s is in `silent_workers`. Times are in ms, counters since the start.",
      responses: answers(200, runtimeSchema, "The figures."),
      query: [],
      ...common,
      method: "GET",
      pattern: "/admin/runtime",
      permission: "server.observe",
      handler: async () => json(200, await summaryOf(system)),
    }),
    defineRoute({
      summary: "Set how many worker threads there are",
      description:
        "Moves actors and runs to other threads while everything goes on: runs give their threads up at the ends of their steps. Answers when all are placed. Not kept: the next start has what the settings say.",
      responses: answers(200, workersSchema, "The number there is now."),
      query: [],
      ...common,
      method: "POST",
      pattern: "/admin/runtime/workers",
      permission: "server.control",
      body: workersBody,
      handler: async ({ body }) => {
        await system.resize(body.workers);
        return json(200, { workers: body.workers });
      },
    }),
  ];
}

function lookRoutes(system: System, keys: KeyStore): readonly Route[] {
  return [
    defineRoute({
      summary: "List actors",
      description: `Actors in memory, the deepest mailboxes first. ${all} An actor that rests on disk is not among them.`,
      responses: answers(200, actorsSchema, "The actors, and how many were left out."),
      query: ["kind", "root", "state", "limit", "tenant"],
      parameters,
      ...common,
      method: "GET",
      pattern: "/admin/runtime/actors",
      permission: "runtime.read",
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
      description:
        "Everything in memory under one root of one tenant, such as a conversation: mailboxes, runs with their children, and steps under way. The operator names the tenant.",
      responses: answers(200, treeSchema, "What stands below the root."),
      query: ["root", "limit", "tenant"],
      parameters: {
        ...parameters,
        root: {
          ...parameters.root,
          description: "The root's name, e.g. `cv_...`.",
          required: true,
        },
      },
      ...common,
      method: "GET",
      pattern: "/admin/runtime/tree",
      permission: "runtime.read",
      handler: async (context) => {
        const { query } = context;
        const tenant = await scopeOf(keys, context);
        const root = nameOf(query, "root");
        if (tenant === null || root === null) {
          throw new RuntimeError("INVALID", "A tree is of one tenant and one root.", {
            parameter: tenant === null ? "tenant" : "root",
          });
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
      description: `Runs that wait for another actor or for a decision, the longest first, and circles among them, which end by their deadlines. ${all}`,
      responses: answers(200, waitsSchema, "The waits, and their circles."),
      query: ["limit", "tenant"],
      parameters,
      ...common,
      method: "GET",
      pattern: "/admin/runtime/waits",
      permission: "runtime.read",
      handler: async (context) => {
        const tenant = await scopeOf(keys, context);
        return json(200, await waitsOf(system, tenant, limitOf(context.query)));
      },
    }),
  ];
}

function quarantineRoutes(system: System, keys: KeyStore, redact: Redact): readonly Route[] {
  return [
    defineRoute({
      summary: "List actors that are in quarantine",
      description: `Actors that were stopped: their state or a message cannot be read, or they failed for good. Their messages are kept. ${all}`,
      responses: answers(200, pageSchema(quarantinedSchema), "A page of actors."),
      query: [...pageQuery, "tenant"],
      ...common,
      method: "GET",
      pattern: quarantinedPath,
      permission: "runtime.read",
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
      description:
        "After a repair: its kept messages are handled in their order. An actor that is not stopped, or another tenant's, is a 404; what fails again stops it again.",
      responses: answers(200, releasedSchema, "It goes on."),
      query: ["tenant"],
      parameters: { address: { description: "Address of the actor, percent-encoded." } },
      ...common,
      method: "POST",
      pattern: "/admin/runtime/actors/{address}/release",
      permission: "runtime.repair",
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
  throw new RuntimeError("INVALID", `limit must be a whole number from 1 to ${LIMIT_MAX}.`, {
    parameter: "limit",
  });
}
