// Skills as resources of the protocol: each SKILL.md is listed, and every file of a skill is read by the
// folder's name and its path, as SKILL.md itself refers to it.

import {
  type ReadResourceResult,
  type Resource,
  ResourceNotFoundError,
  type ResourceTemplateType,
} from "@modelcontextprotocol/server";
import type { ResourceRow } from "../../actors/records/resource.ts";
import { onlyOf, reaches } from "../../actors/records/resource-scope.ts";
import type { SkillInput } from "../../actors/records/skill.ts";
import { skillKind } from "../../actors/records/skill-kind.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { cursorOf, placeIn } from "../http/services/paging.ts";
import type { Services } from "../http/services/services.ts";
import { skillNamed } from "../http/services/skills.ts";
import { allowedOf, type McpCall, may } from "./call.ts";

/** Resources of one page. */
const RESOURCES_MAX = 50;
/** Name under which cursors are made. */
const LIST = "/mcp resources";
/** That the key needs beside `mcp`: that of /v2/skills. */
const SERVICE = skillKind.path;
const SCHEME = "skill://";
const FIRST = "SKILL.md";
const MARKDOWN = "text/markdown";

/** A page of resources. */
export interface ResourcePage {
  readonly resources: Resource[];
  readonly nextCursor?: string;
}

/** The form of what can be read. */
export const skillTemplate: ResourceTemplateType = {
  name: "skill-file",
  title: "A file of a skill",
  uriTemplate: `${SCHEME}{name}/{+path}`,
  description: "SKILL.md of a skill, or a file that it refers to.",
};

/** A page of the tenant's skills, as they were created. @throws INVALID for a cursor that is none. */
export async function resourcePage(
  { skills }: Services,
  call: McpCall,
  cursor: string | undefined,
): Promise<ResourcePage> {
  if (!may(call, SERVICE)) return { resources: [] };
  const after = cursor === undefined ? undefined : placeIn(LIST, cursor);
  if (after === null) {
    throw new RuntimeError("INVALID", "cursor must be the nextCursor of an earlier page.");
  }
  const page = { limit: RESOURCES_MAX, ...(after === undefined ? {} : { after }) };
  const of = { page, list: LIST, question: null, only: onlyOf(allowedOf(call), "skills") };
  const { items, next } = await skills.records.list(call.caller.tenant, of);
  const nextCursor = cursorOf(LIST, { next });
  return { resources: items.map(shown), ...(nextCursor === null ? {} : { nextCursor }) };
}

function shown({ record }: ResourceRow<SkillInput>): Resource {
  const { name, description } = record;
  return { uri: `${SCHEME}${name}/${FIRST}`, name, description, mimeType: MARKDOWN };
}

/** A file of a skill's current version: text where it is one. @throws ResourceNotFoundError. */
export async function resourceRead(
  { skills, system }: Services,
  call: McpCall,
  uri: string,
): Promise<ReadResourceResult> {
  const { tenant } = call.caller;
  const named = may(call, SERVICE) ? partsOf(uri) : null;
  const id = named && (await skillNamed({ tables: system.tables, tenant }, named.skill));
  if (named === null || id === null || !reaches(allowedOf(call), id)) {
    throw new ResourceNotFoundError(uri);
  }
  const { tree } = await skills.files(tenant, id, null);
  const file = tree.files.find(({ path }) => path === named.path);
  if (file === undefined) throw new ResourceNotFoundError(uri);
  const pieces: Uint8Array[] = [];
  for await (const piece of skills.pieces(tenant, id, file)) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  if (!file.isText) {
    const mimeType = "application/octet-stream";
    return { contents: [{ uri, mimeType, blob: bytes.toString("base64") }] };
  }
  const mimeType = file.path.endsWith(".md") ? MARKDOWN : "text/plain";
  return { contents: [{ uri, mimeType, text: bytes.toString("utf8") }] };
}

/** Skill and path of a URI; null for one that is none of ours. */
function partsOf(uri: string): { readonly skill: string; readonly path: string } | null {
  if (!uri.startsWith(SCHEME)) return null;
  const rest = uri.slice(SCHEME.length);
  const slash = rest.indexOf("/");
  if (slash === -1) return null;
  try {
    return { skill: rest.slice(0, slash), path: decodeURIComponent(rest.slice(slash + 1)) };
  } catch {
    return null;
  }
}
