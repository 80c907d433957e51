// Lines of JSON as they are read again, however they arrive.

import fc from "fast-check";
import { expect, test } from "vitest";
import { jsonLines } from "../../../adapters/cli/json-lines.ts";

async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let from = 0;
  for (let at = 0; from < bytes.length; at += 1) {
    const size = sizes[at % sizes.length] ?? 1;
    yield bytes.subarray(from, from + size);
    from += size;
  }
}

async function linesOf(text: string, sizes: readonly number[]): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of jsonLines(cut(Buffer.from(text), sizes))) lines.push(line);
  return lines;
}

test("what was written as JSON lines is read as it was, in pieces of any size", async () => {
  // Ends of lines elsewhere, which JSON has within texts.
  const text = fc.string({ unit: fc.constantFrom("a", "\u2028", "\u2029", "\u0085", "ü", "😀") });
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(fc.array(text), sizes, async (texts, all) => {
      const lines = texts.map((one) => JSON.stringify({ one }));
      const file = lines.map((line) => `${line}\n`).join("");

      expect(await linesOf(file, all)).toEqual(lines);
    }),
  );
});

test("a last line without an end is one", async () => {
  expect(await linesOf("{}\n[]", [3])).toEqual(["{}", "[]"]);
});
