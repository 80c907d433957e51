// The text of an OpenAPI document as data, and its references: those within it alone, a few one after the other.

import { LineCounter, parseDocument } from "yaml";
import { openApiLimits } from "../../actors/openapi/api.ts";

/** What is wrong, and where in the document (a JSON pointer) or in the configuration. */
export class Fault extends Error {
  readonly place: string;
  readonly isConfig: boolean;

  constructor(message: string, place: string, isConfig = false, cause?: unknown) {
    super(message, { cause });
    this.place = place;
    this.isConfig = isConfig;
  }
}

/** Any object of a document. */
export type Fields = Readonly<Record<string, unknown>>;

const ALIASES_MAX = 100;

/** JSON or YAML. @throws Fault with line and column. */
export function documentOf(text: string): Fields {
  const value = /^\s*\{/.test(text) ? jsonOf(text) : yamlOf(text);
  if (!isFields(value)) throw new Fault("The document is no object.", "");
  return value;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The reader of YAML takes JSON too, and says where it goes wrong.
    return yamlOf(text);
  }
}

function yamlOf(text: string): unknown {
  if (text.length > openApiLimits.yamlChars) {
    const said = `It is no JSON, and a document in YAML has at most ${openApiLimits.yamlChars} characters; this one has ${text.length}.`;
    throw new Fault(said, "");
  }
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: "error",
  });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw new Fault(`Line ${line}, column ${col}: ${error.message.slice(0, 200)}`, "");
  }
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX }) as unknown;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw unreadable(why, cause);
  }
}

function unreadable(why: string, cause: unknown): Fault {
  return new Fault(`The document cannot be read: ${why.slice(0, 200)}`, "", false, cause);
}

/** Whether a value is an object with members. */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A member of its own; undefined for one that is inherited. */
export function own(of: Fields, name: string): unknown {
  return Object.hasOwn(of, name) ? of[name] : undefined;
}

/** A part of a JSON pointer. */
export const escaped = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");

/** An object behind its references. @throws Fault for one that leads nowhere, outside, or in a ring. */
export function resolved(
  root: Fields,
  value: unknown,
  place: string,
): { at: Fields; place: string } {
  let at: unknown = value;
  let where = place;
  for (let chain = 0; chain <= openApiLimits.referenceChain; chain += 1) {
    if (!isFields(at)) throw new Fault("There is no object where one is needed.", where);
    const reference = own(at, "$ref");
    if (typeof reference !== "string") return { at, place: where };
    at = behind(root, reference, where);
    where = reference.slice(1);
  }
  const said = `References lead on more than ${openApiLimits.referenceChain} times, or in a ring.`;
  throw new Fault(said, `${place}/$ref`);
}

/** What a reference names. @throws Fault. */
export function behind(root: Fields, reference: string, place: string): unknown {
  const at = `${place}/$ref`;
  if (!/^#(\/|$)/.test(reference)) {
    throw new Fault(
      `Only references within the document are followed, not "${reference.slice(0, 100)}".`,
      at,
    );
  }
  let found: unknown = root;
  for (const part of reference.split("/").slice(1)) {
    const name = decoded(part).replaceAll("~1", "/").replaceAll("~0", "~");
    found = typeof found === "object" && found !== null ? own(found as Fields, name) : undefined;
  }
  if (found !== undefined) return found;
  throw new Fault(`"${reference.slice(0, 100)}" names what is not there.`, at);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
