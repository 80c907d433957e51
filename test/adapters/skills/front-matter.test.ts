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

// As public repositories have them: a skill of a program with fields of its own, one that keeps an object in
// its metadata, one in the words of the first of them.
test.each([
  [
    [
      "name: pptx-author",
      "description: Makes slides.",
      "version: 1.2.0",
      "author: Ada <ada@example.com>",
      "tags: [slides, office]",
      "dependencies: python>=3.8, python-pptx",
      "disable-model-invocation: true",
    ],
    {
      ...{ version: "1.2.0", author: "Ada <ada@example.com>", tags: ["slides", "office"] },
      ...{ dependencies: "python>=3.8, python-pptx", "disable-model-invocation": "true" },
    },
  ],
  [
    [
      "name: chirp",
      "description: Posts.",
      "homepage: https://chirp.example",
      'metadata: {"host": {"emoji": "x", "requires": {"bins": ["chirp"]}}, "tags": ["a"]}',
    ],
    { homepage: "https://chirp.example" },
  ],
  [["name: plain", "description: Does it.", "license: MIT"], undefined],
])("a skill as public repositories have it is taken with all its fields", async (lines, others) => {
  const { fields } = await read(["---", ...lines, "---", "Body"].join("\n"));

  expect(fields.other_fields).toEqual(others);
  if (fields.name !== "chirp") return;
  const host = '{"emoji":"x","requires":{"bins":["chirp"]}}';
  expect(fields.metadata).toEqual({ host, tags: '["a"]' });
});

test("the fields that are taken are at most those that are said", async () => {
  const { otherFields, otherDepth } = skillLimits;
  const most = Array.from({ length: otherFields }, (_, at) => `x${at}: y`).join("\n");
  const deep = `x: ${"[".repeat(otherDepth)}${"]".repeat(otherDepth)}`;

  expect(await refusal(`---\nname: a\ndescription: b\n${most}\n---\n`)).toBe("taken");
  expect(await refusal(`---\nname: a\ndescription: b\n${deep}\n---\n`)).toBe("taken");
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
    "metadata that is too long",
    `---\nname: a\ndescription: b\nmetadata: {c: {d: ${"e".repeat(4_000)}}}\n---\n`,
    /line 4, column 11: metadata/,
  ],
  [
    "a prototype of a field",
    "---\nname: a\ndescription: b\nx: [{y: {constructor: z}}]\n---\n",
    /line 4, column 4: no field is named constructor/,
  ],
  [
    "a prototype as a field",
    "---\nname: a\ndescription: b\n__proto__: {x: y}\n---\n",
    /line 4, column 12: no field is named __proto__/,
  ],
  [
    "a field that nests too deep",
    `---\nname: a\ndescription: b\nx: ${"[".repeat(9)}${"]".repeat(9)}\n---\n`,
    /line 4, column 4: a field nests at most 8 deep/,
  ],
  [
    "too many fields",
    `---\nname: a\ndescription: b\n${Array.from({ length: 33 }, (_, at) => `x${at}: y\n`).join("")}---\n`,
    /line 36, column 6: at most 32 fields/,
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
