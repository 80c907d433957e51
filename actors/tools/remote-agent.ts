// The tool remote_agent: an agent elsewhere that speaks A2A 1.0 does a task. The call's own name is the
// id of the message, so that a call that is made again is the same message.

import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import { noUsage } from "../money/spent.ts";
import { tokenRef } from "../records/token.ts";
import { Type } from "../schema.ts";
import { remoteTask } from "./remote-task.ts";
import type { RemoteConfig, RemoteTask } from "./remote-wire.ts";
import { failure } from "./result.ts";
import type { Arguments, RunTool } from "./tool.ts";
import {
  argumentsSchema,
  type ToolConfig,
  type ToolPlace,
  type ToolTerms,
  type ToolType,
} from "./tool-type.ts";

/** Of a task: also what a team has said before it. */
const TASK_CHARS = 100_000;
const ID_CHARS = 200;
const text = (maxLength: number) => Type.String({ minLength: 1, maxLength });

/** Type `remote_agent`. */
export const remoteAgentTool: ToolType = {
  type: "remote_agent",
  config: Type.Object(
    {
      /** Of its card. */
      url: text(2_000),
      /** Sent with every request, to the card's own origin and to `allowed_hosts`. */
      headers: Type.Optional(
        Type.Record(Type.String(), Type.String({ maxLength: limits.webHeaderChars }), {
          maxProperties: limits.webHeaders,
        }),
      ),
      /** Token of each request: the name of an integration, or `tk_`. */
      auth: Type.Optional(tokenRef),
      secret_headers: Type.Optional(Type.Array(text(64), { maxItems: limits.webHeaders })),
      /** Hosts beside that of `url` at which the agent may be. */
      allowed_hosts: Type.Optional(
        Type.Array(text(255), { minItems: 1, maxItems: limits.webHosts }),
      ),
      /** Of an answer, default 256 KiB. */
      max_bytes: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.webBytesMax })),
    },
    { additionalProperties: false },
  ),
  needs: ["network", "execute"],
  check: ({ url }) => {
    const parsed = URL.canParse(String(url)) ? new URL(String(url)) : null;
    const isWeb = parsed !== null && ["http:", "https:"].includes(parsed.protocol);
    if (isWeb && parsed.username === "" && parsed.password === "") return;
    const message = "url is http or https, without a user or password.";
    throw new RuntimeError("INVALID", message, { pointer: "/url" });
  },
  describe: () =>
    "Gives a task to an agent of another system and returns its answer. It knows nothing of this conversation: say " +
    "everything that it needs. When it asks something, call this again with its context_id and the reply.",
  parameters: () =>
    argumentsSchema(["task"], {
      task: { type: "string", minLength: 1, maxLength: TASK_CHARS },
      context_id: {
        type: "string",
        maxLength: ID_CHARS,
        description: "To go on in a conversation.",
      },
      task_id: { type: "string", maxLength: ID_CHARS, description: "To reply to what it asked." },
    }),
  make,
};

function make(config: ToolConfig, { context }: ToolPlace, { timeoutMs, repeat }: ToolTerms) {
  return {
    async within({ arguments: given, key, token, renewed }: Parameters<RunTool["within"]>[0]) {
      const ask = {
        config: config as unknown as RemoteConfig,
        timeoutMs,
        repeat: repeat ?? "safe",
        ...(token && { token }),
        ...(renewed && { renewed }),
      };
      const { task } = await remoteTask(context, key, { ...ask, ...saidIn(given) });
      // Another system's models: what they used, nobody here knows, and nobody here pays.
      return { result: resultOf(task), usage: noUsage };
    },
  };
}

function saidIn(given: Arguments) {
  const { task, context_id: contextId, task_id: taskId } = given;
  return {
    text: String(task),
    ...(typeof contextId === "string" && { contextId }),
    ...(typeof taskId === "string" && { taskId }),
  };
}

function resultOf({ id, contextId, state, text: said, data }: RemoteTask): unknown {
  const of = { context_id: contextId, ...(data !== undefined && { data }) };
  if (state === "COMPLETED") return { answer: said, ...of };
  if (state === "INPUT_REQUIRED" || state === "AUTH_REQUIRED") {
    return { asks: said, state: state.toLowerCase(), task_id: id, ...of };
  }
  const why = said === "" ? "" : ` It says: ${said}`;
  return failure("PROVIDER_FAILED", `The task of the other agent is ${state.toLowerCase()}.${why}`);
}
