// The tools of one record of type mcp, as a run has them: what their server says of them now, held against what it
// said when they were first offered. In steps, so that a run that is resumed goes on with what it was told. A server
// that cannot be asked ends no run: its tools are offered as they were known, or with what is wrong.

import type { Attempt, RunContext } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { loadSchemas } from "../answer/output-schema.ts";
import { findToken, noteUse, type TokenRef } from "../credentials/use.ts";
import type { Ports } from "../ports.ts";
import { audit } from "../records/audit.ts";
import { type Definition, definitionHash, readDefinition, seen } from "./definition.ts";
import { type Changed, comparePins, mcpPinsTable, type Pin, type Pins } from "./pins.ts";
import { type McpSaid, type McpServer, mcpLimits } from "./port.ts";

type Context = RunContext<Ports>;

/** Longer than a server may take, in all ways in which it is asked. */
const LOOK_MS = mcpLimits.listMs * 4;

/** Which tools, and where they are offered. */
export interface OfferedBy {
  /** Of the steps, unique within the run. */
  readonly key: string;
  /** Record and version. */
  readonly id: string;
  readonly version: number;
  /** The server's names, as the record has them. */
  readonly tools: readonly string[];
  readonly server: McpServer;
  /** What the server is called for people. */
  readonly called: string;
  readonly changes: "refuse" | "allow";
  readonly auth?: TokenRef | undefined;
}

/** A tool as it is offered. */
export interface OfferedTool extends Definition {
  readonly tool: string;
  /** Of what the server said; absent: nothing is known of it. */
  readonly hash?: string;
  /** Why it is not called. */
  readonly fault?: string;
}

/** Result of the step. */
interface Looked {
  readonly tools: readonly OfferedTool[];
  /** To be stored. */
  readonly pins: Pins | null;
  readonly told: readonly Changed[];
}

/** In the order of the record. */
export async function offeredTools(
  context: Context,
  by: OfferedBy,
): Promise<readonly OfferedTool[]> {
  await loadSchemas();
  const found = by.auth && (await findToken(context, by.auth, { key: by.key }));
  const token = found?.status === "ready" ? found.token : undefined;
  if (by.auth && token) {
    const host = hostOf(by.server.url);
    noteUse(context, token, { tool: by.id, host, user: by.auth.user });
  }
  const wants = by.auth !== undefined && token === undefined;
  const server = { ...by.server, ...(token && { auth: token.id }) };
  const looked = await context.step<Looked>(
    by.key,
    async (attempt) => {
      const said = wants
        ? "an account has to be connected"
        : await list(context, by, server, attempt);
      const before = (await context.row(mcpPinsTable, by.id)) as Pins | undefined;
      return look(by, said, before);
    },
    { repeat: "safe", timeoutMs: LOOK_MS, input: { tools: [...by.tools] } },
  );
  const { pins, told } = looked;
  if (pins !== null || told.length > 0) {
    context.atEnd((turn) => {
      if (pins !== null) turn.putRow(mcpPinsTable, by.id, pins);
      for (const one of told) audit(turn, changeAct(context, by.id, one));
    });
  }
  return looked.tools;
}

/** The row of the audit that says that a server says something else of a tool. */
export function changeAct(context: Context, id: string, { tool, before, after }: Changed) {
  const details = { tool, before_sha256: before, after_sha256: after };
  return { action: "tool.changed", by: "run", subject: id, run_id: context.id, details };
}

/** What it says, or why nothing is known. */
async function list(
  { ports }: Context,
  { tools }: OfferedBy,
  server: McpServer,
  { signal }: Attempt,
): Promise<readonly McpSaid[] | string> {
  try {
    return await ports.mcp.list({ ...server, tools }, signal);
  } catch (error) {
    if (!(error instanceof RuntimeError) || signal.aborted) throw error;
    return `it could not be asked: ${seen(error.message, 300)}`;
  }
}

function look(by: OfferedBy, said: readonly McpSaid[] | string, before: Pins | undefined): Looked {
  const known = before?.version === by.version ? before : undefined;
  if (typeof said === "string") {
    const tools = by.tools.map((tool) => unasked(tool, known, by.called, said));
    return { tools, pins: null, told: [] };
  }
  const read = readAll(by, said);
  const pins = comparePins(known, { version: by.version, tools: read.pins }, by.changes);
  const tools = by.tools.map((tool): OfferedTool => {
    const fault = pins.refused.includes(tool) ? changedFault(by.called) : read.faults.get(tool);
    const pin = Object.hasOwn(pins.pins.tools, tool) ? pins.pins.tools[tool] : undefined;
    if (fault !== undefined) return { tool, ...withFault(by.called, fault) };
    if (pin !== undefined) return { tool, ...offered(pin) };
    return { tool, ...withFault(by.called, "the server has no such tool") };
  });
  return { tools, pins: pins.isNew ? pins.pins : null, told: pins.told };
}

/** Those that can be offered, within the limit of all together. */
function readAll(by: OfferedBy, said: readonly McpSaid[]) {
  const pins: Record<string, Pin> = {};
  const faults = new Map<string, string>();
  let chars = 0;
  for (const one of said) {
    if (!by.tools.includes(one.name) || Object.hasOwn(pins, one.name)) continue;
    const read = readDefinition(one, by.called);
    if (!read.ok) faults.set(one.name, read.fault);
    else {
      chars += JSON.stringify(read.definition).length;
      if (chars <= mcpLimits.definitionsChars) {
        pins[one.name] = { ...read.definition, hash: definitionHash(one) };
        continue;
      }
      const max = mcpLimits.definitionsChars;
      faults.set(one.name, `the tools of one record are told of in at most ${max} characters`);
    }
  }
  return { pins, faults };
}

const offered = ({ description, parameters, hash }: Pin) => ({ description, parameters, hash });

/** Known from before, else with nothing but what its name says: a call of it asks the server all the same. */
function unasked(tool: string, known: Pins | undefined, called: string, why: string): OfferedTool {
  const pin = known && Object.hasOwn(known.tools, tool) ? known.tools[tool] : undefined;
  if (pin !== undefined) return { tool, ...offered(pin) };
  const description = `[${called}] What it does and takes is not known: ${why}.`;
  return { tool, description, parameters: { type: "object" } };
}

function withFault(called: string, fault: string) {
  const text = `[${called}] It cannot be called: ${fault}.`;
  return {
    description: text,
    parameters: { type: "object" },
    fault: `The tool cannot be called: ${fault}.`,
  };
}

/** Why a tool that was changed is not called. */
export function changedFault(called: string): string {
  return `${called} says something else of it than when it was first offered; somebody has to look at it and change its record`;
}

function hostOf(url: string | undefined): string {
  return url !== undefined && URL.canParse(url) ? new URL(url).host : "";
}
