// What no schema can say of prompts: the template must be one, its names must be variables, and the
// prompts in it must be there and not go in a circle.

import { type LoadedPrompt, loadDraft, promptReference } from "../../../actors/prompts/prompt.ts";
import {
  loadTemplates,
  namesIn,
  parseTemplate,
  partialsIn,
} from "../../../actors/prompts/template.ts";
import { checkDeclarations } from "../../../actors/prompts/variables.ts";
import type { PromptInput, PromptVariable } from "../../../actors/records/prompt.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { type Links, type ResourceRules, type RulePlace, rowReader } from "./resource-rules.ts";

/** The id that a prompt has among others before it has one. */
const NEW = "pr_new";

/** Rules of prompts. */
export const promptRules: ResourceRules<PromptInput> = {
  async check(input) {
    await loadTemplates();
    parseTemplate(input.template);
    checkDeclarations(input.variables ?? []);
  },
  async links(input, place) {
    const links = await linksOf(input, place);
    const stamp = { id: place.id ?? NEW, version: 0, created_at: "", updated_at: "" };
    const draft = { record: { ...input, ...stamp }, links };
    const prompt = await loadDraft(rowReader(place), draft).catch(inTemplate);
    checkNames(input, prompt);
    return links;
  },
};

/** The prompts of a template, by the names they have in it. */
async function linksOf({ template }: PromptInput, place: RulePlace): Promise<Links> {
  const links: Record<string, string> = {};
  for (const name of partialsIn(parseTemplate(template))) {
    links[name] = promptReference(name) === null ? await idOf(name, place) : name;
  }
  return links;
}

/** "Name" or "Name@3" as an id. @throws INVALID when no prompt has the name, or several have. */
async function idOf(text: string, place: RulePlace): Promise<string> {
  const [, name = text, version = ""] = /^(.*?)\s*(@[1-9]\d{0,14})?$/.exec(text) ?? [];
  const ids = await place.named(name);
  const [id, other] = ids;
  if (id === undefined) throw invalid(`There is no prompt "${name.slice(0, 200)}".`);
  if (other !== undefined) {
    throw invalid(
      `Several prompts are called "${name.slice(0, 200)}" (${ids.join(", ")}): name its id.`,
    );
  }
  return `${id}${version}`;
}

/** @throws INVALID for a name that is no variable; where it can be an item's member, it may be any. */
function checkNames({ template }: PromptInput, prompt: LoadedPrompt): void {
  const byName = new Map(prompt.variables.map((variable) => [variable.name, variable]));
  const hasMembers = (name: string): boolean => {
    const { type } = byName.get(name) ?? ({} as Partial<PromptVariable>);
    // A section of an item's own member is inside one of a variable's.
    return type === "array" || type === "object" || type === undefined;
  };
  for (const { name, at, within } of namesIn(prompt.parts)) {
    if (byName.has(name) || within.some((one) => byName.has(one) && hasMembers(one))) continue;
    const before = template.slice(0, at).split("\n");
    const place = `line ${before.length}, character ${(before.at(-1)?.length ?? 0) + 1}`;
    throw invalid(`{{${name}}} in ${place} is no variable of this prompt.`);
  }
}

/** What is wrong with the prompts in a template is wrong with the template. */
function inTemplate(error: unknown): never {
  if (!(error instanceof RuntimeError)) throw error;
  const code = error.code === "NOT_FOUND" ? "INVALID" : error.code;
  throw new RuntimeError(code, error.message, { pointer: "/template" }, { cause: error });
}

function invalid(message: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer: "/template" });
}
