// A run as a tree of what it has done, and runs that begin with what another one has done: forked at a
// step, or resumed where it came to a bad end.

import { forkPointOf } from "../../../actors/flow/fork.ts";
import { versionId } from "../../../actors/records/agent-version.ts";
import { type ResourceRow, resourceTables } from "../../../actors/records/resource.ts";
import { type WorkflowInput, workflowKind } from "../../../actors/records/workflow.ts";
import {
  entriesBefore,
  entriesBeforeEnd,
  outlineOf,
  type RunOutline,
} from "../../../actors/run-outline.ts";
import { type Static, Type } from "../../../actors/schema.ts";
import { traceOfRequest } from "../../../actors/trace/trace-context.ts";
import type { TurnInput } from "../../../actors/turn-input.ts";
import type { Outcome } from "../../../runtime/actor.ts";
import { type ErrorData, RuntimeError, toldOfRun } from "../../../runtime/errors.ts";
import type { RunRow } from "../../../runtime/system.ts";
import { answers } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route, type RouteContext } from "../route.ts";
import { callerOf } from "../services/caller.ts";
import type { AgainAsk } from "../services/chat.ts";
import { onceKeyOf } from "../services/once.ts";
import { wholeLog } from "../services/run-log.ts";
import type { Services } from "../services/services.ts";
import { treeSchema } from "./record-schemas.ts";
import { runResponses } from "./run-schemas.ts";
import { runMode, startRun } from "./runs.ts";

const common = { service: "runs", errors: "problem" } as const;
const STEP_CHARS_MAX = 256;

const resumeBody = Type.Object({ mode: Type.Optional(runMode) }, { additionalProperties: false });

const forkBody = Type.Object(
  {
    /** A step of the root run, or `<run id>/<step>`, as `/tree` names them. It is done anew. */
    step: Type.Optional(Type.String({ minLength: 1, maxLength: STEP_CHARS_MAX })),
    /** In place of `step`: a node of the run's graph, whose last visit is done anew. */
    node: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    /** Of a workflow: values of the state at that node, in place of those it had. */
    state: Type.Optional(Type.Record(Type.String({ maxLength: 64 }), Type.Unknown())),
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
    summary: "Read the tree of runs and steps below a run",
    description:
      "The run, the runs that it has started, and the steps of each, whose keys name them for `/fork`. Of a run under way as far as it has come; kept as long as its events are.",
    responses: answers(200, treeSchema, "The tree."),
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
    summary: "Run again from a step on, as a new run",
    description:
      "What came before the step is taken over, and the step and the rest are done anew, effects too. `step` is a key of the tree, or `node` a node of the graph, for which a workflow may get other `state`. The answer is no message of the conversation. Costs what a start costs. `mode` as there.",
    responses: runResponses,
    reads: ["Idempotency-Key"],
    ...common,
    method: "POST",
    pattern: "/v2/runs/{rn}/fork",
    hasOwnGate: true,
    body: forkBody,
    handler: async (context) => {
      const row = await rootOf(services, context);
      const { entries, fork } = await forkedAt(services, context, row);
      const ask = { ...askOf(context, row, "fork", entries), ...(fork && { fork }) };
      return await startRun(context, services, ask, context.body.mode);
    },
  });
}

/** Where the new run begins. @throws INVALID, OUTPUT_INVALID with the pointer of what is wrong. */
async function forkedAt(
  services: Services,
  { body, principal }: RouteContext<Static<typeof forkBody>>,
  row: RunRow,
): Promise<Pick<AgainAsk, "entries" | "fork">> {
  const { step, node, state } = body;
  const log = await wholeLog(services.system, row);
  if ((step === undefined) === (node === undefined)) {
    throw new RuntimeError("INVALID", "A fork names either a step or a node.", {
      pointer: "/step",
    });
  }
  if (node !== undefined) {
    const point = forkPointOf(row.id, log, node);
    if (point === undefined) {
      const message = `Run ${row.id} did not come to a node "${node}".`;
      throw new RuntimeError("INVALID", message, { pointer: "/node" });
    }
    const { entries, at } = point;
    if (state === undefined) return { entries };
    await checkState(services, principal.tenant, row, state);
    return { entries, fork: { at, state } };
  }
  if (state !== undefined)
    throw new RuntimeError("INVALID", "Only a fork at a node sets a state.", { pointer: "/state" });
  const entries = entriesBefore(log, row.id, step ?? "");
  if (entries !== undefined) return { entries };
  const message = `Run ${row.id} has no step "${step}"; its tree names those it has.`;
  throw new RuntimeError("INVALID", message, { pointer: "/step" });
}

/** @throws INVALID for a run that is not of a workflow, and for values that its state does not take. */
async function checkState(
  { system }: Services,
  tenant: string,
  { input, kind }: RunRow,
  state: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { agent, version } = input as TurnInput;
  const table = resourceTables(workflowKind).versions;
  const row =
    kind === "flow" ? await system.tables.get(tenant, table, versionId(agent, version)) : undefined;
  if (row === undefined) {
    throw new RuntimeError("INVALID", "Only a run of a workflow has a state.", {
      pointer: "/state",
    });
  }
  // With its expressions and schemas: loaded when first needed.
  const [{ compileFlow, loadFlowLibraries }, { checkValues }] = await Promise.all([
    import("../../../actors/flow/compile-flow.ts"),
    import("../../../actors/flow/state.ts"),
  ]);
  await loadFlowLibraries();
  checkValues(compileFlow((row.value as ResourceRow<WorkflowInput>).record).graph, state);
}

function resumeRoute(services: Services): Route {
  return defineRoute({
    summary: "Go on with a run that failed or was cancelled",
    description:
      "What its steps have given is kept, the step that failed is done again, and the answer takes the place of the failed message, which must be the last of its conversation. A run under way or completed is a 409. `mode` as where a run is started.",
    responses: runResponses,
    reads: ["Idempotency-Key"],
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
  const trace = traceOfRequest(request.header("traceparent"), request.id);
  return {
    caller: callerOf(context),
    once: onceKeyOf(request, context.bodyBytes),
    signal: request.signal,
    of,
    way,
    entries,
    stream: body.mode === "stream",
    trace,
  };
}
