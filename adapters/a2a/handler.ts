// What the methods of A2A do, whatever they came by: the SDK's own interface of a request handler over
// the services. A context is a conversation, a task is a run, and a message's id is the key under which
// it is taken once.

import { createHash } from "node:crypto";
import { Message, type SendMessageRequest, type StreamResponse, type Task } from "@a2a-js/sdk";
import {
  ContentTypeNotSupportedError,
  RequestMalformedError,
  UnsupportedOperationError,
} from "@a2a-js/sdk/errors";
import type { A2ARequestHandler } from "@a2a-js/sdk/server";
import { RuntimeError } from "../../runtime/errors.ts";
import type { RunRow } from "../../runtime/system.ts";
import type { SpendLimit } from "../http/max-spend.ts";
import { mayUse } from "../http/permissions.ts";
import type { Principal } from "../http/route.ts";
import type { Caller } from "../http/services/agent-store.ts";
import type { Answering, Attached } from "../http/services/answering.ts";
import type { ChatAsk } from "../http/services/chat.ts";
import type { OnceKey } from "../http/services/once.ts";
import type { Services } from "../http/services/services.ts";
import { cardOf, outputModes } from "./card.ts";
import { createPush, getPush, listPush, type PushOf, removePush } from "./push.ts";
import { checkMessage, decisionIn, saidIn } from "./said.ts";
import { type Target, targetOf } from "./target.ts";
import { taskOf } from "./task.ts";
import { TaskStream } from "./task-stream.ts";
import {
  cancelTask,
  listTasks,
  pendingOf,
  type Shown,
  shownTask,
  type TasksOf,
  taskRun,
} from "./tasks.ts";

/** One request. */
export interface Call {
  readonly services: Services;
  readonly target: Target;
  readonly principal: Principal;
  readonly caller: Caller;
  /** Address of this server as the client knows it. */
  readonly base: string;
  readonly version: PushOf["version"];
  readonly signal: AbortSignal;
  readonly trace?: string;
  /** What a run that it begins may spend. @throws INVALID for what is no amount. */
  limit(): SpendLimit;
}

/** The handler of one request. What it throws is an error of the SDK, or else of this server. */
export function createHandler(call: Call): A2ARequestHandler {
  const { services, target, principal, base, signal } = call;
  const { tenant } = principal;
  const { system } = services;
  const of = tasksOf(call);
  const runOf = (id: string): Promise<RunRow> => taskRun(services, of, id);
  return {
    getAgentCard: async () => cardOf(target, base),
    getAuthenticatedExtendedAgentCard: async () =>
      cardOf(await targetOf(services, tenant, target.id, true), base),
    sendMessage: (request) => sendMessage(call, request),
    sendMessageStream: (request) => sendStream(call, request),
    getTask: async ({ id, historyLength }) =>
      await shownTask(services, tenant, await runOf(id), {
        ...lengthOf(historyLength),
        withArtifacts: true,
      }),
    listTasks: (request) =>
      listTasks(services, of, { ...request, ...lengthOf(request.historyLength) }),
    cancelTask: ({ id }) => cancelTask(services, of, id, signal),
    resubscribe: ({ id }) => subscribe(call, id),
    createTaskPushNotificationConfig: async (config) =>
      await createPush(services, pushOf(call, await runOf(config.taskId)), config),
    getTaskPushNotificationConfig: async ({ taskId, id }) =>
      await getPush(system, tenant, { run: (await runOf(taskId)).id, id }),
    listTaskPushNotificationConfigs: async ({ taskId }) => ({
      configs: [...(await listPush(system, tenant, (await runOf(taskId)).id))],
      nextPageToken: "",
    }),
    deleteTaskPushNotificationConfig: async ({ taskId, id }) =>
      await removePush(system, tenant, { run: (await runOf(taskId)).id, id }),
  };
}

function tasksOf({ principal, target }: Call): TasksOf {
  const { tenant, boundTo = null } = principal;
  return { tenant, agent: target.id, boundTo };
}

function pushOf({ principal, version }: Call, row: RunRow): PushOf {
  return { tenant: principal.tenant, row, version };
}

/** Waits for the end of the task, or until a person has to decide; unless it is to return at once. */
async function sendMessage(call: Call, request: SendMessageRequest): Promise<Task> {
  const { services } = call;
  const message = checkMessage(request.message);
  checkModes(request.configuration?.acceptedOutputModes ?? []);
  const shown: Shown = { ...lengthOf(request.configuration?.historyLength), withArtifacts: true };
  const isWaiting = request.configuration?.returnImmediately !== true;
  if (message.taskId !== "") {
    const row = await decide(call, message);
    await push(call, row.id, request);
    if (isWaiting) await waitFor(call, row.id, await attached(call, row));
    return await taskNow(call, row.id, shown);
  }
  const ask = askOf(call, message, false);
  if (!isWaiting) {
    const { run } = await services.chat.background(ask);
    await push(call, run, request);
    return await taskNow(call, run, shown);
  }
  const answering = await services.chat.start(ask);
  const { run } = answering.accepted;
  await push(call, run, request);
  await waitFor(call, run, answering);
  return await taskNow(call, run, shown);
}

async function* sendStream(
  call: Call,
  request: SendMessageRequest,
): AsyncGenerator<StreamResponse> {
  const { services } = call;
  const message = checkMessage(request.message);
  checkModes(request.configuration?.acceptedOutputModes ?? []);
  if (message.taskId !== "") {
    const row = await decide(call, message);
    await push(call, row.id, request);
    yield* shownStream(call, row.id, await attached(call, row, false), {});
    return;
  }
  const answering = await services.chat.start(askOf(call, message, true));
  const { run } = answering.accepted;
  await push(call, run, request);
  yield* shownStream(call, run, answering, lengthOf(request.configuration?.historyLength));
}

/** From the start on, whoever comes and when. @throws UnsupportedOperationError for a task that has ended. */
async function* subscribe(call: Call, id: string): AsyncGenerator<StreamResponse> {
  const { services } = call;
  const row = await taskRun(services, tasksOf(call), id);
  if (row.endedAt !== null) {
    throw new UnsupportedOperationError(`Task ${id} has ended: there is nothing to subscribe to.`);
  }
  yield* shownStream(call, id, await attached(call, row, false), {});
}

async function* shownStream(
  call: Call,
  run: string,
  { frames }: Attached,
  shown: Pick<Shown, "historyLength">,
): AsyncGenerator<StreamResponse> {
  const { nowMs, trust } = call.services;
  const batches = frames[Symbol.asyncIterator]();
  try {
    const task = await taskNow(call, run, { ...shown, withArtifacts: false });
    yield { payload: { $case: "task", value: task } };
    const stream = new TaskStream({
      taskId: run,
      contextId: task.contextId,
      publicUrl: trust.publicUrl,
      nowMs,
    });
    for (let next = await batches.next(); !next.done; next = await batches.next()) {
      yield* stream.take(next.value);
    }
  } finally {
    await batches.return?.();
  }
}

/** Its end is in its row: a run that fails is a failed task, and no error of the request. */
async function waitFor(call: Call, run: string, answering: Answering): Promise<void> {
  const { services, principal, caller } = call;
  try {
    await services.chat.wait(caller, answering);
  } catch (error) {
    const row = await services.system.run(principal.tenant, run);
    if (row?.endedAt == null) throw error;
  }
}

async function taskNow(call: Call, run: string, shown: Shown): Promise<Task> {
  const { services } = call;
  const of = tasksOf(call);
  return await shownTask(services, of.tenant, await taskRun(services, of, run), shown);
}

async function attached(call: Call, row: RunRow, endOnly = true): Promise<Answering> {
  const { services, principal, signal } = call;
  const over = new AbortController();
  const options = { signal: AbortSignal.any([signal, over.signal]), endOnly };
  const frames = await services.chat.attach(principal.tenant, row.id, options);
  const { accepted } = await services.chat.find(principal.tenant, row.id);
  return { accepted, frames, letGo: () => over.abort() };
}

/** What was said to a task that waits for a decision decides it. */
async function decide(call: Call, message: Message): Promise<RunRow> {
  const { services, principal, caller } = call;
  const { tenant } = principal;
  const row = await taskRun(services, tasksOf(call), message.taskId);
  const { contextId } = taskOf({ row, approvals: [], history: null, withArtifacts: false });
  if (message.contextId !== "" && message.contextId !== contextId) {
    throw new RequestMalformedError(`Task ${row.id} is of another context.`);
  }
  const pending = await pendingOf(services, tenant, row);
  const filter = { status: null, agent: null, tool: null, run: row.id } as const;
  // The same message once more gets the same answer, though nothing is asked any more.
  const asked =
    pending.length > 0
      ? pending
      : (await services.approvals.list(tenant, { limit: 2 }, filter)).items;
  if (asked.length === 0) {
    const state = row.endedAt === null ? "asks nothing" : "has ended";
    throw new UnsupportedOperationError(
      `Task ${row.id} ${state}: say it in its context, without a taskId.`,
    );
  }
  if (!mayUse(principal, "approvals", "approvals.decide")) {
    const need = "Deciding what a task asks needs a key with the service approvals.";
    throw new RuntimeError("FORBIDDEN", need);
  }
  const decision = decisionIn(message);
  const [only] = asked;
  if (decision.approval === null && asked.length > 1) {
    const ids = asked.map(({ id }) => id).join(", ");
    throw new RequestMalformedError(`The task asks several things: approval_id is one of ${ids}.`);
  }
  const id = decision.approval ?? only?.id ?? "";
  const approval = await services.approvals.get(tenant, id);
  if (approval.root_run_id !== row.id) {
    throw new RequestMalformedError(`Task ${row.id} asks nothing by the id ${id.slice(0, 64)}.`);
  }
  const { approval: _, ...input } = decision;
  await services.approvals.decide(caller, id, input, onceOf(call, message));
  return row;
}

function askOf(call: Call, message: Message, stream: boolean): ChatAsk {
  const { target, caller, signal, trace } = call;
  return {
    ...saidIn(message, target.kind),
    ...{ caller, signal, stream, agent: target.id, once: onceOf(call, message) },
    conversation: message.contextId === "" ? null : message.contextId,
    limit: call.limit(),
    ...(trace === undefined ? {} : { trace }),
  };
}

/** The same message of the same key to the same agent is taken once, however often it is sent. */
function onceOf({ target, caller }: Call, message: Message): OnceKey {
  const { messageId, contextId, taskId } = message;
  const key = [target.id, caller.keyId ?? "", contextId, taskId, messageId].join("\n");
  const hash = (text: string): string => createHash("sha256").update(text).digest("hex");
  return { key: hash(key), bodyHash: hash(JSON.stringify(Message.toJSON(message))) };
}

async function push(call: Call, run: string, request: SendMessageRequest): Promise<void> {
  const config = request.configuration?.taskPushNotificationConfig;
  if (config === undefined) return;
  const { services } = call;
  const row = await taskRun(services, tasksOf(call), run);
  await createPush(services, pushOf(call, row), { ...config, taskId: run });
}

function checkModes(accepted: readonly string[]): void {
  const isKnown = (mode: string): boolean =>
    mode === "*/*" || mode === "text" || mode === "text/*" || outputModes.includes(mode);
  if (accepted.length === 0 || accepted.some(isKnown)) return;
  throw new ContentTypeNotSupportedError(`Answers are ${outputModes.join(" or ")}.`);
}

/** @throws RequestMalformedError. */
function lengthOf(historyLength: number | undefined): Pick<Shown, "historyLength"> {
  if (historyLength === undefined) return {};
  if (Number.isInteger(historyLength) && historyLength >= 0) return { historyLength };
  throw new RequestMalformedError("historyLength must be a whole number from 0.");
}
