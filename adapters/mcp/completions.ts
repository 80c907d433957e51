// What a client's person may go on to type: the values of a prompt's variable, names of skills and their files.

import type { CompleteRequestParams, CompleteResult } from "@modelcontextprotocol/server";
import { reaches } from "../../actors/records/resource-scope.ts";
import { skillTables } from "../../actors/records/skill.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Services } from "../http/services/services.ts";
import { skillNamed } from "../http/services/skills.ts";
import { allowedOf, type McpCall, may } from "./call.ts";
import { seesPrompt } from "./prompts.ts";
import { skillTemplate } from "./resources.ts";

/** Values of one answer, as the protocol has them. */
const VALUES_MAX = 100;

/** Values that begin with what is typed, in their own order. @throws NOT_FOUND, INVALID. */
export async function completionOf(
  services: Services,
  call: McpCall,
  params: CompleteRequestParams,
): Promise<CompleteResult> {
  const { ref, argument } = params;
  const all =
    ref.type === "ref/prompt"
      ? await valuesOf(services, call, { prompt: ref.name, variable: argument.name })
      : await partsOfSkills(services, call, params);
  const typed = argument.value.toLowerCase();
  const found = all.filter((value) => value.toLowerCase().startsWith(typed));
  const values = found.slice(0, VALUES_MAX);
  return { completion: { values, hasMore: found.length > values.length } };
}

/** Those that an enum has; of any other variable none are known. */
async function valuesOf(
  { resources }: Services,
  call: McpCall,
  of: { readonly prompt: string; readonly variable: string },
): Promise<readonly string[]> {
  if (!seesPrompt(call, of.prompt)) {
    throw new RuntimeError("NOT_FOUND", `There is no prompt ${of.prompt.slice(0, 80)}.`);
  }
  const { record } = await resources.kinds.prompts.get(call.caller.tenant, of.prompt);
  const variable = record.variables?.find(({ name }) => name === of.variable);
  return variable?.type === "enum" ? (variable.values ?? []) : [];
}

const idIn = (value: unknown): string => (value as { readonly id: string }).id;

/** Of the template of skills: names, and of a named one its files. @throws INVALID for another template. */
async function partsOfSkills(
  { skills, system }: Services,
  call: McpCall,
  { ref, argument, context }: CompleteRequestParams,
): Promise<readonly string[]> {
  if (ref.type !== "ref/resource" || ref.uri !== skillTemplate.uriTemplate) {
    throw new RuntimeError("INVALID", `The one template is ${skillTemplate.uriTemplate}.`);
  }
  if (!may(call, "skills")) return [];
  const { tenant } = call.caller;
  const { tables } = system;
  const allowed = allowedOf(call);
  if (argument.name === "name") {
    // Names are written in lower case.
    const page = { prefix: argument.value.toLowerCase(), limit: VALUES_MAX + 1 };
    const named = await tables.list(tenant, skillTables.names, page);
    return named.filter(({ value }) => reaches(allowed, idIn(value))).map(({ id }) => id);
  }
  const id = await skillNamed({ tables, tenant }, context?.arguments?.["name"] ?? "");
  if (argument.name !== "path" || id === null || !reaches(allowed, id)) return [];
  return (await skills.files(tenant, id, null)).tree.files.map(({ path }) => path);
}
