// The splitter, case 64 of the research: every part is short enough in the platform's unit once it is
// written, nothing is lost, what is cut is closed and opened again.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatLimits } from "../../../../adapters/channels/format/limits.ts";
import { lengthOf, type TextUnit } from "../../../../adapters/channels/format/measure.ts";
import { plainText } from "../../../../adapters/channels/format/plain.ts";
import { readMarkdown } from "../../../../adapters/channels/format/read.ts";
import { slackText } from "../../../../adapters/channels/format/slack.ts";
import { split } from "../../../../adapters/channels/format/split.ts";
import { markdownText } from "../../../../adapters/channels/format/write.ts";
import { tangledMarkdown } from "../../../support/channels/markdown.ts";

const solid = (text: string) => text.replaceAll(/\s+/g, "");
const joined = (parts: readonly string[]) => solid(parts.map(plainText).join("\n"));
const slack = { unit: "utf16", render: slackText } as const;

describe("any text", () => {
  test("loses nothing, and each of its parts fits", () => {
    fc.assert(
      fc.property(
        tangledMarkdown,
        fc.integer({ min: formatLimits.partMin, max: 200 }),
        fc.constantFrom<TextUnit>("utf16", "codepoint", "byte"),
        fc.constantFrom(slackText, plainText),
        (text, max, unit, render) => {
          const parts = split(text, { max, unit, render, parts: 1_000 });

          for (const part of parts)
            expect(lengthOf(render(part), render, unit)).toBeLessThanOrEqual(max);
          expect(joined(parts)).toBe(solid(plainText(text)));
        },
      ),
      { numRuns: 150 },
    );
  });

  test("is the same blocks when it is written out and read again", () => {
    fc.assert(
      fc.property(tangledMarkdown, (text) => {
        const blocks = readMarkdown(text);

        expect(readMarkdown(markdownText.blocks(blocks))).toEqual(blocks);
      }),
      { numRuns: 150 },
    );
  });
});

describe("where it is cut", () => {
  test("a text that fits is given back as it is", () => {
    expect(split("*a*  b\n\n\nc", { max: 100, ...slack })).toEqual(["*a*  b\n\n\nc"]);
    expect(split("", { max: 100, ...slack })).toEqual([""]);
  });

  test("paragraphs before lines, lines before sentences, sentences before words", () => {
    const a = "a".repeat(30);
    const at = (text: string) => split(text, { max: 64, ...slack }).map(slackText);

    expect(at(`${a}.\n${a}\n\n${a} b`)).toEqual([`${a}.\n${a}`, `${a} b`]);
    expect(at(`${a}aaaa\n${a}. ${a}`)).toEqual([`${a}aaaa`, `${a}. ${a}`]);
    expect(at(`${a}aa. c d ${a}`)).toEqual([`${a}aa.`, `c d ${a}`]);
    expect(at(`${a} c ${a} ${a}`)).toEqual([`${a} c ${a}`, a]);
  });

  test("a heading goes with what follows it", () => {
    const text = `${"a ".repeat(20)}\n\n## B\n\n${"b ".repeat(25)}`;

    expect(split(text, { max: 64, ...slack }).map(slackText)).toEqual([
      "a ".repeat(20).trim(),
      `*B*\n\n${"b ".repeat(25).trim()}`,
    ]);
  });

  test("a fence is closed and opened again with its language, between lines", () => {
    const lines = Array.from({ length: 20 }, (_, at) => `  const a${at} = ${at};`);
    const parts = split(`\`\`\`ts\n${lines.join("\n")}\n\`\`\``, { max: 100, ...slack });

    expect(parts.length).toBeGreaterThan(3);
    for (const part of parts) expect(part).toMatch(/^```ts\n( {2}const a\d+ = \d+;\n)+```$/);
  });

  test("a mark is closed and opened again", () => {
    const parts = split(`**${"bold ".repeat(40)}end**`, { max: 64, ...slack }).map(slackText);

    expect(parts.length).toBeGreaterThan(3);
    for (const part of parts) expect(part).toMatch(/^\*(bold ?)*(end)?\*$/);
  });

  test("a link is not cut; one that is longer than a part is written out", () => {
    const url = `https://a.b/${"c".repeat(20)}`;
    const parts = split(`${"word ".repeat(8)}[some words](${url}) ${"word ".repeat(8)}`, {
      max: 64,
      ...slack,
    });
    const long = split(`[words](https://a.b/${"c".repeat(100)})`, { max: 64, ...slack });

    expect(parts.map(slackText).join("\n")).toContain(`<${url}|some words>`);
    expect(joined(long)).toBe(`words(https://a.b/${"c".repeat(100)})`);
  });

  test("a table is cut between rows, and a list goes on counting", () => {
    const rows = Array.from({ length: 9 }, (_, at) => `| row ${at} | ${at} |`).join("\n");
    const table = split(`| Name | n |\n|---|---|\n${rows}`, { max: 80, ...slack }).map(slackText);
    const list = split("1. one two three four five six\n".repeat(5), { max: 80, ...slack });

    expect(table.join("\n")).toContain("row 8 | 8");
    for (const part of table) expect(part).toMatch(/^```\n(Name.*\n-.*\n)?(row \d \| \d\n)+```$/);
    expect(list.map(slackText).at(-1)).toMatch(/^5\. one/);
  });
});

describe("case 64", () => {
  const family = "👩‍👩‍👧‍👦";
  const limits = { max: 4_096, parts: 1_000 } as const;
  const each = ["utf16", "codepoint", "byte"] as const;
  test.each([
    ["100 KB of joined emoji", family.repeat(4_000)],
    ["text from right to left", "שלום עולם \u202e".repeat(5_000)],
    ["combining marks", `e${"\u0301\u0327".repeat(3)}`.repeat(10_000)],
    ["one word of 50 KB", "w".repeat(50_000)],
    ["a fence over the limit", `\`\`\`py\n${"x = 1\n".repeat(3_000)}${"y".repeat(9_000)}\n\`\`\``],
    ["a link longer than the limit", `see [this](https://a.b/${"c".repeat(9_000)}) now`],
    ["a grapheme longer than the limit", `a${"\u0301".repeat(20_000)}b`],
    ["lone halves of pairs", "\ud83d x \udc69 ".repeat(3_000)],
  ])("%s", (_, text) => {
    for (const unit of each) {
      const parts = split(text, { ...limits, unit, render: slackText });

      const lengths = parts.map((part) => lengthOf(slackText(part), slackText, unit));
      expect(Math.max(...lengths)).toBeLessThanOrEqual(limits.max);
      expect(joined(parts)).toBe(solid(plainText(text)));
      for (const part of parts) expect((part.match(/^```/gm)?.length ?? 0) % 2).toBe(0);
      expect(parts).toEqual(split(text, { ...limits, unit, render: slackText }));
    }
  });

  test("a family is never parted", () => {
    const parts = split(family.repeat(500), {
      max: 100,
      unit: "utf16",
      render: plainText,
      parts: 100,
    });

    for (const part of parts) expect(part.replaceAll(family, "")).toBe("");
  });

  test("parts have an end: the last one says that the rest was left out", () => {
    const parts = split("word ".repeat(200_000), { max: 4_096, ...slack });

    expect(parts).toHaveLength(formatLimits.parts);
    expect(plainText(parts.at(-1) ?? "")).toMatch(/word\n\n\[The rest was left out\.\]$/);
    expect(lengthOf(slackText(parts.at(-1) ?? ""), slackText, "utf16")).toBeLessThanOrEqual(4_096);
    expect(split("word ".repeat(100), { max: 64, ...slack, parts: 1, leftOut: "…" })).toEqual([
      expect.stringMatching(/^(word ?)+\n\n…$/),
    ]);
  });
});

describe("hostile text", () => {
  const chars = 1_000_000;
  const most = (piece: string) => piece.repeat(Math.ceil(chars / piece.length));
  test.each([
    ["quotes in quotes", ">".repeat(10_000)],
    ["brackets", "[".repeat(10_000)],
    ["items in items", `${"- ".repeat(5_000)}a`],
    ["a run of stars", `${"*".repeat(10_000)}a${"*".repeat(10_000)}`],
    ["quotes", most("> ")],
    ["pictures in links", most("![[")],
    ["stars that open and close", most("*a_ **b ")],
    ["ticks", most("` `` ``` ")],
    ["cells", most("|a")],
    [
      "deeper and deeper",
      Array.from({ length: 1_400 }, (_, at) => `${" ".repeat(at)}- a`).join("\n"),
    ],
    ["definitions", most("[a]: /b\n[a]\n\n")],
    ["half tags", most("<a <!--")],
    ["empty lines", most("\n")],
    ["spaces", most(" ")],
    ["fences", most("```\n")],
  ])("%s end", { timeout: 10_000 }, (_, text) => {
    const parts = split(text, { max: 4_000, ...slack });

    expect(parts.length).toBeLessThanOrEqual(formatLimits.parts);
    for (const part of parts) expect(slackText(part).length).toBeLessThanOrEqual(4_000);
  });
});
