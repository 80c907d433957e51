// The splitter on any text: exact spans, nothing lost, bounded sizes; and on Markdown.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { approximateTokens, splitDocument } from "../../../actors/knowledge/split.ts";

const piece = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc.constantFrom(
    ...[
      "# Title\n",
      "### Deep\n",
      "```js\n",
      "```\n",
      "~~~~\n",
      "| a | b |\n",
      "\n\n",
      "\r\n",
      "。",
      ". ",
    ],
    ...[
      "word ",
      "长文本没有空格".repeat(20),
      "x".repeat(500),
      "😀".repeat(90),
      "\ud800",
      " ".repeat(300),
    ],
  ),
);
const anyText = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(""));
const anySizes = fc.record({
  tokensMax: fc.integer({ min: 16, max: 80 }),
  overlapTokens: fc.integer({ min: 0, max: 40 }),
});

describe("any text", () => {
  test("every span is exactly its chunk's text in UTF-8", () => {
    fc.assert(
      fc.property(anyText, anySizes, (text, sizes) => {
        const bytes = Buffer.from(text);
        for (const chunk of splitDocument(text, sizes)) {
          const [start, end] = chunk.span;
          expect(bytes.subarray(start, end).equals(Buffer.from(chunk.text))).toBe(true);
        }
      }),
      { numRuns: 400 },
    );
  });

  test("nothing but white space is lost, and chunks are in order", () => {
    fc.assert(
      fc.property(anyText, anySizes, (text, sizes) => {
        const bytes = Buffer.from(text);
        let covered = 0;
        let before = -1;
        for (const { span } of splitDocument(text, sizes)) {
          expect(span[0]).toBeGreaterThan(before);
          const gap = bytes.subarray(covered, Math.max(covered, span[0])).toString();
          expect(gap.trim()).toBe("");
          covered = Math.max(covered, span[1]);
          before = span[0];
        }
        expect(bytes.subarray(covered).toString().trim()).toBe("");
      }),
      { numRuns: 400 },
    );
  });

  test("no chunk is larger than the limit, none is empty", () => {
    fc.assert(
      fc.property(anyText, anySizes, (text, sizes) => {
        for (const chunk of splitDocument(text, sizes)) {
          expect(approximateTokens(chunk.text)).toBeLessThanOrEqual(sizes.tokensMax);
          expect(chunk.text.trim()).not.toBe("");
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe("Markdown", () => {
  test("chunks stand under their headings", () => {
    const chunks = splitDocument(
      "intro\n\n# A\n\none\n\n### B\n\ntwo\n\n## C\n\nthree\n\n# D\n\nfour",
    );

    expect(chunks.map(({ headings, text }) => [headings, text])).toEqual([
      [[], "intro"],
      [["A"], "# A\n\none"],
      [["A", "B"], "### B\n\ntwo"],
      [["A", "C"], "## C\n\nthree"],
      [["D"], "# D\n\nfour"],
    ]);
  });

  test("a heading mark inside fenced code is no heading", () => {
    const chunks = splitDocument("# A\n\n```sh\n# not a heading\nls\n```\n\nafter");

    expect(chunks).toHaveLength(1);
    expect(chunks[0]?.headings).toEqual(["A"]);
  });

  test("code that fits is not cut, longer code is cut at its lines", () => {
    const line = "const value = compute(1, 2, 3);\n";
    const short = splitDocument(`${"Words here. ".repeat(20)}\n\n\`\`\`\n${line.repeat(4)}\`\`\``, {
      tokensMax: 64,
      overlapTokens: 0,
    });
    const long = splitDocument(`\`\`\`\n${line.repeat(40)}\`\`\``, { tokensMax: 64 });

    expect(short.at(-1)?.text).toBe(`\`\`\`\n${line.repeat(4)}\`\`\``);
    expect(long.length).toBeGreaterThan(3);
    expect(long.every(({ text }) => /;$|```$/.test(text))).toBe(true);
  });

  test("prose is cut between sentences and overlaps by whole ones", () => {
    const text = Array.from({ length: 12 }, (_, at) => `Sentence number ${at} is here.`).join(" ");
    const chunks = splitDocument(text, { tokensMax: 32, overlapTokens: 8 });

    for (const chunk of chunks) expect(chunk.text).toMatch(/^Sentence .*here\.$/);
    expect(chunks[1]?.span[0]).toBeLessThan(chunks[0]?.span[1] ?? 0);
  });

  test("text in scripts without spaces is cut too", () => {
    const chunks = splitDocument("这是一个很长的句子。".repeat(100), { tokensMax: 50 });

    expect(chunks.length).toBeGreaterThan(15);
    expect(chunks.every(({ text }) => text.endsWith("。"))).toBe(true);
  });

  test("nothing gives no chunk", () => {
    expect(splitDocument("")).toEqual([]);
    expect(splitDocument(" \n\t\n ")).toEqual([]);
  });
});
