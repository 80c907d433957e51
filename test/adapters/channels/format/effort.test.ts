// Rendering holds up the thread that serves everybody: what takes too long to read is taken as it stands.

import { expect, test } from "vitest";
import { mostFitting } from "../../../../adapters/channels/format/measure.ts";
import { pieces } from "../../../../adapters/channels/format/pieces.ts";
import { readMarkdown } from "../../../../adapters/channels/format/read.ts";
import { slackText } from "../../../../adapters/channels/format/slack.ts";

const written = (markdown: string): string =>
  pieces(markdown, { max: 3_800, unit: "utf16", render: slackText })
    .map(({ text }) => text)
    .join("\n");

test("an answer of 16,000 characters is written with all of its marks", () => {
  const part = `It is said **in bold** in a text of ${"some length ".repeat(8)}here.\n\n- first\n- second\n\n`;
  const out = written(part.repeat(16_000 / part.length));

  expect(out).toContain("*in bold*");
  expect(out).not.toContain("**");
});

test("marks without end are looked for no further than their limit, and nothing is left out", () => {
  const out = written("Of [a](http://b.example) it is **said**.\n\n".repeat(1_600));

  expect(out.startsWith("Of <http://b.example|a> it is *said*.")).toBe(true);
  expect(out.endsWith("Of [a](http://b.example) it is **said**.")).toBe(true);
});

test("one wide row does not ask for a million cells", () => {
  const wide = `${"|a".repeat(1_500)}|\n${"|-".repeat(1_500)}|\n`;

  expect(written(`${wide}${"|1\n".repeat(2_000)}`)).toContain("|-|-|");
});

test.each([
  ["quotes", "> a\n\n", 1_000],
  ["stretches", "# a\n\n```\nb\n```\n\n", 400],
])("of very many small %s no more are read than of a long text's marks", (_, block, most) => {
  const out = readMarkdown(block.repeat(100_000 / block.length));

  const read = out.filter(({ type }) => type !== "paragraph" && type !== "code").length;
  expect(read).toBeGreaterThan(100);
  expect(read).toBeLessThan(most);
});

test("the end of what fits is found with few looks, wherever it is", () => {
  for (const count of [1, 2, 50, 4_000, 100_000]) {
    for (const most of [0, 1, 7, 1_500, 3_799, count]) {
      for (const sizeOf of [(n: number) => n, (n: number) => n * n, (n: number) => Math.sqrt(n)]) {
        const looked: number[] = [];
        const found = mostFitting(count, (first) => {
          looked.push(first);
          return sizeOf(most) - sizeOf(first);
        });

        expect(found).toBe(Math.min(most, count));
        expect(looked.length).toBeLessThanOrEqual(40);
        expect(Math.max(...looked)).toBeLessThanOrEqual(Math.max(1, 4 * most));
      }
    }
  }
});
