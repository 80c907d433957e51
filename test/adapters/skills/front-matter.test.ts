// SKILL.md as the public format has it, and what is said of one that is not.

import { expect, test } from "vitest";
import { skillLimits } from "../../../actors/records/skill.ts";
import { readSkillText } from "../../../adapters/skills/front-matter.ts";

const read = (text: string) => readSkillText(Buffer.from(text));
const refusal = async (text: string | Buffer): Promise<string> => {
  const error = await readSkillText(Buffer.from(text)).catch((thrown: unknown) => thrown);
  return error instanceof Error ? error.message : "taken";
};

test("every field of the format is read, and the body begins after the front matter", async () => {
  const head = [
    "---",
    "name: pdf-forms",
    "description: >-",
    "  Fills forms.",
    "  Use it for PDF files.",
    "license: Apache-2.0",
    "compatibility: Needs python3",
    "metadata:",
    "  version: 1.10",
    "  author: ünïcode",
    "allowed-tools: Read, Bash(git add:*) Write",
    "---",
    "",
  ].join("\n");

  const { fields, bodyAt } = await read(`${head}# Body\n---\nnot front matter`);

  expect(fields).toEqual({
    name: "pdf-forms",
    description: "Fills forms. Use it for PDF files.",
    license: "Apache-2.0",
    compatibility: "Needs python3",
    metadata: { version: "1.10", author: "ünïcode" },
    allowed_tools: ["Read", "Bash(git add:*)", "Write"],
  });
  expect(bodyAt).toBe(Buffer.byteLength(head));
});

test("lines may end as on Windows, and a byte order mark may stand before them", async () => {
  const head = "\uFEFF---\r\nname: a\r\ndescription: b\r\nallowed-tools: [Read, Write]\r\n---\r\n";

  const { fields, bodyAt } = await read(`${head}Body`);

  expect(fields).toEqual({ name: "a", description: "b", allowed_tools: ["Read", "Write"] });
  expect(bodyAt).toBe(Buffer.byteLength(head));
});

test.each([
  ["no front matter", "# Title", /line 1, column 1: it begins with a line "---"/],
  ["no end of it", "---\nname: a\n", /ends with a line "---"/],
  ["YAML that is none", "---\nname: a\ndescription: [b\n---\n", /line \d+, column \d+: /],
  ["a name twice", "---\nname: a\nname: b\ndescription: c\n---\n", /line 3, column 1: /],
  ["a list", "---\n- a\n---\n", /list of fields/],
  ["no name", "---\ndescription: b\n---\n", /the field name is missing/],
  ["no description", "---\nname: a\n---\n", /the field description is missing/],
  ["an empty description", "---\nname: a\ndescription: ' '\n---\n", /line 3, column 14: desc/],
  ["an upper-case name", "---\nname: My-Skill\ndescription: b\n---\n", /line 2, column 7: name/],
  ["a hyphen at the end", "---\nname: a-\ndescription: b\n---\n", /line 2, column 7: name/],
  ["two hyphens", "---\nname: a--b\ndescription: b\n---\n", /line 2, column 7: name/],
  ["a name of a path", "---\nname: ../a\ndescription: b\n---\n", /line 2, column 7: name/],
  [
    "an unknown field",
    "---\nname: a\ndescription: b\nversion: 1\n---\n",
    /line 4, column 1: .*"version"/,
  ],
  [
    "metadata in metadata",
    "---\nname: a\ndescription: b\nmetadata: {c: {d: e}}\n---\n",
    /line 4, column 11: metadata/,
  ],
  ["a prototype", "---\nname: a\ndescription: b\nmetadata: {__proto__: e}\n---\n", /metadata/],
  ["an alias", "---\nname: &x a\ndescription: *x\n---\n", /line 3, column 14: aliases/],
  ["depth", `---\nname: a\ndescription: ${"[".repeat(12_000)}\n---\n`, /nests too deep|line \d+/],
])("%s is refused with line and column", async (_, text, said) => {
  expect(await refusal(text)).toMatch(said);
});

test("each limit is taken at its value and refused one above it", async () => {
  const { nameChars, descriptionChars, compatibilityChars, frontMatterBytes } = skillLimits;
  const skill = (name: number, description: number, compatibility: number) =>
    `---\nname: ${"a".repeat(name)}\ndescription: ${"b".repeat(description)}\ncompatibility: ${"c".repeat(compatibility)}\n---\n`;

  expect(await refusal(skill(nameChars, descriptionChars, compatibilityChars))).toBe("taken");
  expect(await refusal(skill(nameChars + 1, 1, 1))).toContain("name has 1 to 64");
  expect(await refusal(skill(1, descriptionChars + 1, 1))).toContain("1 to 1024 characters");
  expect(await refusal(skill(1, 1, compatibilityChars + 1))).toContain("at most 500");
  const comment = `# ${"x".repeat(frontMatterBytes)}\n`;
  expect(await refusal(`---\n${comment}name: a\ndescription: b\n---\n`)).toContain("16384 bytes");
});

test("what is no UTF-8 text is refused", async () => {
  const head = "---\nname: a\ndescription: b\n---\n";

  expect(await refusal(Buffer.concat([Buffer.from(head), Buffer.from([0xff])]))).toContain("UTF-8");
  expect(await refusal(`${head}\0`)).toContain("UTF-8");
});
