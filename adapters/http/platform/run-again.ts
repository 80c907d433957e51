// A run as a tree of what it has done, and runs that begin with what another one has done: forked at a
// step, or resumed where it came to a bad end.

import {
  entriesBefore,
  entriesBeforeEnd,
  outlineOf,
  type RunOutline,
} from "../../../actors/run-outline.ts";
import { type Static, Type } from "../../../actors/schema.ts";
import type { Outcome } from "../../../runtime/actor.ts";
import { type ErrorData, RuntimeError, toldOfRun } from "../../../runtime/errors.ts";
import type { RunRow } from "../../../runtime/system.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route, type RouteContext } from "../route.ts";
import { callerOf } from "../services/caller.ts";
import type { AgainAsk } from "../services/chat.ts";
import { onceKeyOf } from "../services/once.ts";
import { wholeLog } from "../services/run-log.ts";
import type { Services } from "../services/services.ts";
import { runMode, startRun } from "./runs.ts";

const common = { service: "runs", errors: "problem" } as const;
const STEP_CHARS_MAX = 256;

const resumeBody = Type.Object({ mode: Type.Optional(runMode) }, { additionalProperties: false });

const forkBody = Type.Object(
  {
    /** A step of the root run, or `<run id>/<step>`, as `/tree` names them. It is done anew. */
    step: Type.String({ minLength: 1, maxLength: STEP_CHARS_MAX }),
    mode: Type.Optional(runMode),
  },
  { additionalProperties: false },
);

/** The routes. */
export function runAgainRoutes(services: Services): readonly Route[] {
  return [treeRoute(services), forkRoute(services), resumeRoute(services)];
}

function treeRoute({ chat, system }: Services): Route {
  return defineRoute({
    ...common,
    method: "GET",
    pattern: "/v2/runs/{rn}/tree",
    handler: async ({ principal, params }) => {
      const { row } = await chat.find(principal.tenant, params["rn"] ?? "");
      return json(200, told(outlineOf(row, await wholeLog(system, row))));
    },
  });
}

/** Without the texts of programmers' errors. */
function told(run: RunOutline): RunOutline {
  const error = run.error === null ? null : toldOfRun(run.error as ErrorData, run.id);
  return { ...run, error, children: run.children.map(told) };
}

function forkRoute(services: Services): Route {
  return defineRoute({
    ...common,
    method: "POST",
    pattern: "/v2/runs/{rn}/fork",
    hasOwnGate: true,
    body: forkBody,
    handler: async (context) => {
      const { step, mode } = context.body;
      const row = await rootOf(services, context);
      const entries = entriesBefore(await wholeLog(services.system, row), row.id, step);
      if (entries === undefined) {
        const message = `Run ${row.id} has no step "${step}"; its tree names those it has.`;
        throw new RuntimeError("INVALID", message, { pointer: "/step" });
      }
      return await startRun(context, services, askOf(context, row, "fork", entries), mode);
    },
  });
}

function resumeRoute(services: Services): Route {
  return defineRoute({
    ...common,
    method: "POST",
    pattern: "/v2/runs/{rn}/resume",
    hasOwnGate: true,
    body: resumeBody,
    optionalBody: true,
    handler: async (context) => {
      const { mode } = context.body;
      const row = await rootOf(services, context);
      if (row.endedAt === null || row.status === "completed") {
        const is = row.endedAt === null ? "is under way" : "has completed";
        throw new RuntimeError("CONFLICT", `Run ${row.id} ${is}: there is nothing to resume.`);
      }
      const log = await wholeLog(services.system, row);
      const entries = entriesBeforeEnd(log, row.outcome as Outcome);
      return await startRun(context, services, askOf(context, row, "resume", entries), mode);
    },
  });
}

/** The row of a root run. @throws NOT_FOUND, also for the id of a child. */
async function rootOf({ chat }: Services, context: RouteContext): Promise<RunRow> {
  const run = context.params["rn"] ?? "";
  const { row } = await chat.find(context.principal.tenant, run);
  if (row.id === run) return row;
  throw new RuntimeError("NOT_FOUND", `${run} is a part of run ${row.id}; name that one.`);
}

function askOf(
  context: RouteContext<Pick<Static<typeof resumeBody>, "mode">>,
  of: RunRow,
  way: AgainAsk["way"],
  entries: number,
): AgainAsk {
  const { request, body } = context;
  const trace = request.header("traceparent");
  return {
    caller: callerOf(context),
    once: onceKeyOf(request, context.bodyBytes),
    signal: request.signal,
    of,
    way,
    entries,
    stream: body.mode === "stream",
    ...(trace === undefined ? {} : { trace }),
  };
}
