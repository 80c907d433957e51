// SKILL.md: YAML front matter between two lines of "---", then the body. Read as the public Agent Skills
// format has it (agentskills.io/specification); every refusal says line and column. Runs in the compute
// pool, since YAML is the client's.

import { isUtf8 } from "node:buffer";
import type { Document, LineCounter, Node, Pair } from "yaml";
import { skillLimits } from "../../actors/records/skill.ts";
import { RuntimeError } from "../../runtime/errors.ts";

/** What the front matter says. */
export interface FrontMatter {
  readonly name: string;
  readonly description: string;
  readonly license?: string;
  readonly compatibility?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly allowed_tools?: readonly string[];
  readonly other_fields?: Readonly<Record<string, unknown>>;
}

/** What is read of SKILL.md. */
export interface SkillText {
  readonly fields: FrontMatter;
  /** Where the body begins, bytes. */
  readonly bodyAt: number;
}

const NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const known = ["name", "description", "license", "compatibility", "metadata", "allowed-tools"];
const FORBIDDEN = ["__proto__", "constructor", "prototype"];

/**
 * Reads SKILL.md.
 * @throws INVALID with line and column in the message.
 */
export async function readSkillText(bytes: Uint8Array): Promise<SkillText> {
  if (!isUtf8(bytes) || bytes.includes(0)) throw wrong({ line: 1, col: 1 }, "it is not UTF-8 text");
  const text = Buffer.from(bytes).toString();
  const { yaml, bodyAt } = split(text);
  const { LineCounter, parseDocument, visit } = await import("yaml");
  const lines = new LineCounter();
  let document: Document.Parsed;
  try {
    // All scalars are texts: a version 1.10 stays what was written.
    const options = { schema: "failsafe", lineCounter: lines, prettyErrors: false } as const;
    document = parseDocument(yaml, options);
  } catch (cause) {
    // The reader goes down into what nests in each other, and has no depth of its own.
    const isDeep = cause instanceof RangeError;
    throw wrong({ line: 2, col: 1 }, isDeep ? "it nests too deep" : "it cannot be read", cause);
  }
  const at = placesIn(lines);
  const [error] = document.errors;
  if (error !== undefined) throw wrong(at(error.pos[0]), firstLine(error.message));
  visit(document, {
    Alias: (_, node) => {
      throw wrong(at(node.range?.[0] ?? 0), "aliases are not taken");
    },
  });
  return { fields: fieldsOf(document, at), bodyAt };
}

type Place = Readonly<{ line: number; col: number }>;
type PlaceOf = (offset: number) => Place;

/** Lines of SKILL.md are counted, and the front matter begins in its second. */
function placesIn(lines: LineCounter): PlaceOf {
  return (offset) => {
    const { line, col } = lines.linePos(offset);
    return { line: line + 1, col };
  };
}

function split(text: string): { readonly yaml: string; readonly bodyAt: number } {
  const opening = /^\uFEFF?---[ \t]*\r?\n/.exec(text)?.[0];
  if (opening === undefined) {
    throw wrong({ line: 1, col: 1 }, 'it begins with a line "---", then its front matter as YAML');
  }
  const { frontMatterBytes } = skillLimits;
  // Bytes are no fewer than characters: what is looked through is bounded before it is.
  const head = text.slice(opening.length, opening.length + frontMatterBytes + 8);
  const closing = /^---[ \t]*(?:\r?\n|$)/m.exec(head);
  if (closing === null || Buffer.byteLength(head.slice(0, closing.index)) > frontMatterBytes) {
    const why = `its front matter ends with a line "---" and has at most ${frontMatterBytes} bytes`;
    throw wrong({ line: 1, col: 1 }, why);
  }
  const yaml = head.slice(0, closing.index);
  return { yaml, bodyAt: Buffer.byteLength(opening + yaml + closing[0]) };
}

/** A field with its place. */
interface Field {
  readonly value: unknown;
  readonly at: Place;
}

function fieldsOf(document: Document.Parsed, at: PlaceOf): FrontMatter {
  const fields = new Map<string, Field>();
  const items = (document.contents as { readonly items?: readonly Pair<Node, Node>[] } | null)
    ?.items;
  if (items === undefined || !isMap(document.contents)) {
    throw wrong(
      { line: 2, col: 1 },
      "its front matter is a list of fields such as `name: my-skill`",
    );
  }
  for (const { key, value } of items) {
    const name = String((key as { readonly value?: unknown }).value ?? "");
    const place = at(key.range?.[0] ?? 0);
    const read = value === null ? "" : (value.toJS(document) as unknown);
    fields.set(name, { value: read, at: value?.range ? at(value.range[0]) : place });
  }
  const compatibility = optionalText(fields, "compatibility", skillLimits.compatibilityChars);
  const license = optionalText(fields, "license", skillLimits.licenseChars);
  const metadata = metadataOf(fields.get("metadata"));
  const others = othersOf(fields);
  const tools = toolsOf(fields.get("allowed-tools"));
  return {
    name: nameOf(fields.get("name")),
    description: descriptionOf(fields.get("description")),
    ...(license !== undefined && { license }),
    ...(compatibility !== undefined && { compatibility }),
    ...(metadata && { metadata }),
    ...(tools && { allowed_tools: tools }),
    ...(others && { other_fields: others }),
  };
}

function isMap(node: unknown): boolean {
  // A list has items too, which are no pairs.
  const items = (node as { readonly items?: readonly object[] }).items ?? [];
  return items.every((item) => "key" in item);
}

function nameOf(field: Field | undefined): string {
  if (field === undefined) throw missing("name");
  const { value, at } = field;
  if (typeof value === "string" && value.length <= skillLimits.nameChars && NAME.test(value)) {
    return value;
  }
  const why = `name has 1 to ${skillLimits.nameChars} lower-case letters, digits and single hyphens between them`;
  throw wrong(at, why);
}

function descriptionOf(field: Field | undefined): string {
  if (field === undefined) throw missing("description");
  const { value, at } = field;
  const most = skillLimits.descriptionChars;
  const text = typeof value === "string" ? value.trim() : "";
  if (text !== "" && text.length <= most) return text;
  throw wrong(at, `description is a text of 1 to ${most} characters`);
}

function optionalText(
  fields: ReadonlyMap<string, Field>,
  name: string,
  most: number,
): string | undefined {
  const field = fields.get(name);
  if (field === undefined) return undefined;
  const { value, at } = field;
  if (typeof value === "string" && value.length <= most) return value;
  throw wrong(at, `${name} is a text of at most ${most} characters`);
}

/**
 * What is not of the format. Its reference validator refuses those fields, and its guide for hosts says to
 * load a skill nevertheless: public ones have a version, an author, tags, or what one host knows.
 */
function othersOf(
  fields: ReadonlyMap<string, Field>,
): Readonly<Record<string, unknown>> | undefined {
  const others = [...fields].filter(([name]) => !known.includes(name));
  const { otherFields: most, metadataChars: chars } = skillLimits;
  for (const [place, [name, { value, at }]] of others.entries()) {
    if (place >= most)
      throw wrong(at, `at most ${most} fields that are not of the format are taken`);
    if (name === "" || name.length > chars)
      throw wrong(at, `a field has a name of at most ${chars} characters`);
    if (FORBIDDEN.includes(name)) throw wrong(at, `no field is named ${name}`);
    checkOther(value, at);
  }
  if (others.length === 0) return undefined;
  return Object.fromEntries(others.map(([name, { value }]) => [name, value]));
}

/** Bounded in size by the front matter as a whole. */
function checkOther(value: unknown, at: Place, depth = 1): void {
  if (typeof value !== "object" || value === null) return;
  if (depth > skillLimits.otherDepth) {
    throw wrong(at, `a field nests at most ${skillLimits.otherDepth} deep`);
  }
  for (const [name, inner] of Object.entries(value)) {
    if (FORBIDDEN.includes(name)) throw wrong(at, `no field is named ${name}`);
    checkOther(inner, at, depth + 1);
  }
}

function metadataOf(field: Field | undefined): Readonly<Record<string, string>> | undefined {
  if (field === undefined || field.value === "") return undefined;
  const { value, at } = field;
  const { metadata: most, metadataChars: chars } = skillLimits;
  const why = `metadata is at most ${most} names, each with a text of at most ${chars} characters`;
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(at, why);
  const all = Object.entries(value);
  if (all.length > most) throw wrong(at, why);
  // The format has texts, and its users write lists and objects too: those stand here as JSON.
  const texts = all.map(([name, one]) => [
    name,
    typeof one === "string" ? one : JSON.stringify(one),
  ]);
  for (const [name = "", text = ""] of texts) {
    const isFine = text.length <= chars && name.length <= chars;
    if (!isFine || FORBIDDEN.includes(name)) throw wrong(at, why);
  }
  return Object.fromEntries(texts) as Readonly<Record<string, string>>;
}

/** A text with spaces or commas between the names, as is usual, or a list. */
function toolsOf(field: Field | undefined): readonly string[] | undefined {
  if (field === undefined || field.value === "") return undefined;
  const { value, at } = field;
  const { allowedTools: most, allowedToolChars: chars } = skillLimits;
  const all = typeof value === "string" ? namesIn(value) : value;
  const isText = (one: unknown): boolean => typeof one === "string" && one.length <= chars;
  if (Array.isArray(all) && all.length <= most && all.every(isText)) return all as string[];
  throw wrong(at, `allowed-tools is at most ${most} names of at most ${chars} characters`);
}

/** `Bash(git add:*) Read, Write`: what is in brackets belongs to its name. */
function namesIn(text: string): readonly string[] {
  return text.match(/[^\s,(]+(?:\([^)]*\))?/g) ?? [];
}

const firstLine = (text: string): string => text.split("\n", 1)[0]?.replace(/\.$/, "") ?? "";

function missing(field: string): RuntimeError {
  return wrong({ line: 1, col: 1 }, `the field ${field} is missing`);
}

function wrong({ line, col }: Place, why: string, cause?: unknown): RuntimeError {
  const message = `SKILL.md, line ${line}, column ${col}: ${why}.`;
  return new RuntimeError("INVALID", message, { entry: "SKILL.md", line, column: col }, { cause });
}
