// What graphs have beside their records and runs: events that tell a run what it waits for, and pictures
// of a workflow and of how far a run has come.

import { eventKey, isEventName } from "../../../actors/flow/event-name.ts";
import { marksOf, type NodeMark } from "../../../actors/flow/marks.ts";
import { versionId } from "../../../actors/records/agent-version.ts";
import { Type } from "../../../actors/schema.ts";
import { targetPlace } from "../../../actors/targets.ts";
import type { TurnInput } from "../../../actors/turn-input.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { RunRow } from "../../../runtime/system.ts";
import { drawingOf, svgOf } from "../../graphs/graph-drawing.ts";
import type { Layout } from "../../graphs/graph-layout.ts";
import { layoutTaskName } from "../../graphs/task-name.ts";
import { named } from "../openapi/named.ts";
import { answers } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import type { HttpResponse } from "../server.ts";
import { wholeLog } from "../services/run-log.ts";
import type { Services } from "../services/services.ts";

type Fields = Readonly<Record<string, unknown>>;

const errors = "problem";
/** Bytes of what a run is told. */
const EVENT_BYTES_MAX = 64 * 1_024;
/** One picture, ms. */
const LAYOUT_MS = 10_000;

const toldEvent = named(
  "ToldEvent",
  Type.Object({ id: Type.String(), event: Type.String() }, { additionalProperties: false }),
);
const pictureResponses: NonNullable<Route["responses"]> = {
  200: { description: "The picture.", content: { "image/svg+xml": Type.String() } },
};

/** The routes. */
export function flowRoutes(services: Services): readonly Route[] {
  return [eventRoute(services), workflowGraphRoute(services), runGraphRoute(services)];
}

function eventRoute(services: Services): Route {
  const { chat, system } = services;
  return defineRoute({
    summary: "Tell a run an event that it waits for",
    description:
      "Once: told again it is a 409, also before the run has come to wait for it, which then finds it. The body is any JSON of up to 64 KiB, which the node gives. An event that no node of the graph can wait for is a 404.",
    responses: answers(202, toldEvent, "The run is told."),
    method: "POST",
    pattern: "/v2/runs/{rn}/events/{name}",
    service: "runs",
    errors,
    isControl: true,
    body: Type.Unknown(),
    optionalBody: true,
    bodyBytesMax: EVENT_BYTES_MAX,
    handler: async ({ principal, params, body }) => {
      const { tenant } = principal;
      const { rn: run = "", name = "" } = params;
      const { row } = await chat.find(tenant, run);
      if (!isEventName(name))
        throw new RuntimeError("NOT_FOUND", "There is no event of this name.");
      // What a part of the run waits for is known to that part alone.
      if (row.id === run) refuseUnknown(await graphOf(services, tenant, row), name, run);
      await system.decide(tenant, run, eventKey(name), body ?? null);
      return json(202, { id: run, event: name });
    },
  });
}

function workflowGraphRoute(services: Services): Route {
  return defineRoute({
    summary: "Draw the graph of a workflow",
    description: "An SVG of its nodes and edges, without scripts and links.",
    responses: pictureResponses,
    method: "GET",
    pattern: "/v2/workflows/{id}/graph.svg",
    service: "workflows",
    errors,
    handler: async ({ principal, params }) => {
      const { tenant } = principal;
      const { record } = await services.resources.kinds.workflows.get(tenant, params["id"] ?? "");
      return await picture(services, tenant, record, new Map());
    },
  });
}

function runGraphRoute(services: Services): Route {
  const { chat, system } = services;
  return defineRoute({
    summary: "Draw how far a run has come in its graph",
    description:
      "The graph of the version that the run is on, each node with its status, visits and times. Of a workflow, or of an agent with a graph; else a 404.",
    responses: pictureResponses,
    method: "GET",
    pattern: "/v2/runs/{rn}/graph.svg",
    service: "runs",
    errors,
    handler: async ({ principal, params }) => {
      const { tenant } = principal;
      const { row } = await chat.find(tenant, params["rn"] ?? "");
      const graph = await graphOf(services, tenant, row);
      const log = await wholeLog(system, row);
      const marks = marksOf({ id: row.id, isOver: row.endedAt !== null }, log);
      return await picture(services, tenant, graph, marks);
    },
  });
}

/** What is drawn of a workflow or of an agent. */
interface Named {
  readonly name: string;
  readonly graph_definition?: Fields | null;
}

/** What the run is pinned to. @throws NOT_FOUND when it is not kept, or has no graph. */
async function graphOf({ system }: Services, tenant: string, row: RunRow): Promise<Named> {
  const { agent, version } = row.input as Partial<TurnInput>;
  const place = targetPlace(agent ?? "");
  const found = await system.tables.get(
    tenant,
    place.versions,
    versionId(agent ?? "", version ?? 0),
  );
  const { record, agent: own } = (found?.value ?? {}) as { record?: Named; agent?: Named };
  const named = record ?? own;
  if (named?.graph_definition) return named;
  throw new RuntimeError("NOT_FOUND", `The run ${row.id} walks no graph.`);
}

async function picture(
  { compute }: Services,
  tenant: string,
  { name, graph_definition: definition }: Named,
  marks: ReadonlyMap<string, NodeMark>,
): Promise<HttpResponse> {
  const drawing = drawingOf(definition ?? {});
  const options = { tenant, timeoutMs: LAYOUT_MS };
  const layout = (await compute.run(layoutTaskName, drawing, options)) as Layout;
  return {
    status: 200,
    headers: {
      "Content-Type": "image/svg+xml; charset=utf-8",
      "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
      "Cache-Control": "no-store",
    },
    body: svgOf(name, drawing, layout, marks),
  };
}

/** @throws NOT_FOUND for an event that no node of the run's graph can wait for. */
function refuseUnknown({ graph_definition: definition }: Named, name: string, run: string): void {
  const known = eventsOf(definition ?? {});
  const isKnown = known.some(({ event, hasKey }) =>
    hasKey ? name.startsWith(`${event}.`) : name === event,
  );
  if (isKnown) return;
  const names = known.map(({ event, hasKey }) => (hasKey ? `${event}.<key>` : event));
  const may = names.length === 0 ? "no events" : names.join(", ");
  throw new RuntimeError(
    "NOT_FOUND",
    `The run ${run} waits for ${may}; "${name}" is none of them.`,
  );
}

function eventsOf(
  definition: Fields,
): readonly { readonly event: string; readonly hasKey: boolean }[] {
  const nodes = Array.isArray(definition["nodes"]) ? (definition["nodes"] as Fields[]) : [];
  return nodes.flatMap(({ type, event, key, body }) => [
    ...(type === "event" ? [{ event: String(event), hasKey: typeof key === "string" }] : []),
    ...(typeof body === "object" && body !== null ? eventsOf(body as Fields) : []),
  ]);
}
