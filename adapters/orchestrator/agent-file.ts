// An agent's YAML file: read against the schema of agents, with variables in the place of their references. Whatever
// is wrong, here or found later by who makes records of it, is said with its line and column.

import type { Document, LineCounter, Node } from "yaml";
import { type OrchestratedInput, orchestratedInput } from "../../actors/records/orchestrated.ts";
import type { TSchema } from "../../actors/schema.ts";
import { nearest } from "../config-file.ts";
import { loadValidator, validateAll } from "../http/validate.ts";
import { type Path, pathOf } from "../references.ts";
import { substituted, type Variables } from "./variables.ts";

/** Limits of files. */
export const agentFileLimits = {
  bytes: 256 * 1_024,
  /** Of one file that are told. */
  problems: 20,
} as const;

/** A file that was read. */
export interface AgentFile {
  /** Null: there are problems. */
  readonly said: OrchestratedInput | null;
  readonly problems: readonly string[];
  /** `name:line:column` of a pointer in what was said, or of the nearest place above it. */
  placeOf(pointer: string): string;
}

/** Reads a file. @param name as it stands in refusals. */
export async function readAgentFile(
  name: string,
  text: string,
  variables: Variables,
): Promise<AgentFile> {
  // Loaded with the first file.
  const yaml = await import("yaml");
  await loadValidator();
  const lines = new yaml.LineCounter();
  const document = yaml.parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => placeAt(name, lines, offset);
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ pos, message }) => `${at(pos[0])}: ${message}`);
    return { said: null, problems: few(problems), placeOf: () => at(0) };
  }
  const problems: string[] = [];
  const wrong = (path: Path, said: string, offset = offsetOf(document, path)): void => {
    problems.push(`${at(offset)}: ${said}`);
  };
  const value = withName(plainOf(document, wrong), variables, wrong);
  for (const fault of validateAll(orchestratedInput as unknown as TSchema, value ?? {})) {
    const path = pathOf(fault.pointer);
    if (fault.code !== "UNKNOWN_FIELD") wrong(path, fault.message);
    else wrong(path, unknownField(path), keyOffset(yaml, document, path));
  }
  return {
    said: problems.length === 0 ? (value as OrchestratedInput) : null,
    problems: few(problems),
    placeOf: (pointer) => at(offsetOf(document, pathOf(pointer))),
  };
}

function plainOf(document: Document, wrong: (path: Path, said: string) => void): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    wrong([], error instanceof Error ? error.message : String(error));
    return {};
  }
}

/** Its own name stands for AGENT_NAME in the rest of it. */
function withName(
  value: unknown,
  variables: Variables,
  wrong: (path: Path, said: string) => void,
): unknown {
  const { name } = (value ?? {}) as { readonly name?: unknown };
  const own = substituted(name, ["name"], variables, wrong);
  const known = typeof own === "string" ? { ...variables, AGENT_NAME: own } : variables;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const { name: _, ...rest } = value as { readonly name?: unknown };
  const filled = substituted(rest, [], known, wrong) as object;
  return { ...(own !== undefined && { name: own }), ...filled };
}

function unknownField(path: Path): string {
  const written = String(path.at(-1));
  const known = Object.keys(orchestratedInput.properties);
  const meant = path.length === 1 ? nearest(written, known) : undefined;
  return `unknown field "${path.join(".")}"${meant === undefined ? "" : `; did you mean "${meant}"?`}`;
}

/** Where the name of a field stands. */
function keyOffset(yaml: typeof import("yaml"), document: Document, path: Path): number {
  const parent = document.getIn(indexed(path.slice(0, -1)), true) ?? document.contents;
  const named = yaml.isMap(parent)
    ? parent.items.find(({ key }) => yaml.isScalar(key) && String(key.value) === path.at(-1))
    : undefined;
  const range = (named?.key as Node | undefined)?.range;
  return range?.[0] ?? offsetOf(document, path);
}

const indexed = (path: Path): Path =>
  path.map((one) => (/^\d+$/.test(String(one)) ? Number(one) : one));

/** Where a path is, or the nearest above it that is there. */
function offsetOf(document: Document, path: Path): number {
  for (let length = path.length; length >= 0; length -= 1) {
    const part = indexed(path.slice(0, length));
    const node = (length === 0 ? document.contents : document.getIn(part, true)) as
      | Node
      | null
      | undefined;
    const [start] = node?.range ?? [];
    if (start !== undefined) return start;
  }
  return 0;
}

function placeAt(name: string, lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `${name}:${line}:${col}`;
}

const few = (problems: readonly string[]): readonly string[] =>
  problems.slice(0, agentFileLimits.problems);
