// The setting of folders that tools may reach: part of config-schema.ts and config.ts. No API record can reach
// another one.

import { realpathSync } from "node:fs";
import { isAbsolute, relative, resolve } from "node:path";
import type { FolderGrant } from "../actors/tools/folders.ts";
import { choice, type Fields, type ValuesOf } from "./config-field.ts";

const fields = {
  name: {
    type: "text",
    text: "Name of it: paths of tools begin with it, or are absolute.",
    default: "",
    charsMax: 40,
    pattern: /^[A-Za-z0-9][A-Za-z0-9_-]*$/,
    expected: "letters, digits, - and _",
  },
  path: { type: "text", text: "The folder.", default: "", charsMax: 4_000 },
  tenants: {
    type: "texts",
    text: "Ids of the tenants whose tools may reach it (tn_...), or * for all.",
    default: [],
    itemsMax: 1_000,
    charsMax: 64,
  },
  access: choice("What tools may do in it.", ["read", "write"], "read"),
} as const satisfies Fields;

/** `tools.folders`. */
export const foldersField = {
  type: "entries",
  text: "Folders of this machine that tools may reach (file_reader, file_writer, file_search, data_analyzer) and triggers may watch; none without.",
  itemsMax: 100,
  required: ["name", "path", "tenants"],
  fields,
} as const;

/** Those of the configuration; what is wrong with them is added to `problems`. */
export function foldersOf(
  entries: readonly ValuesOf<typeof fields>[],
  { folder, data }: { readonly folder: string; readonly data: string },
  problems: string[],
): readonly FolderGrant[] {
  const seen = new Set<string>();
  return entries.map(({ name, path: written, tenants, access }) => {
    const wrong = (said: string): void => {
      problems.push(`tools.folders: ${name}: ${said}`);
    };
    if (seen.has(name)) wrong("the name is used twice");
    seen.add(name);
    const odd = tenants.find((one) => one !== "*" && !/^tn_[a-z0-9]{1,61}$/.test(one));
    if (odd !== undefined) wrong(`tenants: "${odd}" is neither the id of a tenant nor *`);
    if (written === "") wrong("path: is empty");
    const path = resolve(folder, written);
    if (isIn(real(path), real(data)) || isIn(real(data), real(path))) {
      wrong("path: the server's own data lies there, which no tool may reach");
    }
    return { name, path, tenants, access };
  });
}

const isIn = (inner: string, outer: string): boolean => {
  const way = relative(outer, inner);
  return way === "" || (!way.startsWith("..") && !isAbsolute(way));
};

/** Where it really is; one that is not there yet is where it is written. */
function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
