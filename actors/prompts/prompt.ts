// A prompt with the prompts in it, from the tenant's rows. A partial `{{> name}}` or `{{> pr_x}}` is the
// version that is pinned, and `{{> pr_x@3}}` always that one. What a name means was settled when the
// prompt was stored (the row's links), so that a name that is given to another prompt later changes nothing.

import { RuntimeError } from "../../runtime/errors.ts";
import { versionId } from "../records/agent-version.ts";
import { type PromptInput, type PromptVariable, promptKind } from "../records/prompt.ts";
import { type ResourceRow, resourceTables } from "../records/resource.ts";
import type { SkillPins } from "../skills/pins.ts";
import {
  type FilledTemplate,
  fillTemplate,
  loadTemplates,
  namesIn,
  parseTemplate,
  type TemplatePart,
  templateLimits,
} from "./template.ts";
import { mergeVariables, settleValues } from "./variables.ts";

/** Reads a row of the tenant. */
export type ReadRow = (table: string, id: string) => Promise<unknown>;

/** Versions of prompts by their ids: those that are not named with a version. */
export type PromptPins = Readonly<Record<string, number>>;

/** Which prompt an agent runs by, and the versions of it and of all in it, settled once. */
export interface PinnedPrompts {
  /** As the agent names it: "pr_x" or "pr_x@3"; "" without one. */
  readonly of: string;
  readonly versions: PromptPins;
  /** Versions of the agent's skills, settled with them. */
  readonly skills?: SkillPins;
}

/** A prompt, or one in it, as it is named. */
export interface PromptReference {
  readonly id: string;
  /** Null: the pinned one, which is the newest when it is pinned. */
  readonly version: number | null;
}

/** A prompt ready to be filled. */
export interface LoadedPrompt extends FilledTemplate {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly partials: ReadonlyMap<string, LoadedPrompt>;
  /** Its own variables and those of the prompts in it; its own count where names are the same. */
  readonly variables: readonly PromptVariable[];
}

type Row = ResourceRow<PromptInput>;

const tables = resourceTables(promptKind);
const REFERENCE = /^(pr_[A-Za-z0-9]{1,61})(?:@([1-9]\d{0,14}))?$/;

/** Reads "pr_x" or "pr_x@3"; null for what is a name. */
export function promptReference(text: string): PromptReference | null {
  const [, id, version] = REFERENCE.exec(text) ?? [];
  return id === undefined ? null : { id, version: version === undefined ? null : Number(version) };
}

/** As it is named: "pr_x" or "pr_x@3". */
export function referenceText({ id, version }: PromptReference): string {
  return version === null ? id : `${id}@${version}`;
}

/**
 * The newest versions of a prompt and of all prompts in it, to be kept by who fills them later.
 * @throws NOT_FOUND, INVALID for too many in each other.
 */
export async function pinPrompts(read: ReadRow, prompt: PromptReference): Promise<PromptPins> {
  const pins: Record<string, number> = {};
  const waiting = [prompt];
  const seen = new Set<string>();
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const key = `${next.id}@${next.version ?? ""}`;
    if (seen.has(key)) continue;
    seen.add(key);
    if (seen.size > templateLimits.partials + 1) throw tooMany();
    const row = await (next.version === null
      ? readCurrent(read, next.id)
      : readVersion(read, next.id, next.version));
    if (next.version === null) pins[next.id] = row.version;
    for (const link of Object.values(row.links ?? {})) {
      const reference = promptReference(link);
      if (reference !== null) waiting.push(reference);
    }
  }
  return pins;
}

/**
 * Loads a prompt at its pinned versions, which never change.
 * @throws NOT_FOUND for a version that is not kept, INVALID for prompts in themselves.
 */
export async function loadPrompt(
  read: ReadRow,
  prompt: PromptReference,
  pins: PromptPins,
): Promise<LoadedPrompt> {
  await loadTemplates();
  return await load({ read, pins, count: 0 }, prompt, []);
}

/** Loads a prompt that is not stored yet, with the newest of those in it. @throws as `loadPrompt`. */
export async function loadDraft(
  read: ReadRow,
  draft: Pick<Row, "record" | "links">,
): Promise<LoadedPrompt> {
  await loadTemplates();
  const pins: Record<string, number> = {};
  for (const link of Object.values(draft.links ?? {})) {
    const reference = promptReference(link);
    if (reference !== null) Object.assign(pins, await pinPrompts(read, reference));
  }
  const row = { ...draft, version: draft.record.version };
  return await built({ read, pins, count: 0 }, row, [draft.record.id]);
}

/**
 * The text of a prompt.
 * @param pointer of the object that holds the values, for what is missing.
 * @throws INVALID for a required variable without a value, and past the limits of templates.
 */
export function fillPrompt(
  prompt: LoadedPrompt,
  values: Readonly<Record<string, unknown>>,
  pointer: string,
): { readonly text: string; readonly values: Readonly<Record<string, unknown>> } {
  const settled = settleValues(prompt.variables, values, pointer);
  return { text: fillTemplate(prompt, settled), values: settled };
}

/** Names that the prompts use, of those that are variables. */
export function variablesUsed(prompt: LoadedPrompt): ReadonlySet<string> {
  const names = new Set(namesIn(prompt.parts).map(({ name }) => name));
  for (const partial of prompt.partials.values()) {
    for (const name of variablesUsed(partial)) names.add(name);
  }
  return names;
}

interface Loading {
  readonly read: ReadRow;
  readonly pins: PromptPins;
  count: number;
}

async function load(
  loading: Loading,
  { id, version }: PromptReference,
  path: readonly string[],
): Promise<LoadedPrompt> {
  const at = version ?? loading.pins[id];
  if (at === undefined) throw new RuntimeError("NOT_FOUND", `Prompt ${id} is not pinned.`);
  const key = version === null ? id : versionId(id, version);
  if (path.includes(key)) {
    const way = [...path, key].join(" > ");
    throw new RuntimeError("INVALID", `A prompt cannot be in itself: ${way}.`, {
      pointer: "/template",
    });
  }
  loading.count += 1;
  if (loading.count > templateLimits.partials + 1) throw tooMany();
  if (path.length > templateLimits.depth) throw tooDeep();
  return await built(loading, await readVersion(loading.read, id, at), [...path, key]);
}

async function built(loading: Loading, row: Row, path: readonly string[]): Promise<LoadedPrompt> {
  const { id, name, template, variables = [] } = row.record;
  const partials = new Map<string, LoadedPrompt>();
  for (const [as, link] of Object.entries(row.links ?? {})) {
    const reference = promptReference(link);
    if (reference !== null) partials.set(as, await load(loading, reference, path));
  }
  const others = [...partials.values()].map((partial) => partial.variables);
  return {
    ...{ id, name, version: row.version, partials },
    parts: parsed(template),
    variables: mergeVariables([variables, ...others]),
  };
}

async function readCurrent(read: ReadRow, id: string): Promise<Row> {
  const row = await read(tables.current, id);
  if (row !== undefined) return row as Row;
  throw new RuntimeError("NOT_FOUND", `Prompt ${id} does not exist.`);
}

async function readVersion(read: ReadRow, id: string, version: number): Promise<Row> {
  const row = await read(tables.versions, versionId(id, version));
  if (row !== undefined) return row as Row;
  throw new RuntimeError("NOT_FOUND", `Prompt ${id} has no version ${version}.`);
}

/** Parsed templates by their text: the same few answer most runs. */
const known = new Map<string, readonly TemplatePart[]>();
const KNOWN_MAX = 200;

function parsed(template: string): readonly TemplatePart[] {
  const before = known.get(template);
  if (before !== undefined) return before;
  const parts = parseTemplate(template);
  known.set(template, parts);
  const oldest = known.size > KNOWN_MAX ? known.keys().next().value : undefined;
  if (oldest !== undefined) known.delete(oldest);
  return parts;
}

function tooMany(): RuntimeError {
  const message = `A prompt has at most ${templateLimits.partials} prompts in it.`;
  return new RuntimeError("INVALID", message, { pointer: "/template" });
}

function tooDeep(): RuntimeError {
  const message = `Prompts are at most ${templateLimits.depth} levels deep in each other.`;
  return new RuntimeError("INVALID", message, { pointer: "/template" });
}
