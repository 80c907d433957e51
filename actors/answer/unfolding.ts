// What a schema becomes when its references are followed: a few that name each other twice are gigabytes of work, and
// one that leads back to its own place is checked without end. Both are refused before anything is compiled. Where a
// schema holds itself more than once at the same place of a value, each level of the value multiplies the work: such
// values may be nested so deep alone that it stays bounded.

import { RuntimeError } from "../../runtime/errors.ts";

/** Limits of unfolding. */
export const unfoldingLimits = {
  /** Objects and lists of a schema with all references followed. */
  parts: 5_000,
  /** Times that one place of a value may be checked with a part of its schema. */
  repeats: 100_000,
} as const;

type Node = Readonly<Record<string, unknown>>;

/** Words whose schemas are for the same place of a value as that which has them. */
const HERE: ReadonlySet<string> = new Set([
  ...(["allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas"] as const),
]);
/** Words whose values are data, and those that are only there to be named. */
const SKIPPED: ReadonlySet<string> = new Set(["const", "enum", "default", "examples"]);
const DEFINITIONS: ReadonlySet<string> = new Set(["$defs", "definitions"]);

interface Walk {
  readonly root: Node;
  readonly pointer: string;
  parts: number;
  /** How often parts lead back, by where they do below that which they lead back to. */
  readonly back: Map<string, number>;
}

/** Where a walk stands. */
interface Place {
  /** In the schema. */
  readonly at: string;
  /** In a value: names of members, `*` for any. */
  readonly value: readonly string[];
  /** References stay within it: the root, or what has an `$id` of its own. */
  readonly base: Node;
  /** What is being unfolded, with its place in a value. */
  readonly above: ReadonlyMap<object, readonly string[]>;
}

/**
 * How deep a value may be nested that is checked with this schema; Infinity: as deep as it likes.
 * @throws SCHEMA_INVALID with a pointer for one that unfolds to too much, or leads back to its own place.
 */
export function valueDepthMax(schema: Node, pointer: string): number {
  const walk: Walk = { root: schema, pointer, parts: 0, back: new Map() };
  visit(walk, schema, { at: "", value: [], base: schema, above: new Map() });
  const most = Math.max(1, ...[...walk.back.keys()].map((path) => timesAt(walk.back, path)));
  if (most === 1) return Number.POSITIVE_INFINITY;
  return Math.max(1, Math.floor(Math.log(unfoldingLimits.repeats) / Math.log(most)));
}

/** How many lead back from a place, with those that stand for any member. */
function timesAt(back: ReadonlyMap<string, number>, path: string): number {
  const parts = path.split("/");
  let times = 0;
  for (const [other, count] of back) {
    const others = other.split("/");
    const isSame =
      others.length === parts.length &&
      others.every((part, at) => part === parts[at] || part === "*" || parts[at] === "*");
    if (isSame) times += count;
  }
  return times;
}

function visit(walk: Walk, node: unknown, place: Place): void {
  if (typeof node !== "object" || node === null) return;
  walk.parts += 1;
  if (walk.parts > unfoldingLimits.parts) {
    const text = `With its references followed it has more than ${unfoldingLimits.parts} parts.`;
    throw invalid(walk, place.at, text);
  }
  const isNew = node !== walk.root && typeof (node as Node)["$id"] === "string";
  const base = isNew ? (node as Node) : place.base;
  const above = new Map(place.above).set(node, place.value);
  const inner = { ...place, base, above };
  const reference = (node as Node)["$ref"];
  if (typeof reference === "string") follow(walk, reference, inner);
  for (const [word, child] of Object.entries(node)) visitWord(walk, word, child, inner);
}

function visitWord(walk: Walk, word: string, child: unknown, place: Place): void {
  // What is only defined counts where it is named.
  if (SKIPPED.has(word) || DEFINITIONS.has(word)) return;
  const at = `${place.at}/${escaped(word)}`;
  if (HERE.has(word)) {
    if (!isObject(child)) return;
    // A list, or members by their names, or one schema.
    if (Array.isArray(child) || word === "dependentSchemas") {
      for (const [key, one] of Object.entries(child)) {
        visit(walk, one, { ...place, at: `${at}/${escaped(key)}` });
      }
    } else visit(walk, child, { ...place, at });
    return;
  }
  if (word === "properties" && isObject(child)) {
    for (const [name, one] of Object.entries(child)) {
      const value = [...place.value, `.${escaped(name)}`];
      visit(walk, one, { ...place, at: `${at}/${escaped(name)}`, value });
    }
    return;
  }
  if (!isObject(child)) return;
  const value = [...place.value, "*"];
  // Of a list of schemas, or of members by patterns, each is another place; of the others the word itself is it.
  if (word === "patternProperties" || Array.isArray(child)) {
    for (const [key, one] of Object.entries(child)) {
      visit(walk, one, { ...place, at: `${at}/${escaped(key)}`, value });
    }
  } else visit(walk, child, { ...place, at, value });
}

function follow(walk: Walk, reference: string, place: Place): void {
  const target = found(place.base, reference);
  // What is not there the compiler tells.
  if (target === undefined) return;
  const before = place.above.get(target);
  if (before === undefined) {
    visit(walk, target, { ...place, at: reference.slice(1) });
    return;
  }
  const below = place.value.slice(before.length);
  if (below.length === 0) {
    const text = `${reference} leads back to itself at the same place of a value.`;
    throw invalid(walk, `${place.at}/$ref`, text);
  }
  const path = below.join("/");
  walk.back.set(path, (walk.back.get(path) ?? 0) + 1);
}

function found(base: Node, reference: string): object | undefined {
  if (!/^#(\/|$)/.test(reference)) return anchored(base, reference.slice(1));
  let at: unknown = base;
  for (const part of reference.split("/").slice(1)) {
    const name = decoded(part).replaceAll("~1", "/").replaceAll("~0", "~");
    at = isObject(at) && Object.hasOwn(at, name) ? (at as Node)[name] : undefined;
  }
  return isObject(at) ? at : undefined;
}

/** By its `$anchor`. A schema is of 64 KB: it is looked through as it is. */
function anchored(node: unknown, name: string): object | undefined {
  if (!isObject(node)) return undefined;
  if ((node as Node)["$anchor"] === name) return node;
  for (const child of Object.values(node)) {
    const one = anchored(child, name);
    if (one !== undefined) return one;
  }
  return undefined;
}

/** How deep a value is nested: 0 for what is no object and no list. No deeper than `most` is looked. */
export function isDeeper(value: unknown, most: number): boolean {
  if (!isObject(value)) return false;
  if (most === 0) return true;
  return Object.values(value).some((one) => isDeeper(one, most - 1));
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

const escaped = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function invalid({ pointer }: Walk, at: string, message: string): RuntimeError {
  return new RuntimeError("SCHEMA_INVALID", message, { pointer: `${pointer}${at}` });
}
