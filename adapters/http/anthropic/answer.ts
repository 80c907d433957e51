// How a message is answered: what its request says is asked of an agent or a team as a stateless completion.

import { traceOfRequest } from "../../../actors/trace/trace-context.ts";
import { estimatePromptTokens } from "../../llm/answer.ts";
import { maxSpendOfHeader } from "../max-spend.ts";
import { targetOf } from "../openai/model.ts";
import { type ErrorPlace, errorReply, json } from "../reply.ts";
import type { RouteContext } from "../route.ts";
import type { HttpResponse } from "../server.ts";
import { checkFormat } from "../services/agent-checks.ts";
import type { Answering, Attached } from "../services/answering.ts";
import { callerOf } from "../services/caller.ts";
import type { HeldUp } from "../services/held-up.ts";
import { heldUpError } from "../services/held-up-error.ts";
import { onceKeyOf } from "../services/once.ts";
import type { Services } from "../services/services.ts";
import { messageOf } from "./message.ts";
import { messageStream } from "./message-stream.ts";
import {
  type CountBody,
  type MessagesBody,
  messagesOf,
  overridesOf,
  refuseFields,
  userOf,
} from "./request.ts";
import { toolsOf } from "./tools.ts";
import { checkVersion } from "./version.ts";

type Context = RouteContext<MessagesBody>;

/** A message, or its events as they come. */
export async function answerMessage(services: Services, context: Context): Promise<HttpResponse> {
  checkVersion(context.request);
  const answering = await started(services, context);
  const { body } = context;
  if (body.stream) {
    const place = placeOf(context);
    return messageStream(answering, { model: body.model, inputTokens: inputTokens(body), place });
  }
  const waited = await services.chat.wait(callerOf(context), answering);
  return waited.status === "completed"
    ? json(200, messageOf(body.model, waited.reply))
    : isHeldUp(context, answering, waited.held);
}

/** An estimate; nothing is asked. */
export async function countTokens(
  { agents, resources }: Services,
  { body, principal, request }: RouteContext<CountBody>,
): Promise<HttpResponse> {
  checkVersion(request);
  const target = targetOf(body.model);
  if (target.startsWith("tm_")) await resources.kinds.teams.get(principal.tenant, target);
  else await agents.get(principal.tenant, target);
  refuseFields(body);
  return json(200, { input_tokens: inputTokens(body) });
}

async function started({ chat }: Services, context: Context): Promise<Answering> {
  const { body, request } = context;
  const agent = targetOf(body.model);
  refuseFields(body);
  const overrides = overridesOf(body);
  await checkFormat(body.output_config?.format, "/output_config/format");
  const trace = traceOfRequest(request.header("traceparent"), request.id);
  return await chat.complete({
    caller: callerOf(context),
    once: onceKeyOf(request, context.bodyBytes),
    signal: request.signal,
    agent,
    stream: body.stream ?? false,
    trace,
    limit: maxSpendOfHeader(request),
    ...userOf(body),
    ...messagesOf(body),
    overrides,
  });
}

/** Estimated, of what was sent. */
function inputTokens(body: CountBody): number {
  const { messages } = messagesOf(body);
  const tools = toolsOf(body);
  const request = { model: body.model, messages, stream: false };
  return estimatePromptTokens(tools.length > 0 ? { ...request, tools } : request);
}

/** The protocol has no answer that is still to come: an error that says what it waits for, and where. */
function isHeldUp(context: Context, { accepted }: Attached, held: HeldUp): HttpResponse {
  const headers = { Location: `/v2/runs/${accepted.run}`, "X-Should-Retry": "false" };
  return errorReply(heldUpError(accepted.run, held), placeOf(context), headers);
}

function placeOf({ request, route }: Context): ErrorPlace {
  return { style: "anthropic", requestId: request.id, service: route.service };
}
