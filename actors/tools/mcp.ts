// The tools of a server of the Model Context Protocol: one record is several tools, those of its allow-list. What
// the server says of them, and what they give, is data of a stranger; see ../mcp.

import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import { toolNames } from "../mcp/names.ts";
import { changeAct, changedFault, type OfferedTool, offeredTools } from "../mcp/offered.ts";
import { type McpAnswer, type McpServer, mcpLimits } from "../mcp/port.ts";
import { audit } from "../records/audit.ts";
import { tokenRef } from "../records/token.ts";
import { Type } from "../schema.ts";
import { unfit } from "./authorized.ts";
import { checkRequestConfig } from "./http-build.ts";
import { failure } from "./result.ts";
import type { StepTool } from "./tool.ts";
import {
  argumentsSchema,
  type ManyPlace,
  type ToolConfig,
  type ToolPlace,
  type ToolTerms,
  type ToolType,
} from "./tool-type.ts";

const text = (maxLength: number) => Type.String({ minLength: 1, maxLength });
const tool = Type.String({
  pattern: `^[A-Za-z0-9][A-Za-z0-9_./-]{0,${mcpLimits.toolNameChars - 1}}$`,
});

interface McpConfig {
  readonly url?: string;
  readonly server?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly tools: readonly string[];
  readonly reads?: readonly string[];
  readonly changes?: "refuse" | "allow";
}

/** What `make` is given of the one tool that it makes. */
interface MadeConfig extends McpConfig {
  readonly of: { readonly record: string; readonly offered: OfferedTool };
}

/** Type `mcp`. */
export const mcpTool: ToolType = {
  type: "mcp",
  config: Type.Object(
    {
      /** Of a server that is asked over HTTP. */
      url: Type.Optional(text(2_000)),
      /** Name of one of the processes of the operator's configuration (`mcp_servers`), in place of `url`. */
      server: Type.Optional(text(64)),
      /** Sent with every request to `url`; nobody is shown those that are secret. */
      headers: Type.Optional(
        Type.Record(Type.String(), Type.String({ maxLength: limits.webHeaderChars }), {
          maxProperties: limits.webHeaders,
        }),
      ),
      secret_headers: Type.Optional(Type.Array(text(64), { maxItems: limits.webHeaders })),
      /** Token of each request: the name of an integration, or `tk_`. */
      auth: Type.Optional(tokenRef),
      /** The server's names of the tools that may be called. */
      tools: Type.Array(tool, { minItems: 1, maxItems: mcpLimits.tools }),
      /** Those of them that change nothing: a call that was cut is made again. By default all may change something. */
      reads: Type.Optional(Type.Array(tool, { maxItems: mcpLimits.tools })),
      /** Whether models know the tools by the record's name and theirs (`shop_search`), or by theirs alone. Default true. */
      prefix: Type.Optional(Type.Boolean()),
      /** What a tool is of which the server says something else than when it was first offered. Default refuse. */
      changes: Type.Optional(Type.Union([Type.Literal("refuse"), Type.Literal("allow")])),
    },
    { additionalProperties: false },
  ),
  needs: ["network"],
  granted: ["network", "read", "write"],
  check: (config, { servers }) => {
    const own = config as unknown as McpConfig;
    checkConfig(own);
    if (own.server !== undefined && servers !== undefined) checkServer(own.server, servers);
  },
  describe: () => "",
  parameters: () => argumentsSchema([], {}),
  list,
  make,
};

function checkConfig(config: McpConfig): void {
  const { url, server, tools, reads = [] } = config;
  if ((url === undefined) === (server === undefined)) {
    throw invalid(
      "Either url says where the server is, or server names one of the operator's.",
      "",
    );
  }
  const { headers, auth } = config as { readonly headers?: object; readonly auth?: object };
  if (server !== undefined && (headers !== undefined || auth !== undefined)) {
    const pointer = headers === undefined ? "/auth" : "/headers";
    throw invalid("A process of the operator's has no headers and no token.", pointer);
  }
  checkRequestConfig(config);
  if (url?.includes("{")) throw invalid("The address of a server has no places.", "/url");
  for (const [at, one] of reads.entries()) {
    if (!tools.includes(one)) throw invalid(`${one} is not one of tools.`, `/reads/${at}`);
  }
  for (const [at, one] of tools.entries()) {
    if (tools.indexOf(one) !== at) throw invalid(`${one} stands there twice.`, `/tools/${at}`);
  }
}

/** @throws INVALID for a process that the operator did not grant the tenant; others are not told apart from none. */
function checkServer(server: string, granted: readonly string[]): void {
  if (granted.includes(server)) return;
  const text = `No tool server "${server}" is granted to this tenant. Its operator names some in troupe.yaml under mcp_servers: (name, command, tenants).`;
  throw invalid(text, "/server");
}

async function list(config: ToolConfig, place: ManyPlace) {
  const own = config as unknown as McpConfig;
  const { context, key, id, version, name, auth } = place;
  const offered = await offeredTools(context, {
    ...{ key, id, version, tools: own.tools, auth },
    ...{ server: serverOf(own, context.tenant), called: calledOf(own) },
    changes: own.changes ?? "refuse",
  });
  const names = toolNames({ type: "mcp", config }, name);
  return offered.map((one, at) => ({
    ...{ name: names[at] ?? one.tool, description: one.description, parameters: one.parameters },
    config: { ...config, of: { record: id, offered: one } },
  }));
}

function make(config: ToolConfig, { context }: ToolPlace, terms: ToolTerms) {
  const { of, ...own } = config as unknown as MadeConfig;
  const { tool: name, hash, fault } = of.offered;
  const isReading = own.reads?.includes(name) === true;
  const need = isReading ? "read" : "write";
  const perform: StepTool["perform"] = async ({ arguments: given, signal, token }) => {
    const server = { ...serverOf(own, context.tenant), ...(token && { auth: token.id }) };
    return await unfit(token, async () => {
      const call = { ...server, tool: name, arguments: given, timeoutMs: terms.timeoutMs };
      const answer = await context.ports.mcp.call({ ...call, ...(hash && { hash }) }, signal);
      if (answer.status === "changed") {
        const changed = { tool: name, before: hash ?? "", after: answer.hash };
        context.atEnd((turn) => audit(turn, changeAct(context, of.record, changed)));
      }
      const status = answer.status === "unauthorized" ? 401 : 200;
      return { status, result: resultOf(answer, calledOf(own)) };
    });
  };
  return {
    repeat: isReading ? ("safe" as const) : ("never" as const),
    refuses: () => {
      if (fault !== undefined) return fault;
      if (terms.permissions.has(need)) return null;
      return `${name} needs the permission "${need}", which this tool does not have.`;
    },
    perform,
  };
}

function serverOf({ url, server, headers }: McpConfig, tenant: string): McpServer {
  return { tenant, ...(url && { url }), ...(server && { server }), ...(headers && { headers }) };
}

/** For people and models. */
function calledOf({ url, server }: McpConfig): string {
  return server ?? (url !== undefined && URL.canParse(url) ? new URL(url).host : "the server");
}

function resultOf(answer: McpAnswer, called: string): unknown {
  switch (answer.status) {
    case "answered":
      return answer.result;
    case "failed":
      return failure("PROVIDER_FAILED", `The tool says that it failed: ${answer.text}`);
    case "unauthorized":
      return failure(
        "AUTH_REQUIRED",
        `${called} wants to know who asks, or does not take who does.`,
      );
    case "changed":
      return failure("FORBIDDEN", `The tool was not called: ${changedFault(called)}.`);
    case "missing":
      return failure("NOT_FOUND", `${called} has no such tool any more.`);
  }
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
