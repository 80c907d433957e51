// Checks a value against a schema and says, for a wrong one, the first offending place as an
// RFC 6901 pointer and what was expected there. Schemas are compiled once and kept.

import type { TSchema } from "../../actors/schema.ts";
import { RuntimeError } from "../../runtime/errors.ts";

interface Finding {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message: string;
}

type Library = typeof import("typebox/schema");
type Checker = ReturnType<Library["Compile"]>;

// Its 200 modules load with the first body: no start waits for them.
let library: Library | undefined;
const compiled = new WeakMap<TSchema, Checker>();

/** Whether `validate` can be called. */
export const isValidatorLoaded = (): boolean => library !== undefined;

/** Loads what `validate` needs. Awaited once before it is called. */
export async function loadValidator(): Promise<void> {
  library ??= await import("typebox/schema");
}

/** The compiled form of a schema; made once for each. */
function checkerOf(schema: TSchema): Checker {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  if (library === undefined) throw new Error("loadValidator was not awaited.");
  const fresh = library.Compile(schema);
  compiled.set(schema, fresh);
  return fresh;
}

/** @throws UNKNOWN_FIELD or INVALID with `details.pointer`. */
export function validate(schema: TSchema, value: unknown): void {
  const checker = checkerOf(schema);
  if (checker.Check(value)) return;
  const [, findings] = checker.Errors(value);
  throw explain(findings as unknown as readonly Finding[]);
}

/** Something that a value must not be. */
export interface Fault {
  readonly code: "INVALID" | "UNKNOWN_FIELD";
  readonly message: string;
  readonly pointer: string;
}

/** Everything that the schema says is wrong, each place once. */
export function validateAll(schema: TSchema, value: unknown): readonly Fault[] {
  const checker = checkerOf(schema);
  if (checker.Check(value)) return [];
  const [, all] = checker.Errors(value);
  const findings = all as unknown as readonly Finding[];
  const faults = new Map<string, Fault>();
  // Of a union the member that came furthest is meant: what is wrong around it is no fault of its own.
  const isAround = ({ instancePath: path }: Finding): boolean =>
    findings.some((other) => other.instancePath.startsWith(`${path}/`));
  // What is said of a member that may not be there says nothing that its object does not.
  const isOwn = (finding: Finding): boolean =>
    ["additionalProperties", "required"].includes(finding.keyword) ||
    (finding.keyword !== "boolean" && !isAround(finding));
  for (const finding of findings.filter(isOwn)) {
    const isAlone = ["additionalProperties", "required"].includes(finding.keyword);
    const same = findings.filter(({ instancePath }) => instancePath === finding.instancePath);
    const { code, message, details } = explain(isAlone ? [finding] : same);
    const pointer = String(details?.["pointer"] ?? finding.instancePath);
    if (!faults.has(pointer))
      faults.set(pointer, { code: code as Fault["code"], message, pointer });
  }
  return [...faults.values()];
}

/** @throws UNKNOWN_FIELD for the first parameter that is none of `names`. */
export function checkQuery(query: URLSearchParams, names: readonly string[]): void {
  for (const name of query.keys()) {
    if (names.includes(name)) continue;
    const all =
      names.length === 0 ? "none is taken here" : `those taken here are ${names.join(", ")}`;
    throw new RuntimeError(
      "UNKNOWN_FIELD",
      `There is no query parameter "${name.slice(0, 100)}"; ${all}.`,
      { parameter: name.slice(0, 100) },
    );
  }
}

/** A whole number from the query, e.g. a page's `limit`. @throws INVALID naming the parameter. */
export function integerQuery(
  query: URLSearchParams,
  name: string,
  range: { readonly min: number; readonly max: number; readonly otherwise: number },
): number {
  const text = query.get(name);
  if (text === null) return range.otherwise;
  const value = Number(text);
  if (/^-?\d{1,15}$/.test(text) && value >= range.min && value <= range.max) return value;
  throw new RuntimeError(
    "INVALID",
    `The query parameter "${name}" is a whole number from ${range.min} to ${range.max}.`,
    { parameter: name },
  );
}

// A union reports what each of its members missed. The deepest place is where the writer erred:
// the member that came furthest is the one that was meant.
function explain(findings: readonly Finding[]): RuntimeError {
  const unknown = findings.find((finding) => finding.keyword === "additionalProperties");
  if (unknown !== undefined) return unknownField(unknown);
  const leaves = findings.filter(
    (finding) => !/^(anyOf|oneOf|allOf|boolean)$/.test(finding.keyword),
  );
  const depth = (finding: Finding): number => finding.instancePath.split("/").length;
  const deepest = Math.max(...leaves.map(depth));
  const first = leaves.find((finding) => depth(finding) === deepest);
  if (first === undefined) return new RuntimeError("INVALID", "The body has another shape.");
  const same = leaves.filter((finding) => finding.instancePath === first.instancePath);
  if (first.keyword === "required") return missing(first);
  const wanted = [...new Set(same.map(expectedOf))].join(", or ");
  const place = first.instancePath === "" ? "The body" : first.instancePath;
  return new RuntimeError("INVALID", `${place} must be ${wanted}.`, {
    pointer: first.instancePath,
    expected: wanted,
  });
}

function unknownField(finding: Finding): RuntimeError {
  const names = finding.params["additionalProperties"];
  const name = Array.isArray(names) ? String(names[0]) : "";
  const pointer = `${finding.instancePath}/${escapePointer(name)}`;
  return new RuntimeError("UNKNOWN_FIELD", `There is no field ${pointer.slice(0, 200)}.`, {
    pointer: pointer.slice(0, 1_000),
  });
}

function missing(finding: Finding): RuntimeError {
  const names = finding.params["requiredProperties"];
  const name = Array.isArray(names) ? String(names[0]) : "";
  const pointer = `${finding.instancePath}/${escapePointer(name)}`;
  return new RuntimeError("INVALID", `The field ${pointer} is required.`, { pointer });
}

function expectedOf(finding: Finding): string {
  if (finding.keyword === "const") return JSON.stringify(finding.params["allowedValue"]);
  if (finding.keyword === "type") {
    const type = String(finding.params["type"]);
    if (type === "null") return "null";
    return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
  }
  const count = /^must not have (fewer|more) than (\d+) (\w+)$/.exec(finding.message);
  if (count !== null) return countedOf(count[1] === "fewer" ? "least" : "most", count);
  const bound = /^must be (>=|<=|>|<) (-?[\d.e+-]+)$/.exec(finding.message);
  if (bound !== null) return `${boundWords.get(bound[1] ?? "")} ${bound[2]}`;
  return finding.message.replace(/^must (be |have |match )?/, (_all, verb: string | undefined) =>
    verb === "have " ? "something that has " : verb === "match " ? "something that matches " : "",
  );
}

const boundWords = new Map([
  [">=", "at least"],
  ["<=", "at most"],
  [">", "greater than"],
  ["<", "less than"],
]);

/** "of at least 1 character", "of at least 2 characters". */
function countedOf(
  which: "least" | "most",
  [, , number = "", what = ""]: readonly string[],
): string {
  const one = what === "properties" ? "property" : what.replace(/s$/, "");
  return `of at ${which} ${number} ${number === "1" ? one : what}`;
}

/** A name as part of an RFC 6901 pointer. */
export function escapePointer(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}
