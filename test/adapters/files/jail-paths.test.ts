// Attacks by what a path says: none of them leads out of what a tool was granted.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Files } from "../../../actors/files.ts";
import { createFiles } from "../../../adapters/files/files.ts";
import type { RuntimeError } from "../../../runtime/errors.ts";
import { inlineCompute } from "../../support/inline-compute.ts";
import { type JailRoom, makeJailRoom, SECRET } from "../../support/jail-room.ts";

let room: JailRoom;
let files: Files;
beforeEach(() => {
  room = makeJailRoom();
  files = createFiles(room.grants, inlineCompute);
});
afterEach(() => room.end());

const LOOK = { offset: 0, bytesMax: 1_000 };
const signal = new AbortController().signal;
const said = (doing: Promise<unknown>): Promise<string> =>
  doing.then(
    (came) => JSON.stringify(came),
    (error: RuntimeError) => error.code,
  );
const look = (path: string, paths?: readonly string[]): Promise<string> =>
  said(files.look({ ...room.at(path, paths), ...LOOK }));
const write = (path: string, paths?: readonly string[]): Promise<string> =>
  said(
    files.write({
      ...room.at(path, paths),
      ...{ mode: "create", text: "x", before: null, operation: "one" },
    }),
  );

test("what is inside is reached by its name, by its way from the only path, and by its absolute place", async () => {
  for (const path of [
    "work/in/own.txt",
    "in/own.txt",
    "./in//own.txt",
    `${room.work}/in/own.txt`,
  ]) {
    expect(JSON.parse(await look(path))).toMatchObject({ path: "work/in/own.txt", text: "inner" });
  }
  const named = JSON.parse(await look(`${room.work}/in/own.txt`, [`${room.work}/in/`]));
  expect(named).toMatchObject({ path: `${room.work}/in/own.txt`, text: "inner" });
});

test.each([
  ["upwards", () => "../secret.txt", "INVALID"],
  ["upwards behind the name", () => "work/../secret.txt", "INVALID"],
  ["upwards from below", () => "in/../../secret.txt", "INVALID"],
  ["upwards and back", () => "in/../own.txt", "INVALID"],
  ["upwards at the end", () => "in/..", "INVALID"],
  ["an absolute place outside", (of: JailRoom) => `${of.outside}/secret.txt`, "FORBIDDEN"],
  [
    "an absolute place that begins alike",
    (of: JailRoom) => `${of.work}-other/secret.txt`,
    "FORBIDDEN",
  ],
  ["an absolute place, upwards", (of: JailRoom) => `${of.work}/../secret.txt`, "INVALID"],
  ["the root", () => "/", "FORBIDDEN"],
  ["another tenant's folder by name", () => "other/secret.txt", "NOT_FOUND"],
  [
    "another tenant's folder by place",
    (of: JailRoom) => `${of.folder}/other/secret.txt`,
    "FORBIDDEN",
  ],
  ["a NUL behind a harmless name", () => "own.txt\0.png", "INVALID"],
  ["a line break", () => "own.txt\nx", "INVALID"],
  ["backslashes", () => "..\\secret.txt", "INVALID"],
  ["half of a character", () => "own\ud800.txt", "INVALID"],
  ["a name of 256 bytes", () => "€".repeat(86), "INVALID"],
  ["a path that is too long", () => "a/".repeat(600), "INVALID"],
  ["33 folders", () => "a/".repeat(33), "INVALID"],
  ["escapes of a URL", () => "%2e%2e/secret.txt", "NOT_FOUND"],
  ["a home", () => "~/secret.txt", "NOT_FOUND"],
])("%s is refused, for reading and for writing", async (_, pathOf, code) => {
  expect(await look(pathOf(room))).toBe(code);
  const written = await write(pathOf(room));
  // A name that means nothing here is a name like others: what is made is inside.
  if (code === "NOT_FOUND") expect(JSON.parse(written).path).toMatch(/^work\//);
  else expect(written).toBe(code);
  expect(room.seen()).toEqual({ "secret.txt": SECRET });
});

test.each([
  ["beside the tool's own path", "work/own.txt"],
  ["in a folder whose name begins as that of the tool's path", "work/in-other/own.txt"],
  ["in the tool's path with other capitals", "work/IN/own.txt"],
  ["the granted folder itself", "work"],
])("%s nothing is reached, although it is granted", async (_, path) => {
  mkdirSync(join(room.work, "IN"), { recursive: true });
  writeFileSync(join(room.work, "IN/own.txt"), "shouted");
  // Two: with one alone a path is one below it.
  expect(await look(path, ["work/in", "work/in/deep"])).toBe("FORBIDDEN");
});

test("what is not granted any more, or for reading alone, is refused although the tool names it", async () => {
  files = createFiles([], inlineCompute);
  expect(await look("own.txt")).toBe("INVALID");
  const [grant] = room.grants;
  files = createFiles(grant ? [{ ...grant, access: "read" }] : [], inlineCompute);
  expect(await write("new.txt")).toBe("FORBIDDEN");
  expect(JSON.parse(await look("own.txt"))).toMatchObject({ text: "own" });
  expect(await look("new.txt")).toBe("NOT_FOUND");
});

test("a tool that names another tenant's folder reaches nothing in it", async () => {
  expect(await look("secret.txt", ["other"])).toBe("INVALID");
  expect(await look("other/secret.txt", ["other"])).toBe("INVALID");
  expect(await write("new.txt", ["other"])).toBe("INVALID");
});

test("a search and an analysis begin where the tool may begin", async () => {
  const search = (path: string) => said(files.search({ ...room.at(path), text: "secret" }, signal));
  expect(await search("../outside")).toBe("INVALID");
  expect(await search(room.outside)).toBe("FORBIDDEN");
  expect(JSON.parse(await search(""))).toMatchObject({ files: [] });
  const analyze = (path: string) =>
    said(files.analyze({ ...room.at(path), format: "csv" }, signal));
  expect(await analyze("../secret.txt")).toBe("INVALID");
  expect(await analyze(`${room.outside}/secret.txt`)).toBe("FORBIDDEN");
});

test("whatever a path is made of, nothing outside is read or written", async () => {
  const names = [
    "..",
    ".",
    "",
    "in",
    "work",
    "other",
    "outside",
    "secret.txt",
    "own.txt",
    "*",
    "~",
  ];
  const name = fc.oneof(
    fc.constantFrom(...names),
    fc.string({ unit: "binary", maxLength: 6 }),
    fc.constantFrom("/", "\0", "..\\", "%2e%2e", "．．"),
  );
  const path = fc
    .tuple(
      fc.constantFrom("", "/", room.folder, `${room.work}/`, "work/"),
      fc.array(name, { maxLength: 6 }),
    )
    .map(([head, parts]) => head + parts.join("/"));
  await fc.assert(
    fc.asyncProperty(path, async (tried) => {
      expect(await look(tried)).not.toContain(SECRET);
      await write(tried);
      expect(room.seen()).toEqual({ "secret.txt": SECRET });
    }),
    { numRuns: 300 },
  );
});
