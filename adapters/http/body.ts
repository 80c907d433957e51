// JSON bodies: strict UTF-8, one value, bounded depth, no name twice and none that reaches into
// a prototype, then the route's schema. Every refusal says where.

import { isUtf8 } from "node:buffer";
import type { TSchema } from "../../actors/schema.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { HttpRequest } from "./server.ts";
import { escapePointer, isValidatorLoaded, loadValidator, validate } from "./validate.ts";

/** Deepest nesting of a body. */
export const JSON_DEPTH_MAX = 32;

const ESCAPED_SURROGATE = /\\ud[89a-f]/i;

const HALF_OF_A_PAIR = /\p{Surrogate}/u;

const forbiddenNames = new Set(["__proto__", "constructor"]);

/** A read and checked body. */
export interface ReadBody {
  readonly value: unknown;
  readonly bytes: Uint8Array;
}

/** What a body must be. */
export interface BodyRules {
  readonly schema: TSchema;
  readonly bytesMax: number | undefined;
  readonly isOptional: boolean;
}

/**
 * Reads and checks the body of a request: at once when it has arrived, as most have.
 * @throws BODY_TOO_LARGE, REQUEST_TIMEOUT, BAD_ENCODING, BAD_JSON, TOO_DEEP, INVALID, UNKNOWN_FIELD.
 */
export function readBody(request: HttpRequest, rules: BodyRules): ReadBody | Promise<ReadBody> {
  const bytes = request.body(rules.bytesMax);
  if (bytes instanceof Uint8Array && isValidatorLoaded()) return checkBody(request, bytes, rules);
  return readLater(request, bytes, rules);
}

async function readLater(
  request: HttpRequest,
  coming: Uint8Array | Promise<Uint8Array>,
  rules: BodyRules,
): Promise<ReadBody> {
  const bytes = await coming;
  await loadValidator();
  return checkBody(request, bytes, rules);
}

function checkBody(request: HttpRequest, bytes: Uint8Array, rules: BodyRules): ReadBody {
  let value: unknown = {};
  if (bytes.byteLength > 0) {
    refuseOtherTypes(request.header("content-type"));
    value = parseJson(bytes);
  } else if (!rules.isOptional) {
    throw new RuntimeError("INVALID", "This request needs a JSON body; it was empty.", {
      pointer: "",
    });
  }
  validate(rules.schema, value);
  return { value, bytes };
}

/** Parses strict JSON. @throws BAD_ENCODING, BAD_JSON, TOO_DEEP, INVALID. */
export function parseJson(bytes: Uint8Array): unknown {
  const text = textOf(bytes);
  // What is not UTF-8 reads as U+FFFD, so only a text that has one needs a closer look.
  if (text.includes("\ufffd") && !isUtf8(bytes)) {
    throw new RuntimeError("BAD_ENCODING", "The body is not valid UTF-8.");
  }
  const parsed = parseOrProblem(text);
  if (parsed.problem !== null) throw new RuntimeError("BAD_JSON", parsed.problem);
  const members = membersOf(parsed.value, JSON_DEPTH_MAX);
  if (members === SUSPECT || members !== countMembers(text)) inspect(text);
  // UTF-8 has no half of a surrogate pair: one can only have been escaped.
  if (members === SUSPECT || ESCAPED_SURROGATE.test(text)) refuseLossy(parsed.value, "");
  return parsed.value;
}

function textOf(bytes: Uint8Array): string {
  const { buffer, byteOffset, byteLength } = bytes;
  return (Buffer.isBuffer(bytes) ? bytes : Buffer.from(buffer, byteOffset, byteLength)).toString();
}

function refuseOtherTypes(type: string | undefined): void {
  if (type === undefined || type.startsWith("application/json")) return;
  const essence = type.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (essence === "application/json" || /^[a-z]+\/[\w.+-]+\+json$/.test(essence)) return;
  throw new RuntimeError(
    "INVALID",
    `The Content-Type of this request is application/json, not "${essence.slice(0, 80)}".`,
  );
}

type Parsed =
  | { readonly value: unknown; readonly problem: null }
  | { readonly value: null; readonly problem: string };

function parseOrProblem(text: string): Parsed {
  try {
    return { value: JSON.parse(text), problem: null };
  } catch (error) {
    const at = error instanceof Error ? /position (\d+)/.exec(error.message)?.[1] : undefined;
    const where = at === undefined ? "" : ` (at character ${at})`;
    return { value: null, problem: `The body is not valid JSON${where}.` };
  }
}

interface Level {
  /** Names seen, null in an array. */
  readonly names: Set<string> | null;
  name: string;
  index: number;
}

const SUSPECT = -1;

// Members of a parsed value, or SUSPECT when it nests too deep, has a forbidden name or a number that
// is too large: what JSON.parse makes of a name is always its object's own, "__proto__" too.
function membersOf(value: unknown, depthLeft: number): number {
  if (typeof value === "number") return Number.isFinite(value) ? 0 : SUSPECT;
  if (typeof value !== "object" || value === null) return 0;
  if (depthLeft === 0) return SUSPECT;
  let members = 0;
  if (Array.isArray(value)) {
    for (const item of value) {
      const inside = membersOf(item, depthLeft - 1);
      if (inside === SUSPECT) return SUSPECT;
      members += inside;
    }
    return members;
  }
  const object = value as Readonly<Record<string, unknown>>;
  for (const name in object) {
    if (forbiddenNames.has(name)) return SUSPECT;
    const inside = membersOf(object[name], depthLeft - 1);
    if (inside === SUSPECT) return SUSPECT;
    members += 1 + inside;
  }
  return members;
}

// Members written in a text known to be valid JSON: its colons outside of strings. JSON.parse
// keeps the last of two equal names and says nothing, so a text that writes more members than its
// value has writes one twice.
function countMembers(text: string): number {
  let members = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x22) at = endOfString(text, at);
    else if (code === 0x3a) members += 1;
  }
  return members;
}

// Says what is wrong with a suspicious text, known to be valid JSON, and where: only brackets,
// commas and names matter.
function inspect(text: string): void {
  const levels: Level[] = [];
  let expectsName = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    const level = levels[levels.length - 1];
    if (code === 0x22) {
      const end = endOfString(text, at);
      if (expectsName && level !== undefined) noteName(levels, level, text.slice(at, end + 1));
      expectsName = false;
      at = end;
    } else if (code === 0x7b || code === 0x5b) {
      if (levels.length === JSON_DEPTH_MAX) throw tooDeep(levels);
      levels.push({ names: code === 0x7b ? new Set() : null, name: "", index: 0 });
      expectsName = code === 0x7b;
    } else if (code === 0x7d || code === 0x5d) {
      levels.pop();
      expectsName = false;
    } else if (code === 0x2c && level !== undefined) {
      level.index += 1;
      expectsName = level.names !== null;
    }
  }
}

function endOfString(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); ; at = text.indexOf('"', at + 1)) {
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === 0x5c) slashes += 1;
    if (slashes % 2 === 0) return at;
  }
}

function noteName(levels: readonly Level[], level: Level, quoted: string): void {
  const name = quoted.includes("\\") ? String(JSON.parse(quoted)) : quoted.slice(1, -1);
  level.name = name;
  if (forbiddenNames.has(name)) {
    throw new RuntimeError("INVALID", `The name "${name}" is refused everywhere in a body.`, {
      pointer: pointerOf(levels),
    });
  }
  if (level.names?.has(name)) {
    throw new RuntimeError("INVALID", "A name stands twice in one object.", {
      pointer: pointerOf(levels),
    });
  }
  level.names?.add(name);
}

function tooDeep(levels: readonly Level[]): RuntimeError {
  return new RuntimeError("TOO_DEEP", `A body nests at most ${JSON_DEPTH_MAX} levels.`, {
    pointer: pointerOf(levels),
  });
}

/**
 * Refuses what would not be given back as it was sent: JSON.parse makes Infinity of 1e999, which is
 * null when it is written again, and half of a surrogate pair has no UTF-8. The value is known not to
 * nest too deep.
 */
function refuseLossy(value: unknown, pointer: string): void {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new RuntimeError("INVALID", "The number is too large for a double.", {
      pointer: pointer.slice(0, 1_000),
    });
  }
  if (typeof value === "string") refuseHalf(value, pointer);
  if (typeof value !== "object" || value === null) return;
  for (const [name, item] of Object.entries(value)) {
    const inside = `${pointer}/${escapePointer(name)}`;
    refuseHalf(name, pointer);
    refuseLossy(item, inside);
  }
}

function refuseHalf(text: string, pointer: string): void {
  if (!HALF_OF_A_PAIR.test(text)) return;
  const why = "It has half of a surrogate pair, which is no character.";
  throw new RuntimeError("INVALID", why, { pointer: pointer.slice(0, 1_000) });
}

function pointerOf(levels: readonly Level[]): string {
  return levels
    .map((level) => `/${level.names === null ? level.index : escapePointer(level.name)}`)
    .join("")
    .slice(0, 1_000);
}
