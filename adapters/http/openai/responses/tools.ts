// Tools of a request: functions that the caller runs, on their own or grouped in a namespace, and which of
// them may or must be called. Models of ours know no namespaces: a function of one is `namespace__name`
// to them, and a call of it is shown by its two names again.

import type { CompletionMessage } from "../../../../actors/records/conversation.ts";
import { RuntimeError } from "../../../../runtime/errors.ts";
import type { ResponseBody } from "./body.ts";

type Overrides = CompletionMessage["overrides"];
type Fields = Readonly<Record<string, unknown>>;
type Spec = NonNullable<Overrides["tools"]>[number];

/** Between a namespace and the name of a function. */
const BETWEEN = "__";

/**
 * Tools of OpenAI's own servers that a model may use and need not: there are none here, so they are not
 * offered, and the response's `tools` shows which were. Others change what an answer is made of.
 */
const LEFT_OUT = ["web_search", "web_search_preview"];

/** What the tools of a request set. @throws INVALID with a pointer for what is not taken. */
export function toolsOf(body: ResponseBody): Overrides {
  const specs = placesOf(body.tools ?? []).map(specOf);
  const choice = choiceOf(body.tool_choice, specs);
  const offered = allowedOf(specs, body);
  return {
    ...(offered.length > 0 && { tools: offered }),
    ...(choice !== undefined && offered.length > 0 && { tool_choice: choice }),
    ...(body.parallel_tool_calls === false && { parallel_tool_calls: false }),
  };
}

/** The tools of a request that the model was told of, as the request has them. */
export function offeredTools({ tools }: ResponseBody): readonly object[] {
  return (tools ?? []).filter(({ type }) => !LEFT_OUT.includes(type));
}

/** The name that models know. */
export function flatName(namespace: unknown, name: string): string {
  return typeof namespace === "string" && namespace !== "" ? namespace + BETWEEN + name : name;
}

/** The names of a function that a model called, of the tools that a response's request had. */
export function namesOf(
  flat: string,
  tools: unknown,
): { readonly name: string; readonly namespace?: string } {
  for (const tool of Array.isArray(tools) ? (tools as readonly unknown[]) : []) {
    if (!isObject(tool) || tool["type"] !== "namespace") continue;
    const { name: namespace, tools: inner } = tool;
    if (typeof namespace !== "string" || !Array.isArray(inner)) continue;
    const found = (inner as readonly Fields[]).find(
      ({ name }) => typeof name === "string" && flatName(namespace, name) === flat,
    );
    if (found !== undefined) return { name: String(found["name"]), namespace };
  }
  return { name: flat };
}

/** Where each tool that is offered stands in the request. */
export function toolPointers(body: ResponseBody): readonly string[] {
  return placesOf(body.tools ?? []).map(({ pointer }) => pointer);
}

interface Place {
  readonly tool: Fields;
  readonly namespace: string | null;
  readonly pointer: string;
}

/** Functions, those of namespaces in the place of their namespace. */
function placesOf(tools: readonly Fields[]): readonly Place[] {
  return tools.flatMap((tool, at): readonly Place[] => {
    const pointer = `/tools/${at}`;
    if (LEFT_OUT.includes(String(tool["type"]))) return [];
    if (tool["type"] !== "namespace") return [{ tool, namespace: null, pointer }];
    const { name: namespace, tools: inner } = tool;
    if (typeof namespace !== "string") throw invalid("A namespace has a name.", `${pointer}/name`);
    if (!Array.isArray(inner)) throw invalid("A namespace has tools.", `${pointer}/tools`);
    return (inner as readonly unknown[]).map((one, place) => ({
      tool: isObject(one) ? one : {},
      namespace,
      pointer: `${pointer}/tools/${place}`,
    }));
  });
}

function specOf({ tool, namespace, pointer }: Place): Spec {
  const { type, name, description, parameters, strict } = tool;
  if (type !== "function") {
    const what = `Tools of type function are taken, not ${String(type).slice(0, 64)}.`;
    throw invalid(what, `${pointer}/type`);
  }
  if (typeof name !== "string") throw invalid("A function has a name.", `${pointer}/name`);
  return {
    name: flatName(namespace, name),
    description: typeof description === "string" ? description : "",
    parameters: isObject(parameters) ? parameters : { type: "object", properties: {} },
    ...(typeof strict === "boolean" && { strict }),
  };
}

/** Of the tools those that `tool_choice` allows, when it is a list of them. */
function allowedOf(specs: readonly Spec[], { tool_choice: choice }: ResponseBody): readonly Spec[] {
  if (!isObject(choice) || choice["type"] !== "allowed_tools") return specs;
  const { tools: given } = choice as Fields;
  const allowed: readonly unknown[] = Array.isArray(given) ? given : [];
  const names = allowed.map((tool, at) => {
    const { namespace, name } = isObject(tool) ? tool : ({} as Fields);
    const flat = typeof name === "string" ? flatName(namespace, name) : undefined;
    if (specs.some((spec) => spec.name === flat)) return flat;
    throw invalid("An allowed tool is one of tools.", `/tool_choice/tools/${at}`);
  });
  return specs.filter(({ name }) => names.includes(name));
}

function choiceOf(choice: unknown, specs: readonly Spec[]): Overrides["tool_choice"] {
  if (choice === undefined || choice === null) return undefined;
  if (choice === "auto" || choice === "none") return choice;
  if (choice === "required" && specs.length > 0) return choice;
  if (choice === "required") throw invalid("There are no tools to call.", "/tool_choice");
  const { type, namespace, name, mode } = isObject(choice) ? choice : ({} as Fields);
  if (type === "allowed_tools" && (mode === "auto" || mode === "required")) return mode;
  if (type === "function" && typeof name === "string") {
    const flat = flatName(namespace, name);
    if (specs.some((spec) => spec.name === flat)) return { name: flat };
    throw invalid(`There is no tool ${flat.slice(0, 64)}.`, "/tool_choice/name");
  }
  const forms = "auto, none, required, a function or allowed_tools";
  throw invalid(`tool_choice is ${forms}.`, "/tool_choice");
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
