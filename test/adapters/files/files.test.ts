// Files of granted folders: read in pieces, listed, written whole or not at all, found by name and text.

import { linkSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FileLook, FileState, Files, WriteMode } from "../../../actors/files.ts";
import { createFiles } from "../../../adapters/files/files.ts";
import { searchFiles } from "../../../adapters/files/search.ts";
import { partName } from "../../../adapters/files/write.ts";
import type { RuntimeError } from "../../../runtime/errors.ts";
import { inlineCompute } from "../../support/inline-compute.ts";
import { type JailRoom, makeJailRoom } from "../../support/jail-room.ts";

let room: JailRoom;
let files: Files;
beforeEach(() => {
  room = makeJailRoom();
  files = createFiles(room.grants, inlineCompute);
});
afterEach(() => room.end());

const signal = new AbortController().signal;
const put = (path: string, content: string | Buffer): void =>
  writeFileSync(join(room.work, path), content);
const content = (path: string): string => readFileSync(join(room.work, path), "utf8");
const look = (path: string, more: { offset?: number; bytesMax?: number } = {}) =>
  files.look({ ...room.at(path), offset: 0, bytesMax: 1_000, ...more });
const said = (doing: Promise<unknown>): Promise<string> =>
  doing.then(
    (came) => JSON.stringify(came),
    (error: RuntimeError) => `${error.code} ${error.message}`,
  );

test("a long file is read in pieces that cut no character, and all of them are the file", async () => {
  const text = "aé€😀".repeat(40);
  put("long.txt", `\uFEFF${text}`);
  for (const bytesMax of [5, 7, 64]) {
    let read = "";
    let offset: number | undefined = 0;
    while (offset !== undefined) {
      const piece = (await look("long.txt", { offset, bytesMax })) as FileLook;
      read += piece.text;
      offset = piece.next_offset;
    }
    expect(read).toBe(text);
  }
  expect(await look("long.txt", { offset: 5, bytesMax: 4 })).toMatchObject({
    offset: 6,
    text: "€",
  });
});

test("a binary file is said to be one, a text in UTF-16 is read, and an empty file is one", async () => {
  put("a.bin", Buffer.from([1, 2, 0, 255]));
  put("b.bin", Buffer.from([0xff, 0x41]));
  put("wide.txt", Buffer.from("\uFEFFwide", "utf16le"));
  put("empty.txt", "");
  for (const name of ["a.bin", "b.bin"]) {
    const piece = await look(name);
    expect(piece).toMatchObject({ note: "The file is binary: no text is shown." });
    expect(piece).not.toHaveProperty("text");
  }
  expect(await look("wide.txt")).toMatchObject({ text: "wide" });
  expect(await look("empty.txt")).toMatchObject({ text: "", bytes: 0 });
});

test("a folder is listed in order with what its entries are, and says what it leaves out", async () => {
  expect(await look("")).toEqual({
    ...{ path: "work", kind: "folder" },
    entries: [
      { name: "in", kind: "folder" },
      { name: "in-other", kind: "folder" },
      { name: "own.txt", kind: "file", bytes: 3 },
    ],
  });
  mkdirSync(join(room.work, "many"));
  for (let at = 0; at < 501; at += 1) put(`many/${at}`, "");
  expect(await look("many")).toMatchObject({
    note: "The folder has 501 entries; these are 500 of them.",
  });
  const both = await files.look({
    ...room.at("", ["work/in", "work/own.txt"]),
    offset: 0,
    bytesMax: 9,
  });
  expect(both).toMatchObject({ entries: [{ name: "work/in" }, { name: "work/own.txt" }] });
});

describe("writing", () => {
  const state = (path: string): Promise<FileState> => files.state(room.at(path));
  const write = async (path: string, mode: WriteMode, text: string, more: object = {}) =>
    files.write({
      ...{ ...room.at(path), mode, text, before: await state(path), operation: "one" },
      ...more,
    });

  test("a file is made with its folders, overwritten and appended to, and never half there", async () => {
    expect(await write("new/deep/a.txt", "create", "one")).toEqual({
      ...{ path: "work/new/deep/a.txt", bytes: 3, mode: "create" },
    });
    expect(await said(write("new/deep/a.txt", "create", "two"))).toMatch(/^CONFLICT/);
    await write("new/deep/a.txt", "append", "é");
    expect(content("new/deep/a.txt")).toBe("oneé");
    await write("new/deep/a.txt", "overwrite", "");
    expect(content("new/deep/a.txt")).toBe("");
    await write("new/deep/b.txt", "append", "b");
    expect(readdirSync(join(room.work, "new/deep")).sort()).toEqual(["a.txt", "b.txt"]);
  });

  test.each(["create", "overwrite", "append"] as const)(
    "a cut %s that is repeated is done once",
    async (mode) => {
      if (mode !== "create") put("a.txt", "line\n");
      const before = await state("a.txt");
      const once = { mode, text: "line\n", before, operation: "cut" };
      const input = { ...room.at("a.txt"), ...once };
      // Cut behind its end, and once more.
      for (let time = 0; time < 3; time += 1) {
        const { bytes } = await files.write(input);
        expect(bytes).toBe(mode === "append" ? 10 : 5);
      }
      expect(content("a.txt")).toBe(mode === "append" ? "line\nline\n" : "line\n");
      // Cut between its two names.
      linkSync(join(room.work, "a.txt"), join(room.work, partName("cut")));
      expect(await files.write(input)).toMatchObject({ mode });
      // Another call of the same content is another one.
      if (mode === "append") {
        await write("a.txt", "append", "line\n", { operation: "next" });
        expect(content("a.txt")).toBe("line\nline\nline\n");
      }
    },
  );

  test("what somebody else changed meanwhile is not appended to, and not taken for one's own", async () => {
    put("a.txt", "before");
    const before = await state("a.txt");
    put("a.txt", "beforX-more");
    const input = { ...room.at("a.txt"), mode: "append" as const, text: "-more", before };
    expect(await said(files.write({ ...input, operation: "x" }))).toMatch(/^CONFLICT.*meanwhile/);
    const made = { ...room.at("b.txt"), mode: "create" as const, text: "mine", before: null };
    put("b.txt", "his!");
    expect(await said(files.write({ ...made, operation: "y" }))).toMatch(/^CONFLICT.*meanwhile/);
    expect(content("b.txt")).toBe("his!");
  });

  test("a file has a greatest size, and a folder is no file", async () => {
    put("large.txt", Buffer.alloc(16 * 1024 * 1024));
    const before = await state("large.txt");
    const input = { ...room.at("large.txt"), mode: "append" as const, text: "x", before };
    expect(await said(files.write({ ...input, operation: "x" }))).toMatch(/^INVALID.*16777216/);
    expect(await said(write("in", "overwrite", "x"))).toMatch(/^CONFLICT.*folder/);
    expect(await said(write("own.txt/x", "create", "x"))).toMatch(/^NOT_FOUND/);
  });
});

describe("a search", () => {
  const search = async (query: object, paths?: readonly string[]) =>
    files.search({ ...room.at("", paths), ...query }, signal);
  const paths = async (query: object) =>
    (await search(query)).files.map(({ path }) => path.slice("work/".length)).sort();
  beforeEach(() => {
    put("in/a.csv", "id;name\n1;Ärger\n");
    put("in/deep/b.CSV", "x");
    put("in/deep/c.csv", "Error: one\nfine\nerror: two\n");
    put("in/deep/d.bin", Buffer.from("error\0"));
  });

  test("by glob, in any folder or along a way", async () => {
    expect(await paths({ glob: "*.csv" })).toEqual(["in/a.csv", "in/deep/c.csv"]);
    expect(await paths({ glob: "in/*.csv" })).toEqual(["in/a.csv"]);
    expect(await paths({ glob: "in/**/[a-c].{csv,CSV}" })).toHaveLength(3);
    expect(await paths({ glob: "in/**/[!a].csv" })).toEqual(["in/deep/c.csv"]);
    expect(await paths({ glob: "**/?.bin" })).toEqual(["in/deep/d.bin"]);
    expect(await said(search({ glob: "{a" }))).toMatch(/^INVALID/);
  });

  test("by text and by pattern, with lines; binary files have none", async () => {
    expect((await search({ text: "ERROR" })).files).toEqual([
      {
        ...{ path: "work/in/deep/c.csv", bytes: 27 },
        lines: [
          { line: 1, text: "Error: one" },
          { line: 3, text: "error: two" },
        ],
      },
    ]);
    expect(await paths({ pattern: "^error: \\w+$", isCaseSensitive: true })).toHaveLength(1);
    expect(await paths({ text: "ärger", glob: "*.csv" })).toEqual(["in/a.csv"]);
    expect(await said(search({ pattern: "(?=a)" }))).toMatch(/^INVALID.*RE2/);
    const one = await search({ text: "own" }, ["work/own.txt"]);
    expect(one.files).toMatchObject([{ path: "work/own.txt" }]);
  });

  test("takes linear time whatever the glob and the pattern, and ends when its time is over", async () => {
    put(`${"a".repeat(200)}`, "a".repeat(9_000));
    const startMs = performance.now();
    await search({ glob: `${"*a".repeat(40)}b` });
    await search({ pattern: "(a+)+$b" });
    expect(performance.now() - startMs).toBeLessThan(5_000);
    const limits = { searchMs: 0 };
    const root = room.root([], true);
    const cut = await searchFiles({ roots: [root], query: {}, limits });
    expect(cut).toMatchObject({ files: [], notes: ["Left out: what was not reached in 0 ms."] });
  });

  test("says what it leaves out", async () => {
    const notes = async (limits: object) =>
      (await searchFiles({ roots: [room.root([], true)], query: { text: "o" }, limits })).notes;
    expect(await notes({ searchEntries: 2 })).toContain("Left out: more than 2 entries.");
    expect(await notes({ searchFiles: 1 })).toContain("Left out: files behind the first 1.");
    expect(await notes({ searchDepth: 1 })).toEqual(["Left out: folders more than 1 levels deep."]);
    expect(await notes({ searchBytes: 1 })).toContain("Left out: what is behind 1 bytes of files.");
    expect(await notes({})).toBeUndefined();
  });
});
