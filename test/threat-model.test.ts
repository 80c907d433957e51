// The threat model speaks of tests by their names: each of them is there.

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const page = readFileSync(`${root}adapters/threat-model.md`, "utf8");

interface Line {
  readonly what: string;
  /** Each file with the names that follow it. */
  readonly shown: readonly { readonly file: string; readonly names: readonly string[] }[];
}

/** Lines of the tables whose last column says what shows them. */
function lines(): readonly Line[] {
  return page
    .split(/^## /m)
    .filter((section) => section.includes("| shown by |"))
    .flatMap((section) => section.split("\n").filter((line) => line.startsWith("| ")))
    .filter((line) => !line.startsWith("| they try "))
    .map((line) => {
      const [, what = "", , cell = ""] = line.split(" | ").length > 2 ? splitRow(line) : [];
      const shown = [...cell.matchAll(/`([^`]+)`((?:,? "[^"]+")*)/g)].map(
        ([, file = "", rest = ""]) => ({
          file: `test/${file}.test.ts`,
          names: [...rest.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => name),
        }),
      );
      return { what, shown };
    });
}

const splitRow = (line: string): readonly string[] => line.split("|").map((cell) => cell.trim());

/** A test's name may stand in a table of cases, or be made for each of them in the file it imports. */
function sourcesOf(file: string): string {
  const text = readFileSync(root + file, "utf8");
  const imported = [...text.matchAll(/from "(\.[^"]+)"/g)].map(([, path = ""]) => {
    const place = fileURLToPath(new URL(path, `file://${root}${file}`));
    return existsSync(place) ? readFileSync(place, "utf8") : "";
  });
  return [text, ...imported].join("\n");
}

test("each line names a test that shows it", () => {
  const bare = lines().filter(({ shown }) => shown.length === 0);

  expect(lines().length).toBeGreaterThan(20);
  expect(bare.map(({ what }) => what)).toEqual([]);
});

test("every test that is named is there", () => {
  const missing = lines().flatMap(({ shown }) =>
    shown.flatMap(({ file, names }) => {
      if (!existsSync(root + file)) return [file];
      const text = sourcesOf(file);
      return names.filter((name) => !text.includes(name)).map((name) => `${file}: ${name}`);
    }),
  );

  expect(missing).toEqual([]);
});
