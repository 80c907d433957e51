// From what a file or a client says of an agent to the records that are stored, and back. Errors of the records are
// told with the place in what was said.

import type { Agent, AgentInput } from "../../actors/records/agent.ts";
import { agentInput } from "../../actors/records/agent.ts";
import type { OrchestratedInput } from "../../actors/records/orchestrated.ts";
import { isRecordId, type ToolUse, toolTypes } from "../../actors/records/tool.ts";
import type { TriggerInput } from "../../actors/records/trigger.ts";
import { RuntimeError } from "../../runtime/errors.ts";

type Fields = Readonly<Record<string, unknown>>;
type Tool = NonNullable<OrchestratedInput["tools"]>[number];
type Trigger = NonNullable<OrchestratedInput["triggers"]>[number];

/** What of names is known of a tenant. */
export interface KnownNames {
  /** A model as providers are asked for it. */
  modelOf(name: string): Promise<string>;
  /** What a use of a tool that has this name names; null: nothing has it. */
  toolOf(name: string): Promise<string | null>;
}

/** Fields that are the agent's own, under their own names. */
const own = Object.keys(agentInput.properties).filter(
  (name) => !["model_name", "memory", "tools"].includes(name),
);

/** The agent's record. @throws INVALID with the pointer in what was said. */
export async function agentOf(said: OrchestratedInput, known: KnownNames): Promise<AgentInput> {
  if (said.model != null && said.model_name != null) {
    throw invalid("model and model_name are one: say one of them.", "/model_name");
  }
  const model = said.model ?? said.model_name ?? null;
  const fields = Object.fromEntries(
    own.flatMap((name) => {
      const value = (said as Fields)[name];
      return value == null ? [] : [[name, value]];
    }),
  );
  const tools: ToolUse[] = [];
  for (const [at, tool] of (said.tools ?? []).entries()) tools.push(await useOf(tool, at, known));
  return {
    ...fields,
    name: said.name,
    system_message: said.system_message ?? (said.prompt_id == null ? messageOf(said) : null),
    ...(model !== null && { model_name: await modelChain(model, known) }),
    ...(said.memory != null && { memory: memoryOf(said.memory) }),
    ...(tools.length > 0 && { tools }),
  };
}

/** What one is told that says nothing itself. */
function messageOf({ name, description }: Pick<AgentInput, "name" | "description">): string {
  const does = description == null ? "" : ` ${description.replace(/([^.!?])$/, "$1.")}`;
  return `You are ${name}.${does} You work by yourself: do what you are set to do with your tools, ask nobody back, and say in the end what you did and found.`;
}

/** Nobody speaks with it: what it learns is the agent's own. */
function memoryOf(memory: NonNullable<AgentInput["memory"]>): NonNullable<AgentInput["memory"]> {
  return memory.type === "none" ? memory : { scope: "agent", ...memory };
}

async function modelChain(
  models: string,
  { modelOf }: Pick<KnownNames, "modelOf">,
): Promise<string> {
  const names = models.split(",").map((one) => one.trim());
  return (await Promise.all(names.map((one) => (one === "" ? one : modelOf(one))))).join(", ");
}

async function useOf(said: Tool, at: number, { toolOf }: KnownNames): Promise<ToolUse> {
  const { name, tool: named, paths, config, ...settings } = said;
  const pointer = `/tools/${at}`;
  if (paths !== undefined && config?.["paths"] !== undefined) {
    throw invalid("The paths of a tool are said once.", `${pointer}/config/paths`);
  }
  const word = named ?? name;
  const tool = await toolOf(word);
  if (tool === null) {
    const text = `There is no tool "${word}". There are ${toolTypes.join(", ")}, records of /v2/tools by id or name, and custom.<name> of the server's folder of tools.`;
    throw invalid(text, `${pointer}/${named === undefined ? "name" : "tool"}`);
  }
  const all = { ...config, ...(paths !== undefined && { paths }) };
  return {
    ...{ tool, ...(named !== undefined && { name }), ...settings },
    ...(Object.keys(all).length > 0 && { config: all }),
  };
}

/** A trigger's record. @param target the agent. */
export function triggerOf(said: Trigger, target: string, name: string): TriggerInput {
  const { id: _, ...fields } = said;
  return { ...fields, name, target };
}

/** The names of triggers, each once. @throws INVALID with the pointer. */
export function triggerNames(triggers: readonly Trigger[]): readonly string[] {
  const counts = new Map<string, number>();
  const names = triggers.map(({ name, type }) => {
    const count = (counts.get(type) ?? 0) + 1;
    counts.set(type, count);
    return name ?? `${type} ${count}`;
  });
  const twice = names.findIndex((name, at) => names.indexOf(name) < at);
  if (twice === -1) return names;
  throw invalid(`Two triggers are named "${names[twice]}".`, `/triggers/${twice}/name`);
}

/** The same error, of the place in what was said. */
export function placedIn(error: unknown, said: OrchestratedInput): unknown {
  return moved(error, (pointer) => {
    const [, field = "", at = "", ...rest] = pointer.split("/");
    if (field === "model_name" && said.model != null) return "/model";
    if (field !== "tools" || at === "") return pointer;
    const tool = said.tools?.[Number(at)];
    if (rest[0] === "tool" && tool?.tool === undefined) return `/tools/${at}/name`;
    const isPath = rest[0] === "config" && rest[1] === "paths" && tool?.paths !== undefined;
    return isPath ? `/tools/${at}/${rest.slice(1).join("/")}` : pointer;
  });
}

/** The same error, of a place within another. */
export function placedUnder(error: unknown, base: string): unknown {
  return moved(error, (pointer) => `${base}${pointer}`);
}

function moved(error: unknown, place: (pointer: string) => string): unknown {
  if (!(error instanceof RuntimeError)) return error;
  const before = String(error.details?.["pointer"] ?? "");
  const pointer = place(before);
  // A message may name the place that it is about.
  const message = before === "" ? error.message : error.message.replace(before, () => pointer);
  return new RuntimeError(error.code, message, { ...error.details, pointer }, { cause: error });
}

/** An agent as it was said. */
export async function saidOf(
  agent: Agent,
  { modelOf }: Pick<KnownNames, "modelOf">,
): Promise<Fields> {
  const { model_name: model, tools, system_message: told } = agent;
  const fields = Object.fromEntries(own.map((name) => [name, (agent as Fields)[name] ?? null]));
  const isMade = told !== null && told === messageOf(agent);
  return {
    ...fields,
    ...(isMade && { system_message: null }),
    model: model === null ? null : await modelsSaid(model, modelOf),
    memory: agent.memory ?? null,
    tools: (tools ?? []).map(toolSaid),
  };
}

/** A provider that would be found without being named is not named. */
async function modelsSaid(models: string, modelOf: KnownNames["modelOf"]): Promise<string> {
  const each = models.split(", ").map(async (one) => {
    const bare = one.slice(one.indexOf("/") + 1);
    return (await modelOf(bare)) === one ? bare : one;
  });
  return (await Promise.all(each)).join(", ");
}

function toolSaid(use: ToolUse): Fields {
  const { tool, name, config, ...settings } = use;
  const { paths, ...rest } = (config ?? {}) as Fields;
  const named = name === undefined || name === tool ? { name: tool } : { name, tool };
  return {
    ...{ ...named, ...settings },
    ...(paths !== undefined && { paths }),
    ...(Object.keys(rest).length > 0 && { config: rest }),
  };
}

/** What a word names without anybody being asked; undefined: perhaps a record by its name. */
export function plainTool(word: string): string | undefined {
  const isKnown = (toolTypes as readonly string[]).includes(word);
  return isKnown || isRecordId(word) || word.startsWith("custom.") ? word : undefined;
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
