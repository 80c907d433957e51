// A granted folder on a real disk with a secret beside it, and what a test must find untouched afterwards.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FileTarget } from "../../actors/files.ts";
import type { FolderGrant } from "../../actors/tools/folders.ts";
import type { Root } from "../../adapters/files/folder.ts";
import type { FilePlace } from "../../adapters/files/place.ts";

export const SECRET = "the secret outside";
export const TENANT = "tn_one";

/** A folder `work` that is granted for writing, `other` of another tenant, and `outside`, which nobody is granted. */
export interface JailRoom {
  readonly folder: string;
  readonly work: string;
  readonly outside: string;
  readonly grants: readonly FolderGrant[];
  /** A target of the tenant's tool. */
  at(path: string, paths?: readonly string[]): FileTarget;
  root(parts: readonly string[], byDescriptor: boolean): Root;
  file(path: string, byDescriptor: boolean): FilePlace;
  /** What is outside now, by name. */
  seen(): Readonly<Record<string, string>>;
  pipe(path: string): void;
  end(): void;
}

/** Makes one. */
export function makeJailRoom(): JailRoom {
  const folder = mkdtempSync(join(tmpdir(), "troupe-jail-"));
  const [work, outside, other] = ["work", "outside", "other"].map((name) => {
    mkdirSync(join(folder, name));
    return join(folder, name);
  }) as [string, string, string];
  mkdirSync(join(work, "in/deep"), { recursive: true });
  mkdirSync(join(work, "in-other"));
  writeFileSync(join(work, "own.txt"), "own");
  writeFileSync(join(work, "in/own.txt"), "inner");
  writeFileSync(join(work, "in-other/own.txt"), "beside");
  writeFileSync(join(outside, "secret.txt"), SECRET);
  writeFileSync(join(other, "secret.txt"), SECRET);
  writeFileSync(join(folder, "secret.txt"), SECRET);
  mkdirSync(join(folder, "work-other"));
  writeFileSync(join(folder, "work-other/secret.txt"), SECRET);
  const grant = (name: string, more: Partial<FolderGrant> = {}): FolderGrant => ({
    ...{ name, path: join(folder, name), tenants: [TENANT], access: "write" as const, ...more },
  });
  const root: JailRoom["root"] = (parts, byDescriptor) => ({
    ...{ path: work, parts, byDescriptor, shown: ["work", ...parts].join("/") },
  });
  return {
    ...{ folder, work, outside },
    grants: [grant("work"), grant("other", { tenants: ["tn_two"] })],
    at: (path, paths = ["work"]) => ({ tenant: TENANT, paths, path }),
    root,
    file: (path, byDescriptor) => {
      const parts = path.split("/");
      const name = parts.at(-1) ?? "";
      return { folder: root(parts.slice(0, -1), byDescriptor), name, shown: `work/${path}` };
    },
    seen: () =>
      Object.fromEntries(
        readdirSync(outside).map((name) => [name, readFileSync(join(outside, name), "utf8")]),
      ),
    pipe: (path) => void execFileSync("mkfifo", [join(work, path)]),
    end: () => rmSync(folder, { recursive: true, force: true }),
  };
}
