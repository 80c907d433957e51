// /agents/v1: agents that work by themselves, in the shape of their files. Logs and metrics are those of /v2 and of
// /metrics, at the paths that such set-ups ask for.

import { orchestratedInput } from "../../../actors/records/orchestrated.ts";
import { onlyOf } from "../../../actors/records/resource-scope.ts";
import { Type } from "../../../actors/schema.ts";
import type { Orchestrated, Orchestrator } from "../../orchestrator/port.ts";
import { answers, nothing, orNull } from "../openapi/responses.ts";
import { agentLogsRoute } from "../platform/agent-logs.ts";
import { etag, ifMatchOf } from "../platform/shapes.ts";
import { json, noContent } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { callerOf } from "../services/caller.ts";
import { onceKeyOf } from "../services/once.ts";
import { ORCHESTRATED_BY } from "../services/orchestrated-by.ts";
import { cursorOf, pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { agentShown, agentView, startBody, startShown, stopShown } from "./shapes.ts";
import { toolsRoute } from "./tools.ts";

const path = "/agents/v1/agents";
const common = { service: ORCHESTRATED_BY, errors: "problem" } as const;
const list = { ...common, pattern: path } as const;
const one = { ...common, pattern: `${path}/{id}` } as const;
const closed = { additionalProperties: false } as const;
const text = Type.String();
const source = { origin: "agents_v1", file: null } as const;

/** The routes. */
export function orchestratorRoutes(services: Services): readonly Route[] {
  return [
    listRoute(services),
    createRoute(services),
    ...recordRoutes(services),
    startRoute(services),
    stopRoute(services),
    agentLogsRoute(services, { ...common, pattern: `${path}/{id}/logs` }),
    toolsRoute(services),
  ];
}

const page = Type.Object(
  {
    data: Type.Array(agentShown),
    next_cursor: orNull(text),
    problems: Type.Array(Type.Object({ file: text, problem: text }, closed), {
      description: "Files that are no agent as they are, with line and column of what is wrong.",
    }),
  },
  closed,
);

function listRoute(services: Services): Route {
  return defineRoute({
    ...list,
    method: "GET",
    summary: "List agents that work by themselves",
    description:
      "Those of the operator's folder of files and those made here, in order of creation. Agents of /v2/agents are not among them.",
    query: pageQuery,
    responses: answers(200, page, "A page of agents, and what is wrong with files."),
    handler: async ({ principal: { tenant, allowedResources }, query }) => {
      const orchestrator = await services.orchestrator();
      const only = onlyOf(allowedResources, "agents");
      const found = await orchestrator.list(tenant, pageRequest(query, path), only);
      const data = await Promise.all(found.items.map((item) => view(orchestrator, item)));
      const isTold = only === undefined && orchestrator.problems.tenant === tenant;
      const problems = [...(isTold ? orchestrator.problems.byFile : [])].flatMap(([file, all]) =>
        all.map((problem) => ({ file, problem })),
      );
      return json(200, { data, next_cursor: cursorOf(path, found), problems });
    },
  });
}

function createRoute(services: Services): Route {
  return defineRoute({
    ...list,
    method: "POST",
    summary: "Create an agent that works by itself",
    description:
      "As its file would say it, in JSON. It is `stopped` until it is started, unless `status` says otherwise. Costs what agents and sub-agents cost. With an `Idempotency-Key` a repeated request creates nothing.",
    reads: ["Idempotency-Key"],
    body: orchestratedInput,
    responses: answers(201, agentShown, "The agent.", ["ETag", "Location"]),
    handler: async (context) => {
      const orchestrator = await services.orchestrator();
      const key = onceKeyOf(context.request, context.bodyBytes);
      const { body: said } = context;
      const given = { said, source, status: said.status };
      const made = await orchestrator.create(callerOf(context), given, key);
      const { agent_key: id, version } = made.row.agent;
      const headers = { ...etag(version), Location: `${path}/${id}` };
      return json(201, await view(orchestrator, made), headers);
    },
  });
}

function recordRoutes(services: Services): readonly Route[] {
  return [
    defineRoute({
      ...one,
      method: "GET",
      summary: "Read an agent that works by itself",
      description: "As its file would say it, unset fields null, with its `status`.",
      responses: answers(200, agentShown, "The agent.", ["ETag"]),
      handler: async ({ principal: { tenant }, params }) => {
        const orchestrator = await services.orchestrator();
        const found = await orchestrator.get(tenant, params["id"] ?? "");
        return json(200, await view(orchestrator, found), etag(found.row.version));
      },
    }),
    defineRoute({
      ...one,
      method: "PUT",
      summary: "Replace an agent that works by itself",
      description:
        "What is not sent has its default again, its sub-agents and triggers too; `status` stays. Triggers are known again by `id` or `name`, sub-agents by `name`. One of a file is changed in its file: 409.",
      reads: ["If-Match"],
      body: orchestratedInput,
      responses: answers(200, agentShown, "The agent.", ["ETag"]),
      handler: async (context) => {
        const orchestrator = await services.orchestrator();
        const { body: said } = context;
        const ifMatch = ifMatchOf(context.request);
        const change = { said, source, status: said.status, ifMatch, always: true };
        const id = context.params["id"] ?? "";
        const changed = await orchestrator.change(callerOf(context), id, change);
        return json(200, await view(orchestrator, changed), etag(changed.row.version));
      },
    }),
    defineRoute({
      ...one,
      method: "DELETE",
      summary: "Delete an agent that works by itself",
      description:
        "With its triggers, sub-agents and memories; what they had begun is cancelled, its conversations stay. Refused with 409 while other records name it, and for one of a file.",
      reads: ["If-Match"],
      responses: nothing,
      handler: async (context) => {
        const orchestrator = await services.orchestrator();
        const ifMatch = ifMatchOf(context.request);
        await orchestrator.remove(callerOf(context), context.params["id"] ?? "", ifMatch);
        return noContent();
      },
    }),
  ];
}

function startRoute(services: Services): Route {
  return defineRoute({
    ...common,
    method: "POST",
    pattern: `${path}/{id}/start`,
    summary: "Start an agent that works by itself",
    description:
      "From now on its triggers set it to work, over restarts too. With `input` it begins a run at once, for which nobody waits; where as many run as may (`agents.max_running`), it waits its turn. With an `Idempotency-Key` one for each.",
    permission: "runs.start",
    stores: true,
    reads: ["Idempotency-Key"],
    body: startBody,
    optionalBody: true,
    responses: answers(202, startShown, "It is running; `run` is what it has begun, if anything."),
    handler: async (context) => {
      const orchestrator = await services.orchestrator();
      const key = onceKeyOf(context.request, context.bodyBytes);
      const { input = null } = context.body;
      const id = context.params["id"] ?? "";
      const { agent, run } = await orchestrator.start(callerOf(context), id, input, key);
      const begun = run && { id: run.run, run_id: run.run, conversation_key: run.conversation };
      return json(202, { ...headOf(agent), status: "running", run: begun });
    },
  });
}

function stopRoute(services: Services): Route {
  return defineRoute({
    ...common,
    method: "POST",
    pattern: `${path}/{id}/stop`,
    summary: "Stop an agent that works by itself",
    description:
      "Its triggers are at rest, over restarts too, and runs that they or `start` had begun are cancelled; what these had answered by then is kept. It can still be spoken with.",
    permission: "runs.control",
    isControl: true,
    responses: answers(200, stopShown, "It is stopped."),
    handler: async (context) => {
      const orchestrator = await services.orchestrator();
      const id = context.params["id"] ?? "";
      const { agent, cancelled } = await orchestrator.stop(callerOf(context), id);
      return json(200, { ...headOf(agent), status: "stopped", cancelled_runs: cancelled });
    },
  });
}

const headOf = ({ row: { agent } }: Orchestrated) => ({ id: agent.agent_key, name: agent.name });

function view(orchestrator: Orchestrator, found: Orchestrated) {
  const { file } = found.state;
  const wrong = file === null ? [] : (orchestrator.problems.byFile.get(file) ?? []);
  return agentView(found, orchestrator, wrong);
}
