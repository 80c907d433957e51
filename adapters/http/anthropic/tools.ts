// Tools that a request brings along, which its caller runs. Those that Anthropic's server would run, or
// that its models know without a schema, are refused: the agent's own tools are on the agent.

import type { ToolChoice, ToolSpec } from "../../../actors/ports.ts";
import type { CompletionMessage } from "../../../actors/records/conversation.ts";
import { type Static, Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";

const open = { additionalProperties: true } as const;
const nullable = <S extends Parameters<typeof Type.Union>[0][number]>(schema: S) =>
  Type.Optional(Type.Union([schema, Type.Null()]));

const TOOLS_MAX = 1_000;

/** Fields of the request. */
export const toolFields = {
  tools: nullable(
    Type.Array(
      Type.Object(
        {
          name: Type.String({ maxLength: 256 }),
          type: nullable(Type.String({ maxLength: 50 })),
          description: nullable(Type.String()),
          input_schema: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
          strict: nullable(Type.Boolean()),
        },
        open,
      ),
      { maxItems: TOOLS_MAX },
    ),
  ),
  tool_choice: nullable(
    Type.Object(
      {
        type: Type.Union([
          Type.Literal("auto"),
          Type.Literal("any"),
          Type.Literal("tool"),
          Type.Literal("none"),
        ]),
        name: Type.Optional(Type.String({ maxLength: 256 })),
        disable_parallel_tool_use: nullable(Type.Boolean()),
      },
      open,
    ),
  ),
};

const fields = Type.Object(toolFields);
type Fields = Static<typeof fields>;

/** The tools. @throws INVALID with a pointer for one that its caller cannot run. */
export function toolsOf({ tools }: Pick<Fields, "tools">): readonly ToolSpec[] {
  return (tools ?? []).map(({ name, type, description, input_schema: parameters, strict }, at) => {
    if (type !== undefined && type !== null && type !== "custom") {
      const message = `Tools of type ${type} are not here: the caller's own have an input_schema.`;
      throw new RuntimeError("INVALID", message, { pointer: `/tools/${at}/type` });
    }
    if (parameters === undefined) {
      const message = `The tool ${name.slice(0, 64)} has no input_schema.`;
      throw new RuntimeError("INVALID", message, { pointer: `/tools/${at}/input_schema` });
    }
    return { name, description: description ?? "", parameters, ...(strict && { strict }) };
  });
}

/** What the request sets of tools. */
export function toolOverrides(body: Fields): Partial<CompletionMessage["overrides"]> {
  const tools = toolsOf(body);
  const { tool_choice: choice } = body;
  return {
    ...(tools.length > 0 && { tools }),
    ...(choice && { tool_choice: choiceOf(choice) }),
    ...(choice?.disable_parallel_tool_use && { parallel_tool_calls: false }),
  };
}

function choiceOf({ type, name = "" }: NonNullable<Fields["tool_choice"]>): ToolChoice {
  if (type === "tool") return { name };
  return type === "any" ? "required" : type;
}
