// Where a target is: what the operator granted, and what the tool's configuration names of it.

import type { FileTarget } from "../../actors/files.ts";
import {
  type FolderGrant,
  grantedPlace,
  grantsOf,
  type PlaceOfTool,
  placeOfTool,
} from "../../actors/tools/folders.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Root } from "./folder.ts";

/** A file by its folder and its name in it. */
export interface FilePlace {
  readonly folder: Root;
  readonly name: string;
  readonly shown: string;
}

/** Where the target is. @throws INVALID, FORBIDDEN. */
export function placeFor(grants: readonly FolderGrant[], target: FileTarget): PlaceOfTool {
  return placeOfTool(target.path, target.paths, grantsOf(grants, target.tenant));
}

/** All that a tool reaches. @throws INVALID for what is not granted any more. */
export function rootsFor(
  grants: readonly FolderGrant[],
  { tenant, paths }: Pick<FileTarget, "tenant" | "paths">,
): readonly Root[] {
  const own = grantsOf(grants, tenant);
  return paths.map((written) => {
    const { grant, parts } = grantedPlace(written, own, "/paths");
    return { path: grant.path, parts, shown: written.replace(/\/+$/, "") };
  });
}

/** Everything at a place as a folder. */
export function rootOf({ grant, parts, shown }: PlaceOfTool): Root {
  return { path: grant.path, parts, shown };
}

/** A place as a file. @throws INVALID for the granted folder itself. */
export function filePlace({ grant, parts, shown }: PlaceOfTool): FilePlace {
  const name = parts.at(-1);
  if (name === undefined) {
    throw new RuntimeError("INVALID", `${shown} is a folder.`, { pointer: "/path" });
  }
  return { folder: { path: grant.path, parts: parts.slice(0, -1), shown }, name, shown };
}
