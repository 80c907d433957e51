// The HTTP+JSON binding of 1.0: each route's answer, from the SDK's codecs and our handler.

import {
  AgentCard,
  ListTaskPushNotificationConfigsResponse,
  type ListTasksResponse,
  SendMessageRequest,
  SendMessageResponse,
  StreamResponse,
  Task,
  TaskPushNotificationConfig,
  TaskState,
  taskStateFromJSON,
} from "@a2a-js/sdk";
import { toRestErrorBody, VersionNotSupportedError } from "@a2a-js/sdk/errors";
import { type A2ARequestHandler, ServerCallContext } from "@a2a-js/sdk/server";
import { RuntimeError } from "../../runtime/errors.ts";
import { jsonText, noContent } from "../http/reply.ts";
import type { HttpResponse } from "../http/server.ts";
import { restError } from "./errors.ts";
import { streamed } from "./event-stream.ts";
import { type Call, createHandler } from "./handler.ts";

/** What a route asks for. */
export type RestRequest =
  | { readonly type: "send" | "stream"; readonly body: unknown }
  | { readonly type: "get"; readonly task: string; readonly historyLength: string | null }
  | { readonly type: "list"; readonly query: URLSearchParams }
  | { readonly type: "cancel" | "subscribe"; readonly task: string }
  | { readonly type: "card" }
  | PushRequest;

type PushRequest =
  | { readonly type: "push-create"; readonly task: string; readonly body: unknown }
  | { readonly type: "push-list"; readonly task: string }
  | { readonly type: "push-get" | "push-delete"; readonly task: string; readonly config: string };

const TYPE = "application/a2a+json; charset=utf-8";

/** Answers one. @throws what the protocol has no word for. */
export async function answerRest(
  call: Omit<Call, "version">,
  version: string,
  request: RestRequest,
): Promise<HttpResponse> {
  try {
    if (version !== "1.0") {
      throw new VersionNotSupportedError("HTTP+JSON is spoken here in version 1.0 of A2A alone.");
    }
    return await answer(createHandler({ ...call, version }), request);
  } catch (error) {
    return restError(error);
  }
}

const context = (): ServerCallContext => new ServerCallContext({ requestedVersion: "1.0" });
const shown = (value: unknown, status = 200): HttpResponse =>
  jsonText(status, JSON.stringify(value), { "Content-Type": TYPE });

async function answer(handler: A2ARequestHandler, request: RestRequest): Promise<HttpResponse> {
  const tenant = "";
  switch (request.type) {
    case "send": {
      const sent = await handler.sendMessage(SendMessageRequest.fromJSON(request.body), context());
      const payload =
        "messageId" in sent
          ? ({ $case: "message", value: sent } as const)
          : ({ $case: "task", value: sent } as const);
      return shown(SendMessageResponse.toJSON({ payload }));
    }
    case "stream":
      return await eventsOf(
        handler.sendMessageStream(SendMessageRequest.fromJSON(request.body), context()),
      );
    case "subscribe":
      return await eventsOf(handler.resubscribe({ id: request.task, tenant }, context()));
    case "get": {
      const length = numberOf("historyLength", request.historyLength);
      const of = {
        id: request.task,
        tenant,
        ...(length !== undefined && { historyLength: length }),
      };
      return shown(Task.toJSON(await handler.getTask(of, context())));
    }
    case "list":
      return await listed(handler, request.query);
    case "cancel": {
      const of = { id: request.task, tenant, metadata: undefined };
      return shown(Task.toJSON(await handler.cancelTask(of, context())));
    }
    case "card":
      return shown(
        AgentCard.toJSON(await handler.getAuthenticatedExtendedAgentCard({ tenant }, context())),
      );
    default:
      return await pushAnswer(handler, request);
  }
}

async function pushAnswer(handler: A2ARequestHandler, request: PushRequest): Promise<HttpResponse> {
  const tenant = "";
  const taskId = request.task;
  switch (request.type) {
    case "push-create": {
      const body = request.body as object;
      const config = TaskPushNotificationConfig.fromJSON({ ...body, taskId });
      const made = await handler.createTaskPushNotificationConfig(config, context());
      return shown(TaskPushNotificationConfig.toJSON(made), 201);
    }
    case "push-list": {
      const of = { tenant, taskId, pageSize: 0, pageToken: "" };
      const list = await handler.listTaskPushNotificationConfigs(of, context());
      return shown(ListTaskPushNotificationConfigsResponse.toJSON(list));
    }
    case "push-get": {
      const of = { tenant, taskId, id: request.config };
      const config = await handler.getTaskPushNotificationConfig(of, context());
      return shown(TaskPushNotificationConfig.toJSON(config));
    }
    case "push-delete":
      await handler.deleteTaskPushNotificationConfig(
        { tenant, taskId, id: request.config },
        context(),
      );
      return noContent();
  }
}

async function listed(handler: A2ARequestHandler, query: URLSearchParams): Promise<HttpResponse> {
  const pageSize = numberOf("pageSize", query.get("pageSize"));
  const historyLength = numberOf("historyLength", query.get("historyLength"));
  const status = query.get("status") ?? "";
  const since = query.get("statusTimestampAfter") ?? "";
  const list = await handler.listTasks(
    {
      tenant: "",
      contextId: query.get("contextId") ?? "",
      status: status === "" ? TaskState.TASK_STATE_UNSPECIFIED : stateOf(status),
      pageToken: query.get("pageToken") ?? "",
      ...(pageSize !== undefined && { pageSize }),
      ...(historyLength !== undefined && { historyLength }),
      statusTimestampAfter: since === "" ? undefined : since,
      includeArtifacts: query.get("includeArtifacts") === "true",
    },
    context(),
  );
  return shown(listJson(list));
}

/** Every field is there, also where it says that there is nothing. */
export function listJson(list: ListTasksResponse): object {
  const { nextPageToken, pageSize, totalSize } = list;
  return { tasks: list.tasks.map((task) => Task.toJSON(task)), nextPageToken, pageSize, totalSize };
}

function eventsOf(events: AsyncIterable<StreamResponse>): Promise<HttpResponse> {
  const failed = (error: unknown) => toRestErrorBody(error, 500);
  return streamed(events, (event) => StreamResponse.toJSON(event), failed);
}

function stateOf(status: string): TaskState {
  const state = taskStateFromJSON(/^\d$/.test(status) ? Number(status) : status);
  if (state !== TaskState.UNRECOGNIZED) return state;
  throw new RuntimeError("INVALID", "status must be a state of a task.", { parameter: "status" });
}

function numberOf(parameter: string, given: string | null): number | undefined {
  if (given === null || given === "") return undefined;
  const value = Number(given);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new RuntimeError("INVALID", `${parameter} must be a whole number from 0.`, { parameter });
}
