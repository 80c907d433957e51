// What a run gives as the result of a tool: text for a model, and the same structured for a program.
// What went wrong is a result too, which a model can read and act upon.

import type { CallToolResult } from "@modelcontextprotocol/server";
import { builtinNotice, type Source } from "../../actors/records/conversation.ts";
import { toErrorData, toldOfRun } from "../../runtime/errors.ts";
import { isReply } from "../http/answers.ts";
import { waitingView } from "../http/services/waiting.ts";

type WaitingView = Parameters<typeof waitingView>;

/** Characters of the arguments of a call that are shown to who decides. */
const ARGUMENTS_CHARS_MAX = 2_000;
/** Approvals, or other waits, that one message names. */
const NAMED_MAX = 5;

/** What the output schemas of tools that start runs have in common; `output` is the tool's own. */
export function outputSchema(output: object): Readonly<Record<string, unknown>> {
  const text = { type: "string" };
  return {
    type: "object",
    properties: {
      response: { ...text, description: "The answer." },
      conversation_key: {
        type: ["string", "null"],
        description: "Names the conversation: give it to the next call to go on in it.",
      },
      run_id: text,
      finish_reason: text,
      output,
      sources: { type: "array", items: sourceSchema, description: "What the answer rests on." },
      notice: text,
    },
    required: ["response", "conversation_key", "run_id", "finish_reason"],
  };
}

const sourceSchema = {
  type: "object",
  properties: {
    document_id: { type: "string" },
    title: { type: "string" },
    chunk_id: { type: "string" },
    collection_key: { type: "string" },
    text: { type: "string" },
    relevance: { type: "number" },
  },
  required: ["document_id", "title", "chunk_id", "text"],
} as const;

/** An answer. What is no answer of a conversation is its JSON. */
export function answerResult(reply: unknown, run: string): CallToolResult {
  if (!isReply(reply)) {
    const structuredContent = {
      ...{ response: JSON.stringify(reply ?? null), output: reply ?? null },
      ...{ conversation_key: null, run_id: run, finish_reason: "stop" },
    };
    return { content: [textOf(structuredContent.response)], structuredContent };
  }
  const { response, conversation_key, run_id, finish_reason, sources, builtin } = reply;
  const structuredContent = {
    ...{ response, conversation_key, run_id, finish_reason },
    ...(reply.output === undefined ? {} : { output: reply.output }),
    ...(sources.length === 0 ? {} : { sources: sources.map(shownSource) }),
    ...(builtin ? { notice: builtinNotice } : {}),
  };
  const titles = [...new Set(sources.map(({ title }) => title))];
  const notes = [
    ...(titles.length === 0 ? [] : [`Sources: ${titles.join("; ")}.`]),
    ...(conversation_key === null
      ? []
      : [`To go on in this conversation give conversation_key ${conversation_key}.`]),
    ...(builtin ? [builtinNotice] : []),
  ];
  // Apart from the answer, which stays as it was written.
  const more = notes.length === 0 ? [] : [textOf(notes.join("\n"))];
  return { content: [textOf(response), ...more], structuredContent };
}

/** An error as a model is told it. */
export function errorResult(error: unknown, run: string): CallToolResult {
  const { code, message, details } = toldOfRun(toErrorData(error), run);
  const pointer = details?.["pointer"];
  const at = typeof pointer === "string" && pointer !== "" ? ` (at ${pointer})` : "";
  return { content: [textOf(`${code}: ${message}${at}`)], isError: true };
}

/** A run that goes on by itself: what it waits for, how that is brought about, and where its answer comes. */
export function heldResult(accepted: WaitingView[0], waited: WaitingView[1]): CallToolResult {
  const { run } = accepted;
  const { approvals, waits } = waited.held;
  const decide = approvals
    .slice(0, NAMED_MAX)
    .map(
      ({ id, tool, reason }) =>
        `${id}: ${tool} (${reason}) Decide with POST /v2/approvals/${id}/decide and {"decision": "approve"} or {"decision": "reject"}, by a key with the service "approvals".`,
    );
  const others = waits
    .filter(({ kind }) => kind !== "approval")
    .slice(0, NAMED_MAX)
    .map(({ kind, event, url }) => `${kind}${event === null ? "" : ` ${event}`}: ${url}`);
  const lines = [
    `Run ${run} waits ${approvals.length > 0 ? "for the decision of a person" : ""}`.trim() +
      " and goes on by itself then.",
    ...decide,
    ...others,
    `Its answer is then given by the tool run_result with run_id ${run}, and at GET /v2/runs/${run}.`,
  ];
  return {
    content: [textOf(lines.join("\n"))],
    isError: true,
    _meta: { "troupe/waiting": waitingView(accepted, waited) },
  };
}

/** Arguments of a call, for who decides about it. */
export function shownArguments(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= ARGUMENTS_CHARS_MAX ? text : `${text.slice(0, ARGUMENTS_CHARS_MAX)}...`;
}

/** A text of a result. */
export function textOf(text: string): { readonly type: "text"; readonly text: string } {
  return { type: "text", text };
}

function shownSource(source: Source): Readonly<Record<string, unknown>> {
  const { document_id, title, chunk_id, collection_key, text, relevance } = source;
  return { document_id, title, chunk_id, collection_key, text, relevance };
}
