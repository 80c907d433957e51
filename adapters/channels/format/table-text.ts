// A table as monospaced text: columns stand below each other, the head has a line under it.

import { formatLimits } from "./limits.ts";

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
/** What takes two columns in a monospaced font: East Asian letters, and emoji. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;

/** Rows, the first is the head; one without words is left out. */
export function tableText(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => cell.replaceAll("\n", " ")));
  const [head = [], ...body] = cells;
  const widths = head.map((_, column) =>
    Math.min(formatLimits.cellPadding, Math.max(...cells.map((row) => width(row[column] ?? "")))),
  );
  const hasHead = head.some((cell) => cell !== "");
  const line = widths.map((columns) => "-".repeat(columns)).join("-+-");
  const shown = hasHead ? [padded(head, widths), line] : [];
  return [...shown, ...body.map((row) => padded(row, widths))].join("\n");
}

function padded(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, column) => cell + " ".repeat(Math.max(0, (widths[column] ?? 0) - width(cell))))
    .join(" | ")
    .trimEnd();
}

function width(cell: string): number {
  if (/^[\x20-\x7e]*$/.test(cell)) return cell.length;
  let columns = 0;
  for (const { segment } of graphemes.segment(cell)) columns += WIDE.test(segment) ? 2 : 1;
  return columns;
}
