// The one tool of an engine that does a task as a whole: it is told everything, and gives its answer with the name under
// which it can be gone on with. Loaded with the first such engine.

import type { RunContext } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import type { OfferedEngine } from "../engines/port.ts";
import { engineTask, engineTerms } from "../engines/task.ts";
import { taskLimits, type WorkTerms } from "../engines/works.ts";
import type { Ports } from "../ports.ts";
import { failure } from "./result.ts";
import type { RunTool } from "./tool.ts";
import {
  argumentsSchema,
  type OneOfMany,
  type ToolConfig,
  type ToolPlace,
  type ToolTerms,
} from "./tool-type.ts";

/** Where it is looked up. */
interface TaskPlace {
  readonly context: RunContext<Ports>;
  readonly key: string;
  readonly name: string;
  readonly engine: string;
  readonly target: string | undefined;
}

/** The tool, as a model is told of it. */
export async function taskTool(
  config: ToolConfig,
  { name: called, description }: OfferedEngine,
  { context, key, name, engine, target }: TaskPlace,
): Promise<OneOfMany> {
  const of = { engine, ...(target !== undefined && { target }) };
  const task = await engineTerms(context, `engine:${key}`, of);
  const what = description === "" ? `Gives a task to "${called}".` : description;
  return {
    name,
    description: `${what} It knows nothing of this conversation: say everything that it needs.`,
    parameters: argumentsSchema(["task"], {
      task: { type: "string", minLength: 1, maxLength: taskLimits.taskChars },
      session_id: {
        ...{ type: "string", minLength: 1, maxLength: taskLimits.sessionChars },
        description: "Of an answer before, to go on where it left off.",
      },
    }),
    config: { ...config, task },
  };
}

/** Has a task done. */
export async function performTask(
  config: ToolConfig,
  { context, meter }: ToolPlace,
  { repeat }: ToolTerms,
  { arguments: given, key, show = false }: Parameters<RunTool["within"]>[0],
): ReturnType<RunTool["within"]> {
  const { engine, target, task } = config as {
    readonly engine: string;
    readonly target?: string;
    readonly task: WorkTerms;
  };
  const { task: text, session_id: session } = given;
  const ask = {
    ...{ engine, text: String(text), place: addressParts(context.self).root },
    ...(target !== undefined && { target }),
    ...(typeof session === "string" && { session }),
    ...{ show: false, tells: show },
    terms: { ...task, repeat: repeat === "safe" ? "safe" : task.repeat },
  } as const;
  const {
    answer,
    error,
    usage,
    session: next,
    output,
  } = await engineTask(context, key, ask, meter);
  if (error !== undefined) return { result: failure(error.code, error.message), usage };
  const more = {
    ...(next !== null && { session_id: next }),
    ...(output !== undefined && { output }),
  };
  return { result: { answer, ...more }, usage };
}
