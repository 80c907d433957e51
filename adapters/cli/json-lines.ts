// Lines of a file of JSON lines as they come. Only a line feed ends one: node:readline takes U+2028 and
// U+2029 for ends too, which JSON may have within a text.

import { RuntimeError } from "../../runtime/errors.ts";

/** Longest line, characters: more than the largest row that is stored. */
const LINE_CHARS_MAX = 64 * 2 ** 20;

/**
 * The lines without their ends; an empty one at the end is none.
 * @throws INVALID for a line that does not end.
 */
export async function* jsonLines(
  pieces: AsyncIterable<string | Uint8Array>,
): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of pieces) {
    const text = typeof piece === "string" ? piece : decoder.decode(piece, { stream: true });
    const lines = text.split("\n");
    lines[0] = rest + (lines[0] ?? "");
    rest = lines.pop() ?? "";
    if (rest.length > LINE_CHARS_MAX) {
      throw new RuntimeError("INVALID", `A line has more than ${LINE_CHARS_MAX} characters.`);
    }
    yield* lines;
  }
  rest += decoder.decode();
  if (rest !== "") yield rest;
}
