// Tools of a chat completion as ours: functions that the caller runs, and which of them a model may call.

import type { Pointers } from "../../../actors/client-tools.ts";
import type { ToolCall, ToolChoice, ToolSpec } from "../../../actors/ports.ts";
import type { CompletionMessage } from "../../../actors/records/conversation.ts";
import { type Static, Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { nullable, text } from "./messages.ts";

const open = { additionalProperties: true } as const;
const kind = Type.String({ maxLength: 50 });
const anyObject = Type.Record(Type.String(), Type.Unknown());
const named = Type.Object({ name: Type.String({ maxLength: 200 }) }, open);

/** Fields of a request that are about tools. */
export const toolFields = {
  tools: nullable(
    Type.Array(
      Type.Object(
        {
          type: kind,
          function: Type.Optional(
            Type.Object(
              {
                name: Type.String({ maxLength: 200 }),
                description: nullable(text),
                parameters: nullable(anyObject),
                strict: nullable(Type.Boolean()),
              },
              open,
            ),
          ),
        },
        open,
      ),
      { maxItems: 1_000 },
    ),
  ),
  tool_choice: nullable(
    Type.Union([
      Type.String({ maxLength: 50 }),
      Type.Object(
        {
          type: kind,
          function: Type.Optional(named),
          allowed_tools: Type.Optional(
            Type.Object(
              {
                mode: Type.String({ maxLength: 50 }),
                tools: Type.Array(
                  Type.Object({ type: kind, function: Type.Optional(named) }, open),
                  {
                    maxItems: 1_000,
                  },
                ),
              },
              open,
            ),
          ),
        },
        open,
      ),
    ]),
  ),
  parallel_tool_calls: nullable(Type.Boolean()),
  functions: Type.Optional(Type.Unknown()),
  function_call: Type.Optional(Type.Unknown()),
};

const toolBody = Type.Object(toolFields, open);
type ToolBody = Static<typeof toolBody>;

/** Where tools stand in a request of the protocol. */
export const toolPointers: Pointers = {
  message: (at) => `/messages/${at}`,
  tool: (at) => `/tools/${at}/function`,
  choice: "/tool_choice",
};

/** What a request says of tools. @throws INVALID with a pointer for what is not taken. */
export function clientToolsOf(
  body: ToolBody,
): Pick<CompletionMessage["overrides"], "tools" | "tool_choice" | "parallel_tool_calls"> {
  for (const field of ["functions", "function_call"] as const) {
    const isSet = body[field] !== undefined && body[field] !== null;
    if (isSet) throw invalid(`${field} is not taken: use tools and tool_choice.`, `/${field}`);
  }
  const specs = (body.tools ?? []).map(specOf);
  const { tools, choice } = chosen(specs, body.tool_choice);
  return {
    ...(tools.length > 0 && { tools }),
    ...(choice !== undefined && { tool_choice: choice }),
    ...(body.parallel_tool_calls === false && { parallel_tool_calls: false }),
  };
}

/** Calls as an answer shows them. */
export function shownCalls(calls: readonly ToolCall[]): readonly object[] {
  return calls.map(({ id, name, arguments: given }) => ({
    id,
    type: "function",
    function: { name, arguments: given },
  }));
}

function specOf(tool: NonNullable<ToolBody["tools"]>[number], at: number): ToolSpec {
  const { type, function: spec } = tool;
  if (type !== "function") {
    throw invalid("Only tools of type function are taken.", `/tools/${at}/type`);
  }
  if (spec === undefined) throw invalid("A tool has a function.", `/tools/${at}/function`);
  const { name, description, parameters, strict } = spec;
  return {
    name,
    description: description ?? "",
    // Absent parameters are an empty list in this protocol.
    parameters: parameters ?? { type: "object", properties: {} },
    ...(typeof strict === "boolean" && { strict }),
  };
}

interface Chosen {
  readonly tools: readonly ToolSpec[];
  readonly choice: ToolChoice | undefined;
}

function chosen(tools: readonly ToolSpec[], choice: ToolBody["tool_choice"]): Chosen {
  if (choice === undefined || choice === null) return { tools, choice: undefined };
  if (typeof choice === "string") return { tools, choice: modeOf(choice, "/tool_choice") };
  if (choice.type === "function" && choice.function !== undefined) {
    return { tools, choice: { name: choice.function.name } };
  }
  if (choice.type !== "allowed_tools" || choice.allowed_tools === undefined) {
    const text = "tool_choice is auto, none, required, a function, or allowed_tools.";
    throw invalid(text, "/tool_choice/type");
  }
  const { mode, tools: allowed } = choice.allowed_tools;
  const pointer = "/tool_choice/allowed_tools";
  const names = new Set<string>();
  for (const [at, { function: one }] of allowed.entries()) {
    const name = one?.name;
    if (name === undefined || !tools.some((tool) => tool.name === name)) {
      throw invalid("An allowed tool is one of tools.", `${pointer}/tools/${at}`);
    }
    names.add(name);
  }
  return {
    tools: tools.filter(({ name }) => names.has(name)),
    choice: modeOf(mode, `${pointer}/mode`),
  };
}

const modes = ["auto", "none", "required"] as const;

function modeOf(mode: string, pointer: string): (typeof modes)[number] {
  const known = modes.find((one) => one === mode);
  if (known !== undefined) return known;
  throw invalid(`It must be one of ${modes.join(", ")}.`, pointer);
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
