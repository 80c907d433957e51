// Attacks by what lies on the disk: links, hard links, pipes, sockets, devices, and folders that are exchanged
// between two looks. Each is tried with folders held by their descriptors and, as elsewhere than on Linux, by place.

import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { WriteMode } from "../../../actors/files.ts";
import { createFiles } from "../../../adapters/files/files.ts";
import { Folder, holdsDescriptors } from "../../../adapters/files/folder.ts";
import { listFolder, readPiece, stateOf } from "../../../adapters/files/read.ts";
import { searchFiles } from "../../../adapters/files/search.ts";
import { isPartName, partName, writeFile } from "../../../adapters/files/write.ts";
import type { RuntimeError } from "../../../runtime/errors.ts";
import { inlineCompute } from "../../support/inline-compute.ts";
import { type JailRoom, makeJailRoom, SECRET, TENANT } from "../../support/jail-room.ts";

let room: JailRoom;
beforeEach(() => {
  room = makeJailRoom();
});
afterEach(() => room.end());

const PIECE = { offset: 0, bytesMax: 1_000 };
const untouched = { "secret.txt": SECRET };
const said = (doing: Promise<unknown>): Promise<string> =>
  doing.then(
    (came) => String(JSON.stringify(came)),
    (error: RuntimeError) => `${error.code} ${error.message}`,
  );

describe.each(holdsDescriptors ? [true, false] : [false])("held by descriptor: %s", (held) => {
  const read = (path: string) => said(readPiece(room.file(path, held), PIECE));
  const list = (...parts: string[]) => said(listFolder(room.root(parts, held)));
  const write = async (path: string, mode: WriteMode, operation = "one") => {
    const place = room.file(path, held);
    const before = await stateOf(place).catch(() => null);
    return await said(writeFile(place, { mode, text: "written", before, operation }));
  };
  const search = (parts: readonly string[] = [], query: object = { text: "secret" }) =>
    searchFiles({ roots: [room.root(parts, held)], query });
  const link = (to: string, at: string) => symlinkSync(to, join(room.work, at));

  test("a link to a file outside is not read, nor one to a file inside", async () => {
    link(join(room.outside, "secret.txt"), "l");
    link("own.txt", "inner");
    expect(await read("l")).toBe("FORBIDDEN work/l is a link; links are not followed.");
    expect(await read("inner")).toMatch(/^FORBIDDEN/);
  });

  test("a linked folder on the way is not gone through, however deep it is, nor listed", async () => {
    link(room.outside, "l");
    link(room.outside, "in/l");
    link("..", "in/deep/up");
    expect(await read("l/secret.txt")).toMatch(/^FORBIDDEN/);
    expect(await read("in/l/secret.txt")).toMatch(/^FORBIDDEN/);
    expect(await read("in/deep/up/own.txt")).toMatch(/^FORBIDDEN/);
    expect(await list("l")).toMatch(/^FORBIDDEN/);
    expect(JSON.parse(await list("in")).entries).toContainEqual({ name: "l", kind: "link" });
  });

  test("nothing is written through a link, to a file, to nothing or into a folder", async () => {
    link(join(room.outside, "secret.txt"), "l");
    link(join(room.outside, "new.txt"), "dangling");
    link(room.outside, "folder");
    for (const mode of ["create", "overwrite", "append"] as const) {
      expect(await write("l", mode)).toMatch(/^FORBIDDEN/);
      expect(await write("dangling", mode)).toMatch(/^FORBIDDEN/);
      expect(await write("folder/new.txt", mode)).toMatch(/^FORBIDDEN/);
      expect(await write("folder/below/new.txt", mode)).toMatch(/^FORBIDDEN/);
    }
    expect(room.seen()).toEqual(untouched);
  });

  test("a file with another name elsewhere is not read, found or written", async () => {
    linkSync(join(room.outside, "secret.txt"), join(room.work, "hard.txt"));
    expect(await read("hard.txt")).toMatch(/^FORBIDDEN.*hard link/);
    for (const mode of ["overwrite", "append"] as const) {
      expect(await write("hard.txt", mode)).toMatch(/^FORBIDDEN/);
    }
    expect((await search()).files).toEqual([]);
    expect(room.seen()).toEqual(untouched);
  });

  test("a pipe is refused and nobody waits for it", async () => {
    room.pipe("pipe");
    expect(await read("pipe")).toBe("FORBIDDEN work/pipe is no plain file.");
    expect(await write("pipe", "overwrite")).toMatch(/^FORBIDDEN/);
    expect((await search([], {})).files.map(({ path }) => path)).not.toContain("work/pipe");
  });

  test("a socket is refused", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(room.work, "socket"), resolve));
    try {
      expect(await read("socket")).toMatch(/^FORBIDDEN/);
      expect(await write("socket", "append")).toMatch(/^FORBIDDEN/);
    } finally {
      server.close();
    }
  });

  test.runIf(process.platform === "linux")(
    "devices and what /proc leads to are refused",
    async () => {
      const at = (path: string, name: string) =>
        said(
          readPiece(
            { folder: { path, parts: [], shown: "x", byDescriptor: held }, name, shown: "x" },
            PIECE,
          ),
        );
      expect(await at("/dev", "zero")).toMatch(/^FORBIDDEN.*no plain file/);
      expect(await at("/proc/self", "exe")).toMatch(/^FORBIDDEN.*link/);
      const root = { path: "/proc/self", parts: ["root", "etc"], shown: "x", byDescriptor: held };
      expect(await said(listFolder(root))).toMatch(/^FORBIDDEN.*link/);
      const cwd = { path: "/proc/self", parts: ["cwd"], shown: "x", byDescriptor: held };
      expect(await said(searchFiles({ roots: [cwd], query: {} }))).toMatch(/^FORBIDDEN.*link/);
    },
  );

  test("a search goes through no link, not in circles, and not to where its path is a link", async () => {
    link(room.outside, "l");
    link("..", "in/up");
    link(join(room.outside, "secret.txt"), "in/secret.txt");
    const all = await search([], { glob: "**" });
    expect(all.files.map(({ path }) => path).sort()).toEqual([
      ...["work/in-other/own.txt", "work/in/own.txt", "work/own.txt"],
    ]);
    expect(await said(search(["l"]))).toMatch(/^FORBIDDEN/);
  });

  test("what lies where the new content is put first is not written to", async () => {
    await write("a.txt", "create");
    const before = await stateOf(room.file("a.txt", held));
    // The name that this operation uses.
    const part = partName("known");
    expect(isPartName(part)).toBe(true);
    link(join(room.outside, "secret.txt"), part);
    const writing = { mode: "overwrite", text: "fresh", before, operation: "known" } as const;
    expect(await said(writeFile(room.file("a.txt", held), writing))).toContain('"bytes":5');
    linkSync(join(room.outside, "secret.txt"), join(room.work, part));
    expect(await said(writeFile(room.file("a.txt", held), writing))).toContain('"bytes":5');
    expect(room.seen()).toEqual(untouched);
    expect(readdirSync(room.work).filter(isPartName)).toEqual([]);
  });

  test("bits that lend rights are not kept, others are", async () => {
    writeFileSync(join(room.work, "tool"), "x");
    chmodSync(join(room.work, "tool"), 0o4750);
    expect(await write("tool", "overwrite")).toContain('"bytes":7');
    expect(statSync(join(room.work, "tool")).mode & 0o7777).toBe(0o750);
  });

  test("a folder that is exchanged for a link behind its opening leads nowhere else", async () => {
    const folder = await Folder.open(room.root(["in", "deep"], held));
    try {
      renameSync(join(room.work, "in/deep"), join(room.work, "moved"));
      link(room.outside, "in/deep");
      expect(await said(folder.file("secret.txt"))).toMatch(/^(NOT_FOUND|CONFLICT)/);
      const below = folder.folder("x", true).then((made) => made.close());
      expect(await said(below)).toMatch(held ? /^undefined$/ : /^CONFLICT/);
      expect(await said(folder.names(10))).toMatch(held ? /^\["x"\]$/ : /^CONFLICT/);
      expect(room.seen()).toMatchObject(untouched);
    } finally {
      await folder.close();
    }
  });

  test("names that are no names are none, whoever asks for them", async () => {
    const folder = await Folder.open(room.root(["in"], held));
    try {
      for (const name of ["..", ".", "", "../own.txt", "deep/../../own.txt", "own.txt\0"]) {
        expect(await said(folder.file(name))).toMatch(/^NOT_FOUND/);
        expect(await said(folder.folder(name))).toMatch(/^NOT_FOUND/);
      }
    } finally {
      await folder.close();
    }
  });

  test("whatever links there are, nothing outside is read or written", async () => {
    const names = ["a", "b", "c", "own.txt", "in"];
    const ends = [
      room.outside,
      "..",
      "../outside",
      join(room.outside, "secret.txt"),
      "a",
      "in",
      "/",
    ];
    const links = fc.array(
      fc.tuple(
        fc.constantFrom("", "in/"),
        fc.constantFrom("a", "b", "c"),
        fc.constantFrom(...ends),
      ),
      { maxLength: 5 },
    );
    const way = fc.array(fc.constantFrom(...names, "outside", "secret.txt"), {
      minLength: 1,
      maxLength: 5,
    });
    await fc.assert(
      fc.asyncProperty(links, way, async (planted, parts) => {
        room.end();
        room = makeJailRoom();
        for (const [above, name, to] of planted) {
          try {
            link(to.replace(/^.*(?=\/outside)/, room.folder), `${above}${name}`);
          } catch {
            // Two of one name.
          }
        }
        const path = parts.join("/");
        expect(await read(path)).not.toContain(SECRET);
        expect(await list(...parts)).not.toContain('secret.txt"');
        await write(path, "overwrite");
        expect(room.seen()).toEqual(untouched);
        expect((await search()).files).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});

test.runIf(holdsDescriptors)(
  "a folder that is exchanged all the time never lets anybody out",
  async () => {
    mkdirSync(join(room.work, "swap"));
    writeFileSync(join(room.work, "swap/secret.txt"), "harmless");
    // Another process, as an attacker is: it exchanges the folder for a link and back as fast as it can.
    const swap = join(room.work, "swap");
    const script = `
    const { renameSync, rmSync, symlinkSync } = require("node:fs");
    const [swap, kept] = ${JSON.stringify([swap, `${swap}-kept`])};
    // What the tool has made in its place meanwhile goes.
    const tried = (act) => { try { act(); return true; } catch { return false; } };
    const clear = () => tried(() => rmSync(swap, { recursive: true, force: true }));
    const free = (act) => { if (!tried(act)) clear(); };
    for (;;) {
      free(() => renameSync(swap, kept));
      free(() => symlinkSync(${JSON.stringify(room.outside)}, swap));
      clear();
      free(() => renameSync(kept, swap));
    }`;
    const child = spawn(process.execPath, ["-e", script], { stdio: "ignore" });
    try {
      const came = new Map<string, number>();
      const startMs = Date.now();
      const isMet = (): boolean => came.has("read") && came.size > 1;
      // Until both were met, for at least a second.
      while (Date.now() < startMs + (isMet() ? 1_000 : 20_000)) {
        const read = await said(readPiece(room.file("swap/secret.txt", true), PIECE));
        expect(read).not.toContain(SECRET);
        const writing = { mode: "overwrite", text: "mine", before: null } as const;
        await said(
          writeFile(room.file("swap/new.txt", true), { ...writing, operation: String(came.size) }),
        );
        const kind = read.includes("harmless") ? "read" : (read.split(" ")[0] ?? "");
        came.set(kind, (came.get(kind) ?? 0) + 1);
      }
      expect(isMet()).toBe(true);
      expect(room.seen()).toEqual(untouched);
    } finally {
      const closed = new Promise((resolve) => child.once("close", resolve));
      if (child.kill("SIGKILL")) await closed;
    }
  },
);

test("an analysis does not follow links, nor open what would hang", async () => {
  symlinkSync(join(room.outside, "secret.txt"), join(room.work, "l.csv"));
  linkSync(join(room.outside, "secret.txt"), join(room.work, "h.csv"));
  execFileSync("mkfifo", [join(room.work, "p.csv")]);
  const files = createFiles(room.grants, inlineCompute);
  const { signal } = new AbortController();
  for (const path of ["l.csv", "h.csv", "p.csv"]) {
    const query = { tenant: TENANT, paths: ["work"], path };
    expect(await said(files.analyze(query, signal))).toMatch(/^FORBIDDEN/);
  }
  expect(readFileSync(join(room.outside, "secret.txt"), "utf8")).toBe(SECRET);
});
