// What a schema cannot say about tools: their settings are those of their type, names differ, what a
// type needs is granted, what they name exists. An agent that uses a record may narrow it and no more:
// where it goes and with which secrets was decided by whoever made it.

import { checkMcpNames, toolNames } from "../../../actors/mcp/names.ts";
import { mcpPinsTable } from "../../../actors/mcp/pins.ts";
import type { ApiSource, ReadingParts } from "../../../actors/openapi/offered.ts";
import type { ResourceRow } from "../../../actors/records/resource.ts";
import { readSkillName } from "../../../actors/records/skill.ts";
import {
  isRecordId,
  plainUse,
  type ToolInput,
  type ToolTypeName,
  type ToolUse,
} from "../../../actors/records/tool.ts";
import { toolKind } from "../../../actors/records/tool-kind.ts";
import type { FolderGrant } from "../../../actors/tools/folders.ts";
import { configLinks, useLinks } from "../../../actors/tools/links.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Tables } from "../../../runtime/system.ts";
import { checkExists, type ResourceRules, type ServerGrant } from "../resources/resource-rules.ts";
import { loadValidator, validate } from "../validate.ts";

/** A type with what it checks by: loaded with the first tool, as most agents have none. */
async function typeOf(name: ToolTypeName) {
  const { builtinTools } = await import("../../../actors/tools/tool-types.ts");
  return builtinTools[name];
}

/** A document is fetched and read within this. */
const DOCUMENT_MS = 15_000;
/** Those of the memory and of skills. */
const RESERVED = ["remember", "recall", "forget", readSkillName];
/** Of a record, an agent may not say these. */
const DECIDED = [
  ...(["config", "parameters", "repeat", "rate", "confirm_when", "approve_when"] as const),
  "approvals",
] as const;

/** Where tools are checked. */
export interface ToolCheckPlace {
  readonly tables: Tables;
  readonly tenant: string;
  /** Folders that the operator granted, to whichever tenants. */
  readonly folders: readonly FolderGrant[];
  /** Whoever has the tools: `ag_` or `sa_`. */
  readonly owner: string;
  /** Keys of the agent's sub-agents. */
  readonly subAgents: readonly string[];
  /** Whether the agent has a memory. */
  readonly hasMemory: boolean;
}

/** Checks `tools`. @throws INVALID, UNKNOWN_FIELD, SCHEMA_INVALID with a pointer. */
export async function checkTools(named: readonly ToolUse[], place: ToolCheckPlace): Promise<void> {
  const uses = named.map(plainUse);
  const taken = new Set(RESERVED);
  for (const [at, use] of uses.entries()) {
    const pointer = `/tools/${at}`;
    const names = isRecordId(use.tool)
      ? await checkRecordUse(use, place, pointer)
      : [await checkBuiltinUse(use, place, pointer)];
    for (const name of names) {
      if (taken.has(name)) {
        const text = `There is another tool with the name ${name}; give this one its own.`;
        throw invalid(text, `${pointer}/name`);
      }
      taken.add(name);
    }
  }
  for (const [at, use] of uses.entries()) checkGranted(use, taken, `/tools/${at}/config/tools`);
  for (const [pointer, id] of Object.entries(useLinks(uses, "/tools"))) {
    await checkNamed(id, place, pointer);
  }
}

/** The tools of a script are others of whoever has it; a record's are looked for when it is called. */
function checkGranted({ tool, config }: ToolUse, names: ReadonlySet<string>, pointer: string) {
  const granted = tool === "script" ? config?.["tools"] : undefined;
  if (!Array.isArray(granted)) return;
  for (const [at, name] of granted.entries()) {
    if (names.has(name) && !RESERVED.includes(name)) continue;
    throw invalid(`There is no tool ${name} beside the script.`, `${pointer}/${at}`);
  }
}

/** Rules of the records. */
export const toolRules: ResourceRules<ToolInput> = {
  check: async (input, place) => {
    await checkSettings(input.type, input, { ...place, pointer: "" });
    checkNames(input, input.name, (at) => `/config/tools/${at}`);
    if (input.type === "openapi" && place.reading) await readDocument(input, place, place.reading);
    if (!String(input.config?.["to"]).startsWith("sa_")) return;
    const text = "A sub-agent is named in the tools of its own agent, not in a record.";
    throw invalid(text, "/config/to");
  },
  withRemoved: ({ type }, id) =>
    type === "mcp" || type === "openapi"
      ? [{ type: "remove", table: type === "mcp" ? mcpPinsTable : "openapi-tools", id }]
      : [],
  links: async ({ type, config = {} }, place) => {
    const links = Object.entries(configLinks(type, config));
    for (const [inner, id] of links) {
      const pointer = `/config${inner}`;
      await checkExists(place, id, { prefixes: [id.slice(0, 2)], pointer });
    }
    return Object.fromEntries(links.map(([inner, id]) => [`/config${inner}`, id]));
  },
};

/** Reads the document of a record, as a run will. @throws INVALID, and why it cannot be had. */
async function readDocument(
  { config = {} }: ToolInput,
  { tenant }: Pick<ToolCheckPlace, "tenant">,
  reading: Omit<ReadingParts, "tenant">,
): Promise<void> {
  const { readOperations } = await import("../../../actors/openapi/offered.ts");
  const signal = AbortSignal.timeout(DOCUMENT_MS);
  try {
    await readOperations({ ...reading, tenant }, config as unknown as ApiSource, signal);
  } catch (error) {
    throw placed(error, "/config");
  }
}

/** @throws INVALID for a record whose tools models could not know apart. */
function checkNames(
  record: Pick<ToolInput, "type" | "config">,
  name: string,
  pointerOf: (at: number) => string,
): readonly string[] {
  const names = toolNames(record, name);
  if (record.type === "mcp") checkMcpNames(names, pointerOf);
  return names;
}

async function checkBuiltinUse(
  use: ToolUse,
  place: ToolCheckPlace,
  pointer: string,
): Promise<string> {
  const type = use.tool as ToolTypeName;
  if ((await typeOf(type)).list !== undefined) {
    const text = `A tool of type ${type} is a record: make it under /v2/tools and name its id here.`;
    throw invalid(text, `${pointer}/tool`);
  }
  checkMemory(type, place, `${pointer}/tool`);
  await checkSettings(type, use, { ...place, pointer });
  return use.name ?? type;
}

function checkMemory(type: ToolTypeName, { hasMemory }: ToolCheckPlace, pointer: string): void {
  if (type !== "memory" || hasMemory) return;
  throw invalid("The agent has no memory: set its memory before it has this tool.", pointer);
}

async function checkRecordUse(
  use: ToolUse,
  place: ToolCheckPlace,
  pointer: string,
): Promise<readonly string[]> {
  const { tables, tenant } = place;
  const said = DECIDED.find((name) => use[name] !== undefined);
  if (said !== undefined) {
    throw invalid(`The ${said} of a tool is set in its record.`, `${pointer}/${said}`);
  }
  const found = await tables.get(tenant, toolKind.path, use.tool);
  if (found === undefined) throw invalid(`Tool ${use.tool} does not exist.`, `${pointer}/tool`);
  const { record } = found.value as ResourceRow<ToolInput>;
  const type = await typeOf(record.type);
  const { requires_confirmation: isConfirmed = isConfirmedBy(type, record) } = record;
  if (use.requires_confirmation === false && isConfirmed) {
    const text = "The record says that calls are confirmed; an agent cannot take that back.";
    throw invalid(text, `${pointer}/requires_confirmation`);
  }
  checkMemory(record.type, place, `${pointer}/tool`);
  const granted = record.permissions ?? type.granted ?? type.needs;
  const wider = use.permissions?.find((one) => !granted.includes(one));
  if (wider === undefined)
    return checkNames(record, use.name ?? record.name, () => `${pointer}/name`);
  throw invalid(`The record does not grant "${wider}".`, `${pointer}/permissions`);
}

/** Where settings stand, and whose they are. */
type SettingsPlace = Pick<ToolCheckPlace, "tables" | "tenant" | "folders"> & {
  readonly toolServers?: readonly ServerGrant[] | undefined;
  readonly pointer: string;
};

async function grantedTo(tenant: string, folders: readonly FolderGrant[]) {
  return (await import("../../../actors/tools/folders.ts")).grantsOf(folders, tenant);
}

const namesFor = (servers: readonly ServerGrant[], tenant: string): readonly string[] =>
  servers
    .filter(({ tenants }) => tenants.includes("*") || tenants.includes(tenant))
    .map(({ name }) => name);

/** Checks the settings of a tool of this type. */
async function checkSettings(
  name: ToolTypeName,
  settings: Omit<ToolUse, "tool" | "name">,
  { tables, tenant, folders, toolServers, pointer }: SettingsPlace,
): Promise<void> {
  const type = await typeOf(name);
  const { config = {}, permissions, parameters, repeat } = settings;
  await loadValidator();
  const own = folders.length === 0 ? [] : await grantedTo(tenant, folders);
  within(`${pointer}/config`, () => {
    validate(type.config, config);
    type.check?.(config, { folders: own, servers: toolServers && namesFor(toolServers, tenant) });
  });
  if (name === "email") await checkMailbox({ tables, tenant }, config, `${pointer}/config/channel`);
  const missing = type.needs.find((need) => permissions?.includes(need) === false);
  if (missing !== undefined) {
    throw invalid(`A ${name} needs the permission "${missing}".`, `${pointer}/permissions`);
  }
  if (repeat === "reconcile" && type.canReconcile?.(config) !== true) {
    const text = `A ${name} so configured cannot be asked what became of a call.`;
    throw invalid(text, `${pointer}/repeat`);
  }
  if (parameters && type.list !== undefined) {
    throw invalid(`What a ${name} takes is said by its server.`, `${pointer}/parameters`);
  }
  if (parameters) await checkParameters(parameters, `${pointer}/parameters`);
  const { requires_confirmation = isConfirmedBy(type, settings) } = settings;
  await checkConfirmation({ ...settings, requires_confirmation }, pointer);
}

/** Mail goes over mailboxes alone. That the channel exists is checked with all links. */
async function checkMailbox(
  { tables, tenant }: Pick<ToolCheckPlace, "tables" | "tenant">,
  { channel }: Readonly<Record<string, unknown>>,
  pointer: string,
): Promise<void> {
  const row = await tables.get(tenant, "channels", String(channel));
  const kind = (row?.value as ResourceRow<{ readonly kind: string }> | undefined)?.record.kind;
  if (kind === undefined || kind === "email") return;
  throw invalid(`The channel ${String(channel)} is of kind ${kind}, not email.`, pointer);
}

/** Where nothing is said of it. */
function isConfirmedBy(
  type: Awaited<ReturnType<typeof typeOf>>,
  { config = {}, confirm_when }: Pick<ToolUse, "config" | "confirm_when">,
): boolean {
  return confirm_when === undefined && type.confirms?.(config) === true;
}

async function checkConfirmation(
  settings: Omit<ToolUse, "tool" | "name">,
  pointer: string,
): Promise<void> {
  const { requires_confirmation, confirm_when, approve_when, approvals } = settings;
  if (approvals !== undefined && confirm_when === undefined && requires_confirmation !== true) {
    const text = "No call of this tool is confirmed, so there is none that somebody agrees to.";
    throw invalid(text, `${pointer}/approvals`);
  }
  if (approve_when !== undefined && confirm_when === undefined && requires_confirmation !== true) {
    const text = "No call of this tool is confirmed, so there is none to approve by rule.";
    throw invalid(text, `${pointer}/approve_when`);
  }
  for (const [name, source] of Object.entries({ confirm_when, approve_when })) {
    if (source !== undefined) await checkRule(source, `${pointer}/${name}`);
  }
}

async function checkRule(source: string, pointer: string): Promise<void> {
  const { checkCondition, loadExpressions } = await import("../../../actors/expression.ts");
  await loadExpressions();
  try {
    checkCondition(source, pointer);
  } catch (error) {
    throw asInvalid(error, pointer);
  }
}

function asInvalid(error: unknown, pointer: string): unknown {
  if (!(error instanceof RuntimeError)) return error;
  return new RuntimeError("INVALID", error.message, { pointer }, { cause: error });
}

async function checkNamed(id: string, place: ToolCheckPlace, pointer: string): Promise<void> {
  const { owner, subAgents } = place;
  if (id === owner) throw invalid(`${id} cannot call itself.`, pointer);
  if (!id.startsWith("sa_")) {
    await checkExists(place, id, { prefixes: [id.slice(0, 2)], pointer });
  } else if (!subAgents.includes(id)) {
    throw invalid(`${id} is no sub-agent of this agent.`, pointer);
  }
}

/** Errors of a part as those of the whole. */
function within(pointer: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    throw placed(error, pointer);
  }
}

function placed(error: unknown, pointer: string): unknown {
  if (!(error instanceof RuntimeError)) return error;
  const inner = String(error.details?.["pointer"] ?? "");
  const details = { ...error.details, pointer: `${pointer}${inner}` };
  // A message may begin with the place that it is about.
  const message = error.message.startsWith(inner) ? pointer + error.message : error.message;
  return new RuntimeError(error.code, message, details, { cause: error });
}

async function checkParameters(schema: Readonly<Record<string, unknown>>, pointer: string) {
  const { compileSchema, loadSchemas } = await import("../../../actors/answer/output-schema.ts");
  await loadSchemas();
  compileSchema(schema, pointer);
  if (schema["type"] === "object") return;
  throw invalid('The schema of arguments has "type": "object".', `${pointer}/type`);
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
