// Routes of A2A: each agent, team and workflow under /a2a/{agent}, by JSON-RPC and by HTTP+JSON. What
// answers is loaded with the first request, and the SDK with it.

import { RuntimeError } from "../../runtime/errors.ts";
import { defineRoute, type Route } from "../http/route.ts";
import type { HttpResponse } from "../http/server.ts";
import type { Services } from "../http/services/services.ts";
import type { Called, Context } from "./call.ts";
import type { RestRequest } from "./rest.ts";
import { pushBody, responses, rpcBody, sendBody } from "./schemas.ts";

const CARD = "/.well-known/agent-card.json";
const agent = "/a2a/{agent}";
const task = `${agent}/tasks/{task}`;
const pushes = `${task}/pushNotificationConfigs`;
const common = { service: "a2a", errors: "rpc-status" } as const;
/** What every request of the protocol may say in its query, for clients that cannot set headers. */
const everywhere = ["A2A-Version", "tenant"] as const;
const verbs = { cancel: ":cancel", subscribe: ":subscribe" } as const;
const taskParameters = {
  agent: { description: "`ag_`, `tm_` or `wf_`." },
  task: { description: "The run that the task is." },
};
const taskVerb = {
  ...taskParameters,
  task: { description: "The run that the task is, and behind it `:subscribe` or `:cancel`." },
};

/** All routes of the surface. */
export function a2aRoutes(services: Services): readonly Route[] {
  return [
    ...cardRoutes(services),
    rpcRoute(services),
    ...messageRoutes(services),
    ...taskRoutes(services),
    ...pushRoutes(services),
  ];
}

function cardRoutes(services: Services): readonly Route[] {
  const answered = async (context: Context, { call, version }: Called): Promise<HttpResponse> => {
    const { answerCard } = await import("./card-answer.ts");
    return await answerCard(call, version, context.request);
  };
  const description =
    "In the form of 1.0 where the header A2A-Version says so, else in that of 0.3. It is shown to keys of the agent's own tenant alone.";
  return [
    defineRoute({
      summary: "Read the card of an agent",
      description: `${description} Of the agent that \`agent\` names, else of the tenant's only one.`,
      responses: responses.card,
      parameters: { agent: { description: "`ag_`, `tm_` or `wf_`." } },
      ...common,
      method: "GET",
      pattern: CARD,
      query: ["agent", ...everywhere],
      handler: async (context) => {
        const { callOfAny } = await import("./call.ts");
        return await answered(context, await callOfAny(services, context));
      },
    }),
    defineRoute({
      summary: "Read the card of this agent",
      description,
      responses: responses.card,
      parameters: taskParameters,
      ...common,
      method: "GET",
      pattern: `${agent}${CARD}`,
      query: [...everywhere],
      handler: async (context) => await answered(context, await callOf(services, context)),
    }),
    restRoute(services, {
      summary: "Read the extended card of this agent",
      description: "With its active sub-agents as skills.",
      responses: responses.extended,
      method: "GET",
      pattern: `${agent}/extendedAgentCard`,
      asked: () => ({ type: "card" }),
    }),
  ];
}

function rpcRoute(services: Services): Route {
  return defineRoute({
    summary: "Speak A2A to an agent by JSON-RPC",
    description:
      "Methods of A2A 1.0, and of 0.3 where the header A2A-Version is absent or says so. A context is a conversation, a task a run. A message is taken once by its `messageId`. What a person has to decide makes a task input-required; a message to it with the text `approve` or `reject` decides it, with a key that may.",
    responses: responses.rpc,
    parameters: taskParameters,
    ...common,
    errors: "json-rpc",
    method: "POST",
    pattern: agent,
    query: [...everywhere],
    reads: ["X-Max-Spend"],
    hasOwnGate: true,
    body: rpcBody,
    handler: async (context) => {
      const { answerRpc } = await import("./json-rpc.ts");
      const { call, version } = await callOf(services, context);
      return await answerRpc(call, version, context.body);
    },
  });
}

function messageRoutes(services: Services): readonly Route[] {
  return (["send", "stream"] as const).map((type) =>
    defineRoute({
      summary:
        type === "send" ? "Send a message to an agent" : "Send a message and follow the task",
      description:
        "By HTTP+JSON of A2A 1.0. The answer comes when the task has ended or a person has to decide; `returnImmediately` does not wait.",
      responses: type === "send" ? responses.sent : responses.stream,
      parameters: taskParameters,
      ...common,
      method: "POST",
      pattern: `${agent}/message:${type}`,
      query: [...everywhere],
      reads: ["X-Max-Spend"],
      hasOwnGate: true,
      body: sendBody,
      handler: async (context) => await rest(services, context, { type, body: context.body }),
    }),
  );
}

function taskRoutes(services: Services): readonly Route[] {
  return [
    restRoute(services, {
      summary: "List tasks of an agent",
      description:
        "Newest first, those of the newest 2,000 runs of the tenant that are this agent's; a page may be short and still have a token.",
      responses: responses.list,
      method: "GET",
      pattern: `${agent}/tasks`,
      query: [
        ...["contextId", "status", "pageSize", "pageToken", "historyLength"],
        ...["statusTimestampAfter", "includeArtifacts"],
      ],
      asked: ({ query }) => ({ type: "list", query }),
    }),
    restRoute(services, {
      summary: "Read a task, or follow it",
      description: "`{task}:subscribe` gives its events from the start, to its end.",
      responses: responses.taskOrEvents,
      parameters: taskVerb,
      method: "GET",
      pattern: task,
      query: ["historyLength"],
      asked: ({ params, query }) => {
        const id = params["task"] ?? "";
        const followed = before(id, verbs.subscribe);
        if (followed !== null) return { type: "subscribe", task: followed };
        return { type: "get", task: id, historyLength: query.get("historyLength") };
      },
    }),
    restRoute(services, {
      summary: "Cancel a task, or follow it",
      description: "`{task}:cancel` cancels it, `{task}:subscribe` is as by GET.",
      responses: responses.taskOrEvents,
      parameters: taskVerb,
      method: "POST",
      pattern: task,
      isControl: true,
      asked: ({ params }) => {
        const id = params["task"] ?? "";
        const cancelled = before(id, verbs.cancel);
        if (cancelled !== null) return { type: "cancel", task: cancelled };
        const followed = before(id, verbs.subscribe);
        if (followed !== null) return { type: "subscribe", task: followed };
        throw new RuntimeError("NOT_FOUND", "A task is told :cancel or :subscribe.");
      },
    }),
  ];
}

function pushRoutes(services: Services): readonly Route[] {
  const config = `${pushes}/{config}`;
  const taskOf = ({ params }: Context): string => params["task"] ?? "";
  const configOf = ({ params }: Context): string => params["config"] ?? "";
  return [
    defineRoute({
      summary: "Be told of a task's end",
      description:
        "By a POST of the task to `url`, signed as webhooks are and with the token and the credentials, again and again until it is taken. At most 10 of a task.",
      responses: responses.pushMade,
      parameters: taskParameters,
      ...common,
      method: "POST",
      pattern: pushes,
      query: [...everywhere],
      body: pushBody,
      handler: async (context) => {
        const { body } = context;
        return await rest(services, context, { type: "push-create", task: taskOf(context), body });
      },
    }),
    restRoute(services, {
      summary: "List who is told of a task's end",
      description: "All of them, at most 10. Tokens and credentials are `***`.",
      responses: responses.pushList,
      method: "GET",
      pattern: pushes,
      query: ["pageSize", "pageToken"],
      asked: (context) => ({ type: "push-list", task: taskOf(context) }),
    }),
    restRoute(services, {
      summary: "Read who is told of a task's end",
      description: "Its token and credentials are `***`.",
      responses: responses.push,
      method: "GET",
      pattern: config,
      asked: (context) => ({
        ...{ type: "push-get", task: taskOf(context), config: configOf(context) },
      }),
    }),
    restRoute(services, {
      summary: "Be told of a task's end no more",
      description: "Also of one that was never told: there may be none.",
      responses: responses.removed,
      method: "DELETE",
      pattern: config,
      asked: (context) => ({
        ...{ type: "push-delete", task: taskOf(context), config: configOf(context) },
      }),
    }),
  ];
}

interface RestSpec extends Pick<Route, "summary" | "method" | "pattern" | "responses"> {
  readonly description: string;
  readonly parameters?: NonNullable<Route["parameters"]>;
  readonly query?: readonly string[];
  readonly isControl?: boolean;
  asked(context: Context): RestRequest;
}

/** A route of HTTP+JSON without a body. */
function restRoute(services: Services, { asked, query = [], ...spec }: RestSpec): Route {
  return defineRoute({
    parameters: taskParameters,
    ...common,
    ...spec,
    query: [...query, ...everywhere],
    handler: async (context) => await rest(services, context, asked(context)),
  });
}

async function rest(
  services: Services,
  context: Context,
  request: RestRequest,
): Promise<HttpResponse> {
  const { answerRest } = await import("./rest.ts");
  const { call, version } = await callOf(services, context);
  return await answerRest(call, version, request);
}

async function callOf(services: Services, context: Context): Promise<Called> {
  const { callOf: of } = await import("./call.ts");
  return await of(services, context);
}

function before(text: string, end: string): string | null {
  return text.endsWith(end) ? text.slice(0, -end.length) : null;
}
