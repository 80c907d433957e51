// /v2 runs: start one on an agent, a team or a workflow, list, look at, follow, cancel.

import { limits } from "../../../actors/limits.ts";
import { onBusy, onDisconnect } from "../../../actors/records/agent.ts";
import { userKey } from "../../../actors/records/memory.ts";
import { promptLimits } from "../../../actors/records/prompt.ts";
import { type Static, Type } from "../../../actors/schema.ts";
import { type TargetKind, targetPlace } from "../../../actors/targets.ts";
import { traceOfRequest } from "../../../actors/trace/trace-context.ts";
import { type ErrorData, RuntimeError, toErrorData } from "../../../runtime/errors.ts";
import { type Frame, rootRunOf } from "../../../runtime/frame.ts";
import { frameView, replyView } from "../answers.ts";
import { maxSpendField, maxSpendOf } from "../max-spend.ts";
import { named } from "../openapi/named.ts";
import { answers, pageOf } from "../openapi/responses.ts";
import { errorBody, json } from "../reply.ts";
import { defineRoute, type Route, type RouteContext } from "../route.ts";
import type { HttpResponse } from "../server.ts";
import { callerOf } from "../services/caller.ts";
import type { AgainAsk, ChatAsk } from "../services/chat.ts";
import { MESSAGE_CHARS_MAX } from "../services/chat.ts";
import { onceKeyOf } from "../services/once.ts";
import { pageQuery, pageRequest } from "../services/paging.ts";
import { kindOf, listRuns } from "../services/run-list.ts";
import type { Services } from "../services/services.ts";
import { waitingView } from "../services/waiting.ts";
import { eventStream, type SseEvent } from "../sse.ts";
import { CANCEL_REASON, cancelBody } from "./conversations.ts";
import { cancelResponses, eventResponses, runResponses, runSchema } from "./run-schemas.ts";
import { pageReply, runResource } from "./shapes.ts";

const URL_CHARS_MAX = 2_000;
/** A message with pictures. */
const BODY_BYTES_MAX = 6 * 1_024 * 1_024;
const common = { service: "runs", errors: "problem" } as const;

const text = Type.String({ minLength: 1, maxLength: MESSAGE_CHARS_MAX });
/** A workflow's typed input. */
const data = Type.Record(Type.String({ maxLength: 64 }), Type.Unknown());
const variables = Type.Record(
  Type.String({ maxLength: promptLimits.variableChars }),
  Type.Unknown(),
  {
    maxProperties: promptLimits.variables,
  },
);

/** A picture that is sent along. */
const imageInput = named(
  "ImageInput",
  Type.Object(
    {
      name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
      data: Type.String({ description: "Base64 of a png, jpeg, gif or webp." }),
    },
    { additionalProperties: false },
  ),
);

/** How a caller gets the answer. */
export const runMode = Type.Union([
  Type.Literal("wait"),
  Type.Literal("stream"),
  Type.Literal("background"),
]);

const runBody = Type.Object(
  {
    /** An object only for a workflow. */
    input: Type.Union([text, data]),
    /** Values of variables of an agent's prompt. */
    variables: Type.Optional(Type.Union([variables, Type.Null()])),
    images: Type.Optional(Type.Array(imageInput, { maxItems: limits.pictures })),
    conversation_key: Type.Optional(Type.Union([Type.String({ maxLength: 64 }), Type.Null()])),
    /** Who speaks; decides whose memory is used. */
    user_key: Type.Optional(Type.Union([userKey, Type.Null()])),
    /** Default "wait". */
    mode: Type.Optional(runMode),
    on_busy: Type.Optional(onBusy),
    on_disconnect: Type.Optional(onDisconnect),
    max_spend: Type.Optional(maxSpendField),
    /** Told of the run's end, however it ends. */
    webhook: Type.Optional(
      Type.Union([
        Type.Object(
          { url: Type.String({ maxLength: URL_CHARS_MAX }) },
          { additionalProperties: false },
        ),
        Type.Null(),
      ]),
    ),
  },
  { additionalProperties: false },
);

type Data = Static<typeof data>;
type StartBody = Static<typeof runBody>;
type StartContext = RouteContext<StartBody>;

/** Routes of runs. */
export function runRoutes(services: Services): readonly Route[] {
  const kinds = ["agent", "team", "workflow"] as const;
  return [
    ...kinds.map((kind) => startRoute(services, kind)),
    ...readRoutes(services),
    cancelRoute(services),
  ];
}

function startRoute(services: Services, kind: TargetKind): Route {
  return defineRoute({
    responses: runResponses,
    summary: `Start a run of ${kind === "agent" ? "an" : "a"} ${kind}`,
    reads: ["Idempotency-Key"],
    description:
      "`mode` says how the answer comes: `wait` (default) with it, `stream` as events, `background` at once with the run. `images` are kept with the conversation, whose newest four the model sees; a line of the message names each. A body has at most 6 MiB.",
    ...common,
    method: "POST",
    pattern: `/v2/${kind}s/{id}/runs`,
    hasOwnGate: true,
    body: runBody,
    bodyBytesMax: BODY_BYTES_MAX,
    handler: (context) => startRun(context, services, askOf(context, kind), context.body.mode),
  });
}

/** Starts what is asked for and answers in the given mode, default "wait". */
export async function startRun(
  context: RouteContext,
  { chat }: Services,
  ask: ChatAsk | AgainAsk,
  mode: Static<typeof runMode> = "wait",
): Promise<HttpResponse> {
  if (mode === "background") {
    const { run, queued, ...accepted } = await chat.background(ask);
    const id = { id: run, run_id: run, status: queued ? "queued" : "running" };
    return json(202, { ...id, ...accepted }, locationOf(run));
  }
  const answering = await chat.start(ask);
  const { run } = answering.accepted;
  if (mode === "stream") {
    const head = { event: "accepted", data: JSON.stringify(answering.accepted) };
    return frameStream(context, answering.frames, [head]);
  }
  const waited = await chat.wait(callerOf(context), answering);
  if (waited.status !== "completed") {
    const view = waitingView(answering.accepted, waited);
    return json(202, { id: run, ...view }, locationOf(run));
  }
  const result = replyView(waited.reply, waited.balanceMicros);
  return json(200, { id: run, status: "completed", ...result }, locationOf(run));
}

function readRoutes({ approvals, chat, system, hidden }: Services): readonly Route[] {
  const list = "/v2/runs";
  const pattern = `${list}/{rn}`;
  return [
    defineRoute({
      summary: "List runs",
      description:
        "Newest first: those that answer a message, or with `kind` those of another kind, such as `ingest` or `webhook`. A page may be short and still have a cursor.",
      responses: answers(200, pageOf(runSchema), "A page of runs."),
      ...common,
      method: "GET",
      pattern: list,
      query: [...pageQuery, "kind"],
      handler: async ({ principal, query }) => {
        const page = pageRequest(query, list);
        const { tenant, allowedResources, boundTo } = principal;
        const runs = await listRuns({ system, hidden }, tenant, page, {
          kind: kindOf(query),
          ...((allowedResources != null || boundTo != null) && {
            sees: async (row) => {
              const { rowIsReached } = await import("../scope/owners.ts");
              return await rowIsReached({ system, tenant }, principal, row);
            },
          }),
        });
        const waiting = await approvals.waiting(principal.tenant, runs.items);
        return pageReply(list, runs, (row) => runResource(row, waiting));
      },
    }),
    defineRoute({
      summary: "Read a run",
      description:
        "How it is doing, and when it has ended its result or error. Kept as long as the settings say; a child run is named by its own id.",
      responses: answers(200, runSchema, "The run."),
      ...common,
      method: "GET",
      pattern,
      handler: async ({ principal, params }) => {
        const { row } = await chat.find(principal.tenant, params["rn"] ?? "");
        const waiting = await approvals.waiting(principal.tenant, [row]);
        return json(200, runResource(row, waiting));
      },
    }),
    defineRoute({
      summary: "Follow a run",
      description:
        "Its events from the start or behind `Last-Event-ID`, to its end, also after a restart, for any number of viewers. Text is a preview until `text-end`, which has all of it; `reset` takes back what was shown. A slow viewer is told by `gap` what it was not sent. Events that are not kept any more are a 410.",
      responses: eventResponses,
      reads: ["Last-Event-ID"],
      ...common,
      method: "GET",
      pattern: `${pattern}/events`,
      query: ["after"],
      handler: async (context) => {
        const { principal, params, request, query } = context;
        const run = params["rn"] ?? "";
        await chat.find(principal.tenant, run);
        const after = request.header("last-event-id") ?? query.get("after") ?? "";
        const from = after === "" ? {} : { after };
        const options = { ...from, signal: request.signal };
        return frameStream(context, await chat.attach(principal.tenant, run, options), []);
      },
    }),
  ];
}

function cancelRoute({ chat, system }: Services): Route {
  return defineRoute({
    summary: "Cancel a run",
    description:
      "With all that it has started. Steps under way are told to stop; text that was written stays as an answer that was cut. Of a run that has ended nothing changes.",
    responses: cancelResponses,
    ...common,
    method: "POST",
    pattern: "/v2/runs/{rn}/cancel",
    isControl: true,
    body: cancelBody,
    optionalBody: true,
    handler: async ({ principal, params, body }) => {
      const run = params["rn"] ?? "";
      await chat.find(principal.tenant, run);
      await system.cancel(principal.tenant, rootRunOf(run), body.reason ?? CANCEL_REASON);
      return json(202, { id: run, status: "cancelling" });
    },
  });
}

function askOf(context: StartContext, kind: TargetKind): ChatAsk {
  const { body, request, params } = context;
  const id = params["id"] ?? "";
  if (targetPlace(id).kind !== kind) {
    throw new RuntimeError("NOT_FOUND", `There is no ${kind} ${id.slice(0, 64)}.`);
  }
  const trace = traceOfRequest(request.header("traceparent"), request.id);
  return {
    caller: callerOf(context),
    once: onceKeyOf(request, context.bodyBytes),
    signal: request.signal,
    agent: id,
    ...inputOf(body.input, kind),
    ...picturesOf(body),
    ...(body.variables == null ? {} : { variables: body.variables }),
    conversation: body.conversation_key ?? null,
    stream: body.mode === "stream",
    ...(body.user_key == null ? {} : { user: body.user_key }),
    ...(body.on_busy === undefined ? {} : { onBusy: body.on_busy }),
    ...(body.on_disconnect === undefined ? {} : { onDisconnect: body.on_disconnect }),
    ...(body.webhook == null ? {} : { webhook: checkedWebhook(body.webhook.url) }),
    trace,
    limit: maxSpendOf(body.max_spend),
  };
}

/** What a run is started with. @throws INVALID for an object of what is no workflow, or too much of it. */
export function inputOf(input: string | Data, kind: TargetKind): Pick<ChatAsk, "text" | "data"> {
  if (typeof input === "string") return { text: input };
  const pointer = "/input";
  if (kind !== "workflow") {
    throw new RuntimeError("INVALID", `The input of a run of a ${kind} is a text.`, { pointer });
  }
  const json = JSON.stringify(input);
  if (json.length <= MESSAGE_CHARS_MAX) return { text: json, data: input };
  const most = `at most ${MESSAGE_CHARS_MAX} characters of JSON`;
  throw new RuntimeError("INVALID", `The input of a run has ${most}.`, { pointer });
}

/** @throws INVALID with the pointer of what is no base64, or beside typed input. */
function picturesOf({ images = [], input }: StartBody): Pick<ChatAsk, "pictures"> {
  if (images.length === 0) return {};
  if (typeof input !== "string") {
    const message = "Images are sent with a text, not with typed input.";
    throw new RuntimeError("INVALID", message, { pointer: "/images" });
  }
  const pictures = images.map(({ name, data }, at) => {
    const bytes = Buffer.from(data, "base64");
    if (bytes.toString("base64") === data) return { name: name ?? `image ${at + 1}`, bytes };
    const pointer = `/images/${at}/data`;
    throw new RuntimeError("INVALID", "The data of an image is base64.", { pointer });
  });
  return { pictures };
}

/** @throws INVALID for what is no address of a web server. Whether it may be asked is seen then. */
function checkedWebhook(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  const isWeb = parsed !== null && ["http:", "https:"].includes(parsed.protocol);
  if (isWeb && parsed.username === "" && parsed.password === "") return parsed.href;
  const message = "A webhook's url is http or https, without a user or password.";
  throw new RuntimeError("INVALID", message, { pointer: "/webhook/url" });
}

const locationOf = (run: string): { readonly Location: string } => ({
  Location: `/v2/runs/${run}`,
});

/** Frames as they are: the type is the event's name, the frame id its id. */
export function frameStream(
  context: Pick<RouteContext, "request" | "route">,
  frames: AsyncIterable<readonly Frame[]>,
  head: readonly SseEvent[],
): HttpResponse {
  const { request, route } = context;
  const place = { style: route.errors, requestId: request.id, service: route.service };
  const failed = (error: ErrorData): SseEvent => ({
    event: "error",
    data: JSON.stringify(errorBody(error, place)),
  });
  return eventStream(async ({ send, signal }) => {
    try {
      await send(head);
      for await (const batch of frames) {
        await send(batch.map(eventOf));
        if (signal.aborted) return;
      }
    } catch (error) {
      if (!signal.aborted) await send([failed(toErrorData(error))]);
    }
  });
}

function eventOf(frame: Frame): SseEvent {
  const data = JSON.stringify(frameView(frame));
  return "id" in frame ? { event: frame.type, id: frame.id, data } : { event: frame.type, data };
}
