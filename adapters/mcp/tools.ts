// Which tools there are for a caller, in one order and in pages: the agents, teams, workflows and
// collections of its tenant as they were created, and what its key may not use left out.

import type { Tool } from "@modelcontextprotocol/server";
import type { AgentRow } from "../../actors/records/agent-version.ts";
import {
  type AllowedResources,
  onlyOf,
  type ResourceKindName,
  reaches,
} from "../../actors/records/resource-scope.ts";
import type { WorkflowInput } from "../../actors/records/workflow.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { cursorOf, type Page, type PageRequest, placeIn } from "../http/services/paging.ts";
import type { Services } from "../http/services/services.ts";
import { allowedOf, type McpCall, may } from "./call.ts";
import {
  agentTool,
  RESULT_TOOL,
  resultTool,
  SEARCH_PREFIX,
  searchTool,
  teamTool,
  workflowTool,
} from "./shapes.ts";

/** Tools of one page. */
const TOOLS_MAX = 50;
/** Name under which cursors are made. */
const LIST = "/mcp tools";

/** What a name stands for. */
export type Target =
  | { readonly kind: "agent"; readonly id: string; readonly row: AgentRow }
  | { readonly kind: "team"; readonly id: string }
  | { readonly kind: "workflow"; readonly id: string; readonly record: WorkflowInput }
  | { readonly kind: "search"; readonly id: string }
  | { readonly kind: "result" };

/** A page of tools. */
export interface ToolPage {
  readonly tools: readonly Tool[];
  readonly nextCursor?: string;
}

interface Source {
  readonly name: string;
  /** That the key needs beside `mcp`: that of the routes which do the same. */
  readonly service: string;
  list(tenant: string, page: PageRequest): Promise<Page<Tool>>;
}

function sourcesOf(
  { agents, knowledge, resources }: Services,
  allowed: AllowedResources | null,
): readonly Source[] {
  const { teams, workflows } = resources.kinds;
  const of = (kind: ResourceKindName) => ({
    ...{ list: LIST, question: null, only: onlyOf(allowed, kind) },
  });
  const runs = { service: "runs" };
  return [
    {
      ...{ name: "agents", ...runs },
      list: async (tenant, page) =>
        toolsOf(await agents.list(tenant, { page, ...of("agents") }), agentTool),
    },
    {
      ...{ name: "teams", ...runs },
      list: async (tenant, page) =>
        toolsOf(await teams.list(tenant, { page, ...of("teams") }), teamTool),
    },
    {
      ...{ name: "workflows", ...runs },
      list: async (tenant, page) =>
        toolsOf(await workflows.list(tenant, { page, ...of("workflows") }), workflowTool),
    },
    {
      ...{ name: "collections", service: "knowledge" },
      list: async (tenant, page) =>
        toolsOf(await knowledge.list(tenant, page, onlyOf(allowed, "collections")), searchTool),
    },
    { name: "run", ...runs, list: async () => ({ items: [resultTool], next: null }) },
  ];
}

/** A page of the caller's tools. @throws INVALID for a cursor that is none. */
export async function toolPage(
  services: Services,
  call: McpCall,
  cursor: string | undefined,
): Promise<ToolPage> {
  const { tenant } = call.caller;
  const sources = sourcesOf(services, allowedOf(call)).filter(({ service }) => may(call, service));
  const [from, place] = startOf(cursor);
  const first = from === "" ? 0 : sources.findIndex(({ name }) => name === from);
  if (first === -1) throw wrongCursor();
  let after = place;
  const tools: Tool[] = [];
  for (const source of sources.slice(first)) {
    if (tools.length === TOOLS_MAX) return pageOf(tools, `${source.name}/`);
    const page = { limit: TOOLS_MAX - tools.length, ...(after === "" ? {} : { after }) };
    const { items, next } = await source.list(tenant, page);
    tools.push(...items);
    if (next !== null) return pageOf(tools, `${source.name}/${next}`);
    after = "";
  }
  return { tools };
}

function pageOf(tools: readonly Tool[], next: string): ToolPage {
  const nextCursor = cursorOf(LIST, { next });
  return { tools, ...(nextCursor === null ? {} : { nextCursor }) };
}

/** Where a page begins: the name of the source, and the place in it. */
function startOf(cursor: string | undefined): readonly [string, string] {
  if (cursor === undefined) return ["", ""];
  const place = placeIn(LIST, cursor);
  const slash = place?.indexOf("/") ?? -1;
  if (place === null || slash === -1) throw wrongCursor();
  return [place.slice(0, slash), place.slice(slash + 1)];
}

function wrongCursor(): RuntimeError {
  return new RuntimeError("INVALID", "cursor must be the nextCursor of an earlier page.");
}

function toolsOf<Row>({ items, next }: Page<Row>, tool: (row: Row) => Tool): Page<Tool> {
  return { items: items.map(tool), next };
}

/** What the caller's tool of that name is; null where it has none. */
export async function toolNamed(
  { agents, knowledge, resources }: Services,
  call: McpCall,
  name: string,
): Promise<Target | null> {
  const { tenant } = call.caller;
  const id = name.startsWith(SEARCH_PREFIX) ? name.slice(SEARCH_PREFIX.length) : name;
  if (name !== RESULT_TOOL && !reaches(allowedOf(call), id)) return null;
  try {
    if (name.startsWith(SEARCH_PREFIX)) {
      if (!may(call, "knowledge")) return null;
      return { kind: "search", id: (await knowledge.get(tenant, id)).id };
    }
    if (!may(call, "runs")) return null;
    if (name === RESULT_TOOL) return { kind: "result" };
    if (name.startsWith("ag_")) {
      return { kind: "agent", id: name, row: await agents.get(tenant, name) };
    }
    if (name.startsWith("tm_")) {
      const { record } = await resources.kinds.teams.get(tenant, name);
      return { kind: "team", id: record.id };
    }
    if (name.startsWith("wf_")) {
      const { record } = await resources.kinds.workflows.get(tenant, name);
      return { kind: "workflow", id: record.id, record };
    }
    return null;
  } catch (error) {
    if (error instanceof RuntimeError && error.code === "NOT_FOUND") return null;
    throw error;
  }
}
