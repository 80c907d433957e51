// The splitter on any text: exact spans, nothing lost, bounded sizes; and on Markdown.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { approximateTokens, splitDocument } from "../../../actors/knowledge/split.ts";
import type { Tokenizer } from "../../../actors/ports.ts";

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
      "- item\n",
      "\n12) item ",
      "| - | - |\n",
      "a | b\n--|--\n",
      "function f() {\n",
      "}\n\n",
      "====\n",
      "---\r\n",
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
const words: Tokenizer = { id: "words", count: (text) => text.match(/\S{1,6}/g)?.length ?? 0 };
const letters: Tokenizer = { id: "letters", count: (text) => [...text].length };
const anySizes = fc.record(
  {
    tokensMax: fc.integer({ min: 16, max: 80 }),
    overlapTokens: fc.integer({ min: 0, max: 40 }),
    tokenizer: fc.constantFrom(words, letters),
  },
  { requiredKeys: ["tokensMax", "overlapTokens"] },
);

/** A row of 14.5 tokens beside a header of 1.25. */
const partsOfTokens = `a | b\n--|--\nfunction f() {\n\u0e00\u0e00${"\u{10000}".repeat(5)}a | b\n--|--\n`;

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
        const count = sizes.tokenizer?.count ?? approximateTokens;
        for (const { text: piece, context = "" } of splitDocument(text, sizes)) {
          // Together, as they are embedded: parts of tokens in both may be one.
          expect(count(context + piece)).toBeLessThanOrEqual(sizes.tokensMax);
          expect(piece.trim()).not.toBe("");
        }
      }),
      { numRuns: 400, examples: [[partsOfTokens, { tokensMax: 16, overlapTokens: 0 }]] },
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

describe("structure", () => {
  const filler = "Something is said here that fills a line. ";

  test("each piece of a long table has its header as context, and its text is the document's own", () => {
    const rows = Array.from({ length: 60 }, (_, at) => `| item ${at} | ${at * 3} |`);
    const text = `# Prices\n\n| name | price |\n| --- | --- |\n${rows.join("\n")}\n`;

    const [first, ...others] = splitDocument(text, { tokensMax: 64 });

    expect(first).toMatchObject({ headings: ["Prices"] });
    expect(first).not.toHaveProperty("context");
    expect(others.length).toBeGreaterThan(3);
    for (const { context, text: piece, headings } of others) {
      expect({ context, headings }).toEqual({ context: "| name | price |", headings: ["Prices"] });
      expect(piece).toMatch(/^\| item .*\|$/s);
      expect(text).toContain(piece);
    }
  });

  test("a table needs no bars at its sides", () => {
    const rows = Array.from({ length: 40 }, (_, at) => `item ${at} | ${at * 3}`).join("\n");

    const chunks = splitDocument(`Prices are these:\nname | price\n--- | ---\n${rows}`, {
      tokensMax: 64,
    });

    expect(chunks[1]?.context).toBe("name | price");
  });

  test("a table that fits is not parted", () => {
    const table = "| a | b |\n| - | - |\n| 1 | 2 |\n| 3 | 4 |";
    const chunks = splitDocument(`${filler.repeat(4)}\n\n${table}`, {
      tokensMax: 50,
      overlapTokens: 0,
    });

    expect(chunks.map(({ text }) => text)).toEqual([filler.repeat(4).trim(), table]);
  });

  test("code is parted before declarations, and a long one's pieces say which it is", () => {
    const line = "  const value = compute(1, 2, 3);\n";
    const long = `// Adds.\nfunction long() {\n${line.repeat(20)}}\n`;
    const short = `function short() {\n${line.repeat(3)}}\n`;

    const chunks = splitDocument(`\`\`\`ts\n${short}\n${long}\n${short}\`\`\``, { tokensMax: 64 });

    expect(chunks[0]?.text).toBe(`\`\`\`ts\n${short.trim()}`);
    expect(chunks[1]?.text).toMatch(/^\/\/ Adds\.\nfunction long/);
    expect(chunks[2]?.context).toBe("function long() {");
    expect(chunks.at(-1)?.text).toBe(`${short}\`\`\``);
  });

  test("list items are not parted, and lines under an item belong to it", () => {
    const items = Array.from(
      { length: 20 },
      (_, at) => `- item ${at} has words.\n  And more of them.`,
    );

    const chunks = splitDocument(items.join("\n"), { tokensMax: 40, overlapTokens: 0 });

    expect(chunks.length).toBeGreaterThan(3);
    for (const { text } of chunks) expect(text).toMatch(/^- item.*more of them\.$/s);
  });

  test("a line's end is no sentence's end", () => {
    const text = "This sentence goes on\r\nin the next line. ".repeat(20);

    for (const chunk of splitDocument(text, { tokensMax: 30, overlapTokens: 0 })) {
      expect(chunk.text).toMatch(/^This.*line\.$/s);
    }
  });

  test("a paragraph that fits is not parted when its chunk is half full", () => {
    const paragraphs = Array.from({ length: 6 }, () => filler.repeat(3).trim());

    const chunks = splitDocument(paragraphs.join("\n\n"), { tokensMax: 50, overlapTokens: 0 });

    expect(chunks.map(({ text }) => text)).toEqual(paragraphs);
  });

  test("underlined headings are headings", () => {
    const chunks = splitDocument("Title\n=====\n\none\n\nPart\n---\n\ntwo");

    expect(chunks.map(({ headings }) => headings)).toEqual([["Title"], ["Title", "Part"]]);
  });
});

describe("8 MB take eight times as long as 1 MB:", () => {
  const MB = 1_000_000;
  const filled = (pattern: string, chars: number): string =>
    pattern.repeat(Math.ceil(chars / pattern.length)).slice(0, chars);
  const cpuMs = (work: () => void): number => {
    const start = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1_000;
  };

  test.each([
    ["one line", "The quick brown fox jumps over the lazy dog. It was not amused. "],
    ["no spaces", "x"],
    ["only newlines", "\n"],
    ["one table", "| cell one | cell two | three |\n"],
    ["one cell", "words without an end and no bar "],
    ["code in one line", "abc;"],
  ])(
    "%s",
    (name, pattern) => {
      const start = name.startsWith("code") ? "```\n" : "| ".repeat(Number(name === "one cell"));
      const end = name === "one cell" ? " |" : "";
      const split = (chars: number) => () =>
        splitDocument(start + filled(pattern, chars) + end, { tokensMax: 128 });
      split(MB / 4)();

      const small = cpuMs(split(MB));
      const large = cpuMs(split(8 * MB));

      // Quadratic would be 64 times.
      expect(large).toBeLessThan(Math.max(small, 50) * 24);
    },
    60_000,
  );
});
