// Properties of the code itself that the linter cannot see.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folders = ["runtime", "actors", "adapters", "bench", "test"].filter((folder) =>
  existsSync(join(root, folder)),
);

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === "node_modules" || entry.name === "peers") return [];
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return sources(path);
    return path.endsWith(".ts") ? [path] : [];
  });
}

const files = folders.flatMap(sources);
const textOf = (path: string) => readFileSync(join(root, path), "utf8");

test("every source file opens with a comment that says what it is for", () => {
  const silent = files.filter((path) => !/^(\/\/|\/\*)/.test(textOf(path)));

  expect(silent).toEqual([]);
});

test("uWebSockets.js is known to one file of the product", () => {
  const knowing = files.filter(
    (path) =>
      !path.startsWith("test/") &&
      !path.startsWith("bench/") &&
      textOf(path).includes('"uWebSockets.js"'),
  );

  expect(knowing.every((path) => path === "adapters/http/listen.ts")).toBe(true);
});

test("however the server is started, its heap has the same room", () => {
  const room = /node (--initial-old-space-size=\d+ --expose-gc) /;
  const start = JSON.parse(textOf("package.json")).scripts.start;
  const command = textOf("adapters/cli/troupe.js").split("\n", 1)[0]?.concat(" ") ?? "";

  expect(room.exec(start)?.[1]).toMatch(/^--initial-old-space-size=/);
  expect(room.exec(command)?.[1]).toBe(room.exec(start)?.[1]);
});

test("the product is built and run without the packages of its tests", () => {
  const { devDependencies } = JSON.parse(textOf("package.json"));
  const named = files
    .filter((path) => !path.startsWith("test/") && !path.startsWith("bench/"))
    .flatMap((path) =>
      [...textOf(path).matchAll(/(?:from|import\(?)\s*"((?:@[^/"]+\/)?[^./"@][^/"]*)/g)].map(
        ([, name = ""]) => ({ path, name }),
      ),
    );

  expect(named.length).toBeGreaterThan(50);
  expect(named.filter(({ name }) => name in devDependencies)).toEqual([]);
});
