// GET /v2/agents/{id}/logs: what the runs of an agent say, as lines; `follow=true` as they come.

import { Type } from "../../../actors/schema.ts";
import type { LineLevel, LogLine } from "../../../actors/trace/run-lines.ts";
import { RuntimeError, toldOfRun } from "../../../runtime/errors.ts";
import { eventStreamOf } from "../openapi/event-streams.ts";
import { named } from "../openapi/named.ts";
import { anyObject, orNull, time } from "../openapi/responses.ts";
import { timeOf } from "../query-time.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route, type RouteContext } from "../route.ts";
import type { LogRequest, LogSource } from "../services/agent-logs.ts";
import type { Services } from "../services/services.ts";
import { eventStream, type SseEvent } from "../sse.ts";

const text = Type.String();
const levels = ["debug", "info", "warn", "error"] as const;
const EVENT_ID = /^(\d{1,15})\.(rn_[A-Za-z0-9.]{1,128})\.(\d{1,7})$/;

const line = named(
  "AgentLogLine",
  Type.Object(
    {
      id: text,
      time,
      level: Type.String({ enum: [...levels] }),
      message: text,
      run_id: text,
      agent_key: orNull(text),
      trace_id: text,
      request_id: orNull(
        Type.String({ description: "Of the request that began the run: its `X-Request-Id`." }),
      ),
      attributes: anyObject,
    },
    { additionalProperties: false },
  ),
);
const page = Type.Object(
  {
    data: Type.Array(line),
    truncated: Type.Boolean({ description: "There are more lines than are shown." }),
  },
  { additionalProperties: false },
);

const ofAgents = { service: "agents", errors: "problem", pattern: "/v2/agents/{id}/logs" } as const;

/** The route. @param at where it is. */
export function agentLogsRoute(
  services: Services,
  at: Pick<Route, "service" | "errors" | "pattern"> = ofAgents,
): Route {
  return defineRoute({
    ...at,
    summary: "Read the log of an agent",
    description:
      "What the runs in which the agent was asked say: their beginning, routing, calls of tools, findings of guardrails, failures, their end; not what users and models said. Oldest first: the last lines, or the first since a time. `follow=true` gives lines as events as they come, also behind `Last-Event-ID`. Kept as long as the runs' events are.",
    responses: {
      200: {
        description: "The lines.",
        content: {
          "application/json": page,
          "text/event-stream": eventStreamOf("Lines as they come, until the reader goes.", [
            ["line", line],
          ]),
        },
      },
    },
    parameters: {
      level: { description: "Least level: debug, info, warn or error. Default info." },
      since: { description: "Lines from then on, a time in ISO 8601." },
      q: { description: "A text that a line has." },
      limit: { description: "Lines of a page, 1 to 1,000. Default 100." },
      follow: { description: "`true`: as events, until the reader goes." },
    },
    reads: ["Last-Event-ID"],
    permission: "runs.read",
    method: "GET",
    query: ["level", "since", "q", "limit", "follow"],
    handler: async (context) => {
      const { principal, params, query, request } = context;
      const { tenant } = principal;
      const agent = params["id"] ?? "";
      const last = request.header("last-event-id");
      await services.agents.get(tenant, agent);
      const wanted = await requestOf(tenant, agent, query);
      const source = sourceOf(services, context);
      if (isFollowed(query)) return followed(source, wanted, last);
      const { lineView, readLines } = await import("../services/agent-logs.ts");
      const { lines, isCut } = await readLines(source, wanted);
      return json(200, { data: lines.map(lineView), truncated: isCut });
    },
  });
}

function sourceOf({ system }: Services, { principal }: RouteContext): LogSource {
  const { tenant, isServer, allowedResources, boundTo } = principal;
  const isBound = allowedResources != null || boundTo != null;
  return {
    system,
    told: (error, run) => (isServer ? error : toldOfRun(error, run)),
    sees: async (row) => {
      if (!isBound) return true;
      const { rowIsReached } = await import("../scope/owners.ts");
      return await rowIsReached({ system, tenant }, principal, row);
    },
  };
}

async function requestOf(
  tenant: string,
  agent: string,
  query: URLSearchParams,
): Promise<LogRequest> {
  const { agentLogLimits: limits } = await import("../services/agent-logs.ts");
  const level = query.get("level") ?? "info";
  if (!levels.includes(level as LineLevel)) throw invalid("level", `one of ${levels.join(", ")}`);
  const given = query.get("limit");
  const limit = given === null ? limits.linesDefault : Number(given);
  if (!Number.isInteger(limit) || limit < 1 || limit > limits.lines) {
    throw invalid("limit", `a whole number from 1 to ${limits.lines}`);
  }
  const text = query.get("q");
  if ((text?.length ?? 0) > limits.queryChars) {
    throw invalid("q", `a text of at most ${limits.queryChars} characters`);
  }
  const sinceMs = timeOf(query, "since");
  return { tenant, agent, level: level as LineLevel, sinceMs, text, limit };
}

function isFollowed(query: URLSearchParams): boolean {
  const follow = query.get("follow") ?? "false";
  if (follow === "true" || follow === "false") return follow === "true";
  throw invalid("follow", "true or false");
}

const invalid = (parameter: string, what: string): RuntimeError =>
  new RuntimeError("INVALID", `${parameter} must be ${what}.`, { parameter });

/** Looks again and again: what the log of a run holds comes as soon as it is stored. */
function followed(source: LogSource, wanted: LogRequest, last: string | undefined) {
  const from = placeOf(last ?? null);
  // From when it was asked for: a run may begin while the first look is under way.
  const fromMs = from?.atMs ?? wanted.sinceMs ?? Date.now();
  return eventStream(async ({ send, signal }) => {
    const logs = await import("../services/agent-logs.ts");
    const { agentLogLimits: limits, idOfLine, lineView, readLines } = logs;
    const eventOf = (one: LogLine): SseEvent => ({
      ...{ id: idOfLine(one), event: "line", data: JSON.stringify(lineView(one)) },
    });
    /** Lines that were sent, of the runs that are still looked at. */
    const sent = new Map<string, number>();
    let sinceMs = fromMs;
    while (!signal.aborted) {
      const now = Date.now();
      const { lines } = await readLines(source, {
        ...{ ...wanted, sinceMs },
        ...{ limit: limits.lines, rows: limits.followRows },
      });
      const fresh = lines.filter((one) => isAfter(one, from) && !sent.has(idOfLine(one)));
      for (const one of fresh) sent.set(idOfLine(one), one.atMs);
      if (fresh.length > 0) await send(fresh.map(eventOf));
      sinceMs = Math.max(sinceMs, now - limits.followBackMs);
      for (const [id, atMs] of sent) if (atMs < sinceMs) sent.delete(id);
      await pause(limits.followMs, signal);
    }
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}

interface Place {
  readonly atMs: number;
  readonly run: string;
  readonly number: number;
}

/** @throws INVALID. */
function placeOf(id: string | null): Place | null {
  if (id === null || id === "") return null;
  const [, atMs, run = "", number] = EVENT_ID.exec(id) ?? [];
  if (atMs === undefined) {
    throw new RuntimeError("INVALID", "Last-Event-ID must be the id of a line of the log.");
  }
  return { atMs: Number(atMs), run, number: Number(number) };
}

/** In the order in which lines are sent. */
function isAfter(one: LogLine, from: Place | null): boolean {
  if (from === null || one.atMs !== from.atMs) return from === null || one.atMs > from.atMs;
  return one.run === from.run ? one.number > from.number : one.run > from.run;
}
