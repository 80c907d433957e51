// The folders that an operator granted tenants, and the paths that tools write below them. Names alone are
// decided here: what they lead to on the disk is up to the port that opens them.

import { RuntimeError } from "../../runtime/errors.ts";
import { Type } from "../schema.ts";

/** Limits of paths. */
export const pathLimits = {
  /** Of one tool. */
  paths: 32,
  chars: 1_024,
  /** Folders inside each other. */
  depth: 32,
  /** Of one name, UTF-8. */
  nameBytes: 255,
} as const;

/** A folder that the operator granted. */
export interface FolderGrant {
  /** As paths begin with. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  /** Ids, or "*" for all. */
  readonly tenants: readonly string[];
  readonly access: "read" | "write";
}

/** A place below a granted folder. */
export interface GrantedPlace {
  readonly grant: FolderGrant;
  /** Names of the folders on the way, and of the last one or the file. */
  readonly parts: readonly string[];
}

/** Where a tool goes. */
export interface PlaceOfTool extends GrantedPlace {
  /** As the tool's configuration would write it: what a model is shown. */
  readonly shown: string;
}

/** `config.paths`. */
export const pathsField = Type.Array(Type.String({ minLength: 1, maxLength: pathLimits.chars }), {
  minItems: 1,
  maxItems: pathLimits.paths,
});

const NOTHING =
  "No folder of the server is granted to this tenant. Its operator names some in troupe.yaml under tools: folders: (name, path, tenants, access).";

/** Those of one tenant. */
export function grantsOf(all: readonly FolderGrant[], tenant: string): readonly FolderGrant[] {
  return all.filter(({ tenants }) => tenants.includes("*") || tenants.includes(tenant));
}

/** Checks `config.paths`. @throws INVALID with the pointer within the configuration. */
export function checkPaths(
  paths: readonly string[],
  grants: readonly FolderGrant[],
  access: FolderGrant["access"],
): void {
  for (const [at, path] of paths.entries()) {
    const pointer = `/paths/${at}`;
    const { grant } = grantedPlace(path, grants, pointer);
    if (access === "read" || grant.access === "write") continue;
    throw invalid(`The folder "${grant.name}" is granted for reading alone.`, pointer);
  }
}

/** Where a path of a configuration leads. @throws INVALID. */
export function grantedPlace(
  path: string,
  grants: readonly FolderGrant[],
  pointer = "/path",
): GrantedPlace {
  if (grants.length === 0) throw invalid(NOTHING, pointer);
  const parts = partsOf(path, pointer);
  const place = path.startsWith("/") ? absolute(parts, grants) : named(parts, grants);
  if (place !== null) return place;
  const names = grants.map(({ name }) => name).join(", ");
  throw invalid(`"${path}" is in no granted folder. Granted are: ${names}.`, pointer);
}

/** Where a model's path leads with these of a configuration. @throws INVALID, FORBIDDEN. */
export function placeOfTool(
  path: string,
  paths: readonly string[],
  grants: readonly FolderGrant[],
): PlaceOfTool {
  const bases = paths.map((written) => ({
    ...grantedPlace(written, grants, "/paths"),
    written: written.replace(/\/+$/, ""),
  }));
  const parts = partsOf(path, "/path");
  const whole = path.startsWith("/") ? absolute(parts, grants) : named(parts, grants);
  const within = bases
    .filter((base) => whole !== null && isBelow(whole, base))
    .sort((a, b) => b.parts.length - a.parts.length)[0];
  if (whole !== null && within !== undefined) {
    return { ...whole, shown: shownAs(within.written, whole.parts.slice(within.parts.length)) };
  }
  const [only, ...others] = bases;
  if (only !== undefined && others.length === 0 && !path.startsWith("/")) {
    const all = [...only.parts, ...parts];
    if (all.length > pathLimits.depth) throw tooDeep("/path");
    return { grant: only.grant, parts: all, shown: shownAs(only.written, parts) };
  }
  const text = `"${path}" is not among what this tool may reach: ${paths.join(", ")}.`;
  throw new RuntimeError("FORBIDDEN", text, { pointer: "/path" });
}

function shownAs(base: string, rest: readonly string[]): string {
  return [base, ...rest].join("/");
}

function isBelow(place: GrantedPlace, base: GrantedPlace): boolean {
  if (place.grant !== base.grant) return false;
  return base.parts.every((name, at) => place.parts[at] === name);
}

function named(parts: readonly string[], grants: readonly FolderGrant[]): GrantedPlace | null {
  const [first, ...rest] = parts;
  const grant = grants.find(({ name }) => name === first);
  return grant === undefined ? null : { grant, parts: rest };
}

/** The innermost of those that have it. */
function absolute(parts: readonly string[], grants: readonly FolderGrant[]): GrantedPlace | null {
  let found: GrantedPlace | null = null;
  for (const grant of grants) {
    const own = grant.path.split("/").filter((name) => name !== "");
    if (!own.every((name, at) => parts[at] === name)) continue;
    const rest = parts.slice(own.length);
    if (found === null || rest.length < found.parts.length) found = { grant, parts: rest };
  }
  return found;
}

/** The names of a path. @throws INVALID for one that no file can have, or that leads upwards. */
function partsOf(path: string, pointer: string): readonly string[] {
  if (path.length > pathLimits.chars) {
    throw invalid(`A path has at most ${pathLimits.chars} characters.`, pointer);
  }
  if (/[\p{Cc}\p{Cs}\\]/u.test(path)) {
    throw invalid("A path has no control characters and no backslash.", pointer);
  }
  const parts = path.split("/").filter((name) => name !== "" && name !== ".");
  if (parts.includes("..")) throw invalid('A path does not lead upwards with "..".', pointer);
  if (parts.length > pathLimits.depth) throw tooDeep(pointer);
  const long = parts.find((name) => Buffer.byteLength(name) > pathLimits.nameBytes);
  if (long === undefined) return parts;
  const text = `A name in a path has at most ${pathLimits.nameBytes} bytes; "${long.slice(0, 40)}..." has more.`;
  throw invalid(text, pointer);
}

function tooDeep(pointer: string): RuntimeError {
  return invalid(`A path has at most ${pathLimits.depth} names.`, pointer);
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
