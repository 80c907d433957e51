// A readable difference of two texts, line by line: what is gone with "-", what is new with "+", and
// a little of what is the same around it.

/** Lines of one text that are compared one by one; more are compared as a block. */
const LINES_MAX = 2_000;
const AROUND = 1;

/** The lines of a difference; [] when the texts are the same. */
export function differenceOf(before: string, after: string): readonly string[] {
  if (before === after) return [];
  const [left, right] = [before.split("\n"), after.split("\n")];
  if (left.length > LINES_MAX || right.length > LINES_MAX) {
    return [...left.map((line) => `- ${line}`), ...right.map((line) => `+ ${line}`)];
  }
  return shortened(merged(left, right));
}

/** Both texts as one list, by their longest common subsequence of lines. */
function merged(left: readonly string[], right: readonly string[]): readonly string[] {
  const width = right.length + 1;
  const lengths = new Uint16Array((left.length + 1) * width);
  const at = (row: number, column: number): number => lengths[row * width + column] ?? 0;
  for (let row = left.length - 1; row >= 0; row -= 1) {
    for (let column = right.length - 1; column >= 0; column -= 1) {
      lengths[row * width + column] =
        left[row] === right[column]
          ? at(row + 1, column + 1) + 1
          : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const lines: string[] = [];
  let [row, column] = [0, 0];
  while (row < left.length || column < right.length) {
    if (row < left.length && left[row] === right[column]) {
      lines.push(`  ${left[row]}`);
      row += 1;
      column += 1;
    } else if (row < left.length && at(row + 1, column) >= at(row, column + 1)) {
      lines.push(`- ${left[row]}`);
      row += 1;
    } else if (column < right.length) {
      lines.push(`+ ${right[column]}`);
      column += 1;
    } else {
      lines.push(`- ${left[row]}`);
      row += 1;
    }
  }
  return lines;
}

function shortened(lines: readonly string[]): readonly string[] {
  const isNear = (index: number): boolean =>
    lines
      .slice(Math.max(0, index - AROUND), index + AROUND + 1)
      .some((line) => !line.startsWith("  "));
  const shown: string[] = [];
  for (const [index, line] of lines.entries()) {
    if (isNear(index)) shown.push(line);
    else if (shown.at(-1) !== "  ...") shown.push("  ...");
  }
  return shown;
}
