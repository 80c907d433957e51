// What a schema cannot say about agents and sub-agents: collections must exist in the tenant, user
// supplied schemas must be safe to run, a graph must hang together, a fallback must be a sub-agent.
// Only what a request sets is checked, so that an old reference never blocks an unrelated change.

import { chainProblem } from "../../../actors/model-chain.ts";
import { type AgentRow, agentTables, versionId } from "../../../actors/records/agent-version.ts";
import { collectionsTable } from "../../../actors/records/collection.ts";
import { LOCAL } from "../../../actors/records/constraints.ts";
import type { Guardrail } from "../../../actors/records/guardrail.ts";
import type { SubAgent } from "../../../actors/records/sub-agent.ts";
import type { FolderGrant } from "../../../actors/tools/folders.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Tables } from "../../../runtime/system.ts";
import { hostRule } from "../../egress-address.ts";
import { checkNodeRefs } from "../resources/node-refs.ts";
import { checkTools, type ToolCheckPlace } from "./tool-checks.ts";

/** Depth of free-form objects of a client. */
const OBJECT_DEPTH_MAX = 32;
const OBJECT_CHARS_MAX = 64 * 1024;
const FORBIDDEN_NAMES = ["__proto__", "constructor", "prototype"];
const COLLECTION_ID = /^cl_[A-Za-z0-9]{1,61}$/;

type Fields = Readonly<Record<string, unknown>>;

/** Where something is checked. */
export interface CheckPlace {
  readonly tables: Tables;
  readonly tenant: string;
}

/** Where agents are checked. */
export interface AgentCheckPlace extends CheckPlace {
  /** Folders that the operator granted, to whichever tenants. */
  readonly folders: readonly FolderGrant[];
}

/** Checks what `set` sets on an agent. @throws INVALID, SCHEMA_INVALID, GRAPH_INVALID with a pointer. */
export async function checkAgent(
  place: AgentCheckPlace,
  next: AgentRow,
  set: Fields,
): Promise<void> {
  const objects = ["required_parameters", "state_schema", "response_format", "prompt_variables"];
  for (const field of objects) {
    if (isObject(set[field])) checkObject(set[field], `/${field}`);
  }
  for (const field of ["required_parameters", "state_schema"] as const) {
    if (isObject(set[field])) await checkSchema(set[field], `/${field}`);
  }
  await checkFormat(set["response_format"], "/response_format");
  if (set["guardrails"]) await checkRules(next.agent.guardrails);
  if (set["tools"]) checkObject(set["tools"], "/tools");
  if ("tools" in set) {
    const subAgents = next.subAgents.map(({ key }) => key);
    const owner = next.agent.agent_key;
    const hasMemory = next.agent.memory?.type === "vector_db";
    await checkTools(next.agent.tools ?? [], { ...place, owner, subAgents, hasMemory });
  }
  checkModel(set);
  checkDomains(next.agent.constraints?.allowed_domains ?? []);
  checkEngine(next);
  checkFallback(next, set);
  await checkCanary(place, next, set);
  await checkGraph(place, next, set);
  await checkPrompt(place, next, set);
  const ids = (set["collection_ids"] ?? []) as readonly string[];
  for (const [at, id] of ids.entries()) await checkCollection(place, id, `/collection_ids/${at}`);
}

/** Checks what `set` sets on a sub-agent. @throws INVALID, SCHEMA_INVALID with a pointer. */
export async function checkSubAgent(
  place: AgentCheckPlace & Pick<ToolCheckPlace, "subAgents" | "hasMemory">,
  next: SubAgent,
  set: Fields,
): Promise<void> {
  if (isObject(set["output_schema"])) {
    checkObject(set["output_schema"], "/output_schema");
    await checkSchema(set["output_schema"], "/output_schema");
  }
  if (set["tools"]) checkObject(set["tools"], "/tools");
  if ("tools" in set) {
    await checkTools(next.tools ?? [], { ...place, owner: next.sub_agent_key });
  }
  if (isObject(set["action"])) checkObject(set["action"], "/action");
  checkModel(set);
  if (next.use_rag && next.collection_key === null) {
    throw invalid("use_rag needs a collection_key to read from.", "/collection_key");
  }
  if (typeof set["collection_key"] === "string") {
    await checkCollection(place, set["collection_key"], "/collection_key");
  }
}

/**
 * Whether a collection exists in the tenant. Another tenant's looks like one that does not exist.
 * @throws INVALID with the pointer.
 */
async function checkCollection(place: CheckPlace, id: string, pointer: string): Promise<void> {
  const row = COLLECTION_ID.test(id)
    ? await place.tables.get(place.tenant, collectionsTable, id)
    : undefined;
  if (row === undefined) throw invalid(`Collection ${id} does not exist.`, pointer);
}

/**
 * Whether answers can be held to the schema of a `json_schema` format: known before a model is paid.
 * @throws SCHEMA_INVALID with the pointer.
 */
export async function checkFormat(format: unknown, pointer: string): Promise<void> {
  if (!isObject(format) || format["type"] !== "json_schema") return;
  const inner = format["json_schema"];
  const [schema, at] = isObject(inner)
    ? [inner["schema"], `${pointer}/json_schema/schema`]
    : [format["schema"], `${pointer}/schema`];
  if (!isObject(schema)) return;
  checkObject(schema, at);
  await checkSchema(schema, at);
}

function checkModel(set: Fields): void {
  const name = set["model_name"];
  const problem = typeof name === "string" ? chainProblem(name) : undefined;
  if (problem !== undefined) throw invalid(problem, "/model_name");
}

function checkEngine({ agent }: AgentRow): void {
  const { engine, target, graph_definition: graph } = agent;
  if (engine == null && target != null) {
    throw invalid("A target is where an engine works: the agent has none.", "/target");
  }
  if (engine == null || graph == null) return;
  throw invalid("Either an engine answers for an agent or a graph.", "/engine");
}

function checkDomains(domains: readonly string[]): void {
  const at = domains.findIndex((text) => text !== LOCAL && hostRule(text) === null);
  if (at === -1) return;
  const pointer = `/constraints/allowed_domains/${at}`;
  throw invalid(`"${domains[at]}" is no host, no "*.host" and not "${LOCAL}".`, pointer);
}

/** Whether the prompt can be filled as far as the agent's own constants go. */
async function checkPrompt(place: CheckPlace, { agent }: AgentRow, set: Fields): Promise<void> {
  const fields = ["prompt_id", "prompt_version", "prompt_variables"] as const;
  if (!fields.some((name) => name in set)) return;
  const { promptOf } = await import("../../../actors/prompts/system-message.ts");
  const reference = promptOf(agent);
  if (reference === null) {
    const lone = fields.find((name) => agent[name] != null);
    if (lone !== undefined) throw invalid(`${lone} needs a prompt_id.`, `/${lone}`);
    return;
  }
  const { loadPrompt, pinPrompts } = await import("../../../actors/prompts/prompt.ts");
  const { checkValues } = await import("../../../actors/prompts/variables.ts");
  const read = async (table: string, id: string): Promise<unknown> =>
    (await place.tables.get(place.tenant, table, id))?.value;
  const isThere = (error: unknown): never => {
    if (!(error instanceof RuntimeError && error.code === "NOT_FOUND")) throw error;
    const pointer = reference.version === null ? "/prompt_id" : "/prompt_version";
    throw new RuntimeError("INVALID", error.message, { pointer }, { cause: error });
  };
  const pins = await pinPrompts(read, reference).catch(isThere);
  const prompt = await loadPrompt(read, reference, pins).catch(isThere);
  checkValues(prompt.variables, agent.prompt_variables ?? {}, "/prompt_variables");
}

function checkFallback(next: AgentRow, set: Fields): void {
  const fallback = isObject(set["agent_config"]) ? set["agent_config"]["fallback"] : undefined;
  if (fallback === undefined) return;
  if (next.subAgents.some((entry) => entry.key === fallback)) return;
  throw invalid(`${fallback} is no sub-agent of this agent.`, "/agent_config/fallback");
}

async function checkCanary(place: CheckPlace, { agent }: AgentRow, set: Fields): Promise<void> {
  const { version } = (isObject(set["agent_config"]) ? agent.agent_config?.canary : null) ?? {};
  if (version === undefined) return;
  const id = versionId(agent.agent_key, version);
  const row = await place.tables.get(place.tenant, agentTables.agentVersions, id);
  if (row !== undefined) return;
  throw invalid(`This agent has no version ${version}.`, "/agent_config/canary/version");
}

// The checkers bring a schema and an expression engine with them: main loads them when first needed.
async function checkSchema(schema: Fields, pointer: string): Promise<void> {
  const { compileSchema, loadSchemas } = await import("../../../actors/answer/output-schema.ts");
  await loadSchemas();
  compileSchema(schema, pointer);
}

/** @throws INVALID with the pointer. */
export async function checkRules(rules: readonly Guardrail[] | null): Promise<void> {
  if (!rules) return;
  const { checkGuardrails } = await import("../../../actors/guard/valid.ts");
  await checkGuardrails(rules);
}

async function checkGraph(place: CheckPlace, next: AgentRow, set: Fields): Promise<void> {
  const { agent } = next;
  const isTouched = ["graph_definition", "state_schema", "entry_node"].some((name) => name in set);
  if (!isTouched || agent.graph_definition === null) return;
  if (isObject(set["graph_definition"])) {
    checkObject(set["graph_definition"], "/graph_definition");
  }
  const keys = next.subAgents.map((entry) => entry.key);
  const { loadExpressions } = await import("../../../actors/expression.ts");
  const { refsOf, validateGraph } = await import("../../../actors/flow/compile.ts");
  await loadExpressions();
  const { graph_definition: definition, state_schema, entry_node } = agent;
  const refs = refsOf(validateGraph(definition, state_schema, entry_node, keys));
  if (!("graph_definition" in set)) return;
  const own = refs.find(({ ref }) => ref === agent.agent_key);
  if (own !== undefined) {
    const message = `Agent ${own.ref} goes on into itself: it would never end.`;
    throw new RuntimeError("GRAPH_INVALID", message, { pointer: own.pointer });
  }
  await checkNodeRefs(place, refs);
}

// Names that mean something to JavaScript objects are refused wherever a client may name members.
export function checkObject(value: unknown, pointer: string): void {
  if (JSON.stringify(value).length > OBJECT_CHARS_MAX) {
    throw invalid(`An object has at most ${OBJECT_CHARS_MAX} characters as JSON.`, pointer);
  }
  walk(value, pointer, 0);
}

function walk(value: unknown, pointer: string, depth: number): void {
  if (typeof value !== "object" || value === null) return;
  if (depth >= OBJECT_DEPTH_MAX) {
    throw new RuntimeError("TOO_DEEP", `Objects are at most ${OBJECT_DEPTH_MAX} levels deep.`, {
      pointer,
    });
  }
  for (const [name, child] of Object.entries(value)) {
    const at = `${pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    if (FORBIDDEN_NAMES.includes(name)) throw invalid(`The name ${name} is not allowed.`, at);
    walk(child, at, depth + 1);
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
