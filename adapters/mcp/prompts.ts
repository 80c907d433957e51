// Stored prompts as prompts of the protocol: a client shows them to its person, who fills them in.

import type { GetPromptResult, Prompt } from "@modelcontextprotocol/server";
import type { PromptInput } from "../../actors/records/prompt.ts";
import type { ResourceRow } from "../../actors/records/resource.ts";
import { onlyOf, reaches } from "../../actors/records/resource-scope.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { filledPrompt } from "../http/resources/prompt-routes.ts";
import { cursorOf, placeIn } from "../http/services/paging.ts";
import type { Services } from "../http/services/services.ts";
import { allowedOf, type McpCall, may } from "./call.ts";

/** Prompts of one page. */
const PROMPTS_MAX = 50;
/** Name under which cursors are made. */
const LIST = "/mcp prompts";
/** That the key needs beside `mcp`: that of /v2/prompts. */
const SERVICE = "prompts";

/** A page of prompts. */
export interface PromptPage {
  readonly prompts: Prompt[];
  readonly nextCursor?: string;
}

/** A page of the tenant's prompts, as they were created. @throws INVALID for a cursor that is none. */
export async function promptPage(
  { resources }: Services,
  call: McpCall,
  cursor: string | undefined,
): Promise<PromptPage> {
  if (!may(call, SERVICE)) return { prompts: [] };
  const after = cursor === undefined ? undefined : placeIn(LIST, cursor);
  if (after === null) {
    throw new RuntimeError("INVALID", "cursor must be the nextCursor of an earlier page.");
  }
  const page = { limit: PROMPTS_MAX, ...(after === undefined ? {} : { after }) };
  const of = { page, list: LIST, question: null, only: onlyOf(allowedOf(call), "prompts") };
  const { items, next } = await resources.kinds.prompts.list(call.caller.tenant, of);
  const nextCursor = cursorOf(LIST, { next });
  return { prompts: items.map(shown), ...(nextCursor === null ? {} : { nextCursor }) };
}

/** What a prompt says with some values. @throws NOT_FOUND, INVALID with a pointer. */
export async function promptNamed(
  services: Services,
  call: McpCall,
  asked: { readonly name: string; readonly args: Readonly<Record<string, string>> },
): Promise<GetPromptResult> {
  const { tenant } = call.caller;
  if (!seesPrompt(call, asked.name)) {
    throw new RuntimeError("NOT_FOUND", `There is no prompt ${asked.name.slice(0, 80)}.`);
  }
  const { record } = await services.resources.kinds.prompts.get(tenant, asked.name);
  const { text } = await filledPrompt(services, tenant, {
    id: record.id,
    version: null,
    variables: valuesOf(record, asked.args),
  });
  return {
    ...(record.description === undefined ? {} : { description: record.description }),
    messages: [{ role: "user", content: { type: "text", text } }],
  };
}

/** Whether the key may use prompts, and reaches this one. */
export function seesPrompt(call: McpCall, id: string): boolean {
  return may(call, SERVICE) && reaches(allowedOf(call), id);
}

function shown({ record }: ResourceRow<PromptInput>): Prompt {
  const { id, name, description, variables = [] } = record;
  return {
    ...{ name: id, title: name },
    ...(description === undefined ? {} : { description }),
    arguments: variables.map((one) => ({
      name: one.name,
      ...(one.description === undefined ? {} : { description: one.description }),
      required: one.required ?? false,
    })),
  };
}

/** Arguments of the protocol are texts: those of variables that are none are written as JSON. */
function valuesOf(
  { variables = [] }: PromptInput,
  args: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const types = new Map(variables.map(({ name, type }) => [name, type]));
  return Object.fromEntries(
    Object.entries(args).map(([name, text]) => {
      const type = types.get(name) ?? "string";
      return [name, type === "string" || type === "enum" ? text : parsed(text)];
    }),
  );
}

/** A text that is no JSON stays one, and is refused as what it is. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
