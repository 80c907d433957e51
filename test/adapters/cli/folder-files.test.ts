// Which files of the disk a command finds, and the ids that their documents get.

import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { filesOf } from "../../../adapters/cli/folder-files.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "troupe-files-"));
  await mkdir(join(folder, "a/docs"), { recursive: true });
  await mkdir(join(folder, "b/docs"), { recursive: true });
  await writeFile(join(folder, "a/docs/x.md"), "one");
  await writeFile(join(folder, "b/docs/x.md"), "two");
});
afterEach(() => rm(folder, { recursive: true }));

test("two files that would be one document are refused, and the folder of both is not", async () => {
  const both = [join(folder, "a/docs"), join(folder, "b/docs")];
  const message = /a\/docs\/x\.md and .*b\/docs\/x\.md would be one document, docs\/x\.md\./;
  await expect(filesOf(both)).rejects.toThrow(message);
  await expect(filesOf(both.map((path) => join(path, "x.md")))).rejects.toThrow(/one document/);
  const ids = (await filesOf([folder])).map(({ id }) => id.split("/").slice(1).join("/"));
  expect(ids).toEqual(["a/docs/x.md", "b/docs/x.md"]);
});

test("a file that is named twice is found once", async () => {
  const twice = await filesOf([join(folder, "a/docs/x.md"), join(folder, "a/docs/x.md")]);
  expect(twice.map(({ id }) => id)).toEqual(["x.md"]);
});

test("names that are no ids and links out of the folder do not keep the others from being found", async () => {
  await writeFile(join(folder, "a/new\nline.md"), "three");
  await writeFile(
    Buffer.concat([Buffer.from(join(folder, "a/bad-")), Buffer.from([0xff])]),
    "four",
  );
  await symlink("/etc", join(folder, "a/out"));
  await symlink("/etc/hostname", join(folder, "a/name.txt"));
  const found = await filesOf([join(folder, "a")]);
  expect(found.map(({ id }) => id)).toEqual(["a/bad-\ufffd", "a/docs/x.md", "a/new\ufffdline.md"]);
});
