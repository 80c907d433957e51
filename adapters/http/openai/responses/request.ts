// A request of the Responses protocol: the fields this server uses, those it refuses because an answer
// would not be what was asked for, and what the rest becomes for the run.

import type { CompletionMessage } from "../../../../actors/records/conversation.ts";
import { RuntimeError } from "../../../../runtime/errors.ts";
import type { ResponseBody } from "./body.ts";
import { offeredTools, toolsOf } from "./tools.ts";

type Overrides = CompletionMessage["overrides"];

/** What an answer of ours can have of it: nothing of the others is ever made here. */
const INCLUDED = ["reasoning.encrypted_content", "message.input_image.image_url"];

/** What would change the answer and cannot be done. */
const REFUSED = ["prompt", "top_logprobs", "max_tool_calls", "context_management"];

/** With a conversation the agent answers as it is: a message has no settings of its own. */
const NOT_WITH_CONVERSATION = [
  "instructions",
  "previous_response_id",
  "tools",
  "tool_choice",
  "max_output_tokens",
  "temperature",
  "top_p",
] as const;

/** @throws INVALID with a pointer for what is not done here, or not together. */
export function checkRequest(body: ResponseBody): void {
  for (const name of REFUSED) {
    const value = (body as Readonly<Record<string, unknown>>)[name];
    if (value !== undefined && value !== null && value !== 0) {
      throw invalid(`${name} is not taken by this server.`, `/${name}`);
    }
  }
  for (const [at, name] of (body.include ?? []).entries()) {
    if (INCLUDED.includes(name)) continue;
    throw invalid(`include takes ${INCLUDED.join(" and ")} only.`, `/include/${at}`);
  }
  if (body.background === true && body.store === false) {
    const why = "A background response is fetched later, so it cannot have store: false.";
    throw invalid(why, "/background");
  }
  if (body.conversation == null) return;
  for (const name of NOT_WITH_CONVERSATION) {
    const value = body[name];
    if (value == null || (Array.isArray(value) && value.length === 0)) continue;
    throw invalid(`${name} cannot be set together with conversation.`, `/${name}`);
  }
  if ((body.text?.format?.type ?? "text") !== "text") {
    throw invalid("text.format cannot be set together with conversation.", "/text/format");
  }
}

/** The key of the conversation that is meant. */
export function conversationOf({ conversation }: ResponseBody): string | null {
  if (conversation == null) return null;
  return typeof conversation === "string" ? conversation : conversation.id;
}

/** What the request sets over the agent's own tuning. */
export function overridesOf(body: ResponseBody): Overrides {
  const all = {
    temperature: body.temperature,
    top_p: body.top_p,
    max_tokens: body.max_output_tokens,
    response_format: formatOf(body),
    ...toolsOf(body),
  };
  const set = Object.entries(all).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(set) as Overrides;
}

/** As chat completions have it, which is the form that runs take. */
function formatOf(body: ResponseBody): unknown {
  const format = body.text?.format;
  if (format === undefined || format.type === "text") return undefined;
  if (format.type === "json_object") return { type: "json_object" };
  const { name = "answer", schema } = format;
  if (schema === undefined) throw invalid("json_schema needs a schema.", "/text/format/schema");
  return { type: "json_schema", json_schema: { name, schema, strict: format.strict ?? false } };
}

/** Members of the response that the request has set, with the defaults of the others. */
export function echoOf(body: ResponseBody): Readonly<Record<string, unknown>> {
  const conversation = conversationOf(body);
  return {
    model: body.model,
    instructions: body.instructions ?? null,
    previous_response_id: body.previous_response_id ?? null,
    conversation: conversation === null ? null : { id: conversation },
    metadata: body.metadata ?? {},
    max_output_tokens: body.max_output_tokens ?? null,
    temperature: body.temperature ?? null,
    top_p: body.top_p ?? null,
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    tool_choice: body.tool_choice ?? "auto",
    tools: offeredTools(body),
    text: { format: body.text?.format ?? { type: "text" } },
    reasoning: { effort: null, summary: null, ...body.reasoning },
    truncation: body.truncation ?? "disabled",
    background: body.background ?? false,
    store: body.store ?? true,
    ...(body.user == null ? {} : { user: body.user }),
  };
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
