// Paths of an upload: whatever is accepted lies within the skill's folder, and is one file everywhere.

import { posix, win32 } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { skillLimits } from "../../../actors/records/skill.ts";
import { checkDistinct, checkPath } from "../../../adapters/skills/paths.ts";

const taken = (check: () => void): boolean => {
  try {
    check();
    return true;
  } catch {
    return false;
  }
};
const part = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.string({ unit: "binary", maxLength: 4 }),
  fc.constantFrom(
    "..",
    ".",
    "",
    "a",
    "A",
    "C:",
    "c:a",
    "~",
    "\\",
    "..\\",
    "x\0",
    "con.",
    "é",
    "e\u0301",
  ),
);
const path = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join("/"));

test("a path that is accepted stays within its folder, on every system", () => {
  fc.assert(
    fc.property(path, (one) => {
      fc.pre(taken(() => checkPath(one)));
      for (const { resolve, sep } of [posix, win32]) {
        const root = resolve("/root/skill");
        expect(resolve(root, one).startsWith(root + sep)).toBe(true);
      }
      expect(one).not.toMatch(/[\\\0]/);
    }),
    { numRuns: 3_000 },
  );
});

test("of paths that are accepted together no two are the same file where case does not count", () => {
  fc.assert(
    fc.property(fc.array(path, { maxLength: 8 }), (paths) => {
      fc.pre(taken(() => checkDistinct(paths)));
      const folded = paths.map((one) => one.normalize("NFC").toLowerCase());
      expect(new Set(folded).size).toBe(paths.length);
      for (const file of folded) {
        expect(folded.some((other) => other.startsWith(`${file}/`))).toBe(false);
      }
    }),
    { numRuns: 3_000 },
  );
});

test.each([
  ["/etc/passwd", "absolute"],
  ["../a", '".."'],
  ["a/../../b", '".."'],
  ["a/./b", '"."'],
  ["a//b", "empty"],
  ["a\\b", "backslash"],
  ["C:/a", "drive letter"],
  ["c:a", "drive letter"],
  ["a\0.md", "control"],
  ["a\n.md", "control"],
  ["", "no name"],
  ["a./b", "dot or a space"],
  ["a /b", "dot or a space"],
  [`${"a/".repeat(skillLimits.pathDepth)}b`, "levels deep"],
  ["a".repeat(skillLimits.pathChars + 1), "200 characters"],
])("%j is refused: %s", (one, why) => {
  expect(() => checkPath(one)).toThrow(why);
});

test("usual paths are taken, up to the limits", () => {
  const fine = ["SKILL.md", "references/API guide.md", "scripts/run.py", "assets/é.txt", ".hidden"];
  const most = ["a".repeat(skillLimits.pathChars), `${"a/".repeat(skillLimits.pathDepth - 1)}b`];

  for (const one of [...fine, ...most]) expect(() => checkPath(one)).not.toThrow();
});

test("two paths that are one file are refused by both names", () => {
  expect(() => checkDistinct(["a", "b", "a"])).toThrow('"a" is refused: it is there twice');
  expect(() => checkDistinct(["Ref/a", "ref/A"])).toThrow(
    '"ref/A" is refused: it differs from "Ref/a"',
  );
  expect(() => checkDistinct(["é", "e\u0301"])).toThrow("differs");
  expect(() => checkDistinct(["a", "A/b"])).toThrow('"a" is a file and not a folder');
});
