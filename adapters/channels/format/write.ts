// Blocks as Markdown again, so that reading it gives the same blocks. What might be a mark is escaped.

import { fenceFor } from "../../parse/plain.ts";
import { type Inline, type Mark, type Table, text } from "./document.ts";
import { SEAM } from "./read.ts";
import { type Dialect, quoted, renderer, writeInlines } from "./render.ts";

const marks: Readonly<Record<Mark, string>> = { strong: "**", emphasis: "_", strike: "~~" };
const NUMBER_MAX = 999_999_999;
/** Where it may begin or end something, wherever it stands. */
const ANYWHERE = /[\\`*_[\]<|~@]|!(?=\[|$)|&(?=[#a-z])|:(?=\/\/)|(?<=www)\./gi;
/** What begins a block, or is not kept, at a line's ends. */
const BLOCK_START = /^[#>+\-=:]/;
const NUMBER_START = /^(\d{1,9})(?=[.)])/;
const WHITE_ENDS = /^[ \t]|[ \t]$/g;
/** What a mark may stand beside, whatever stands on its other side. */
const BESIDE_MARKS = /[\s.,;:!?()"'/-]/;

const dialect: Dialect = {
  text: (value) => value.replaceAll(ANYWHERE, "\\$&"),
  code: codeSpan,
  mark: (mark, inner) => `${marks[mark]}${inner}${marks[mark]}`,
  link: (label, url) => `[${label}](<${url.replaceAll(/[\\<>&|]/g, "\\$&")}>)`,
  heading: (inner, depth) => `${"#".repeat(depth)} ${oneLine(inner).replace(/#$/, "\\#")}`,
  bullet: (number, isDone) =>
    `${number === null ? "-" : `${Math.min(number, NUMBER_MAX)}.`} ${box(isDone)}`,
  fence: (value, lang) => `${fenceFor(value)}${lang}\n${value}\n${fenceFor(value)}`,
  quote: quoted,
  // Not of dashes: behind an item's they would be one rule.
  rule: "***",
  betweenInItem: "\n\n",
  apart: (before, after) => (before.type === "list" && after.type === "list" ? `${SEAM}\n\n` : ""),
  seam,
  table: (_, table) => tableRows(table),
  paragraph: (inner) =>
    inner
      .replaceAll(/\n(?=\n)/g, "<br>")
      .split("\n")
      .map(escapedLine)
      .join("\n"),
};

/** Markdown in one form of many. */
export const markdownText = renderer(dialect);

function escapedLine(line: string): string {
  return line
    .replace(BLOCK_START, "\\$&")
    .replace(NUMBER_START, "$1\\")
    .replaceAll(WHITE_ENDS, (white) => `&#${white.charCodeAt(0)};`);
}

/** Where a mark meets a letter, or another mark, it may not be read as one. */
function seam(before: string, after: string): string {
  if (before === "") return "";
  const last = before.slice(-1);
  const first = after.slice(0, 1);
  if (/[*_~]/.test(first) && !BESIDE_MARKS.test(last)) return SEAM;
  if (/[*_~]/.test(last) && !BESIDE_MARKS.test(first)) return SEAM;
  return first === "`" && last === "`" ? SEAM : "";
}

/** Code in a line, between more ticks than it has itself. */
export function codeSpan(value: string): string {
  const runs = new Set(value.match(/`+/g));
  let marks = "`";
  while (runs.has(marks)) marks += "`";
  const isPadded = /^[ `]|[ `]$/.test(value) && value.trim() !== "";
  return isPadded ? `${marks} ${value} ${marks}` : `${marks}${value}${marks}`;
}

function tableRows({ rows }: Table): string {
  const written = rows.map(
    (row) =>
      `| ${row.map((cell) => oneLine(writeInlines(cell.map(inCell), dialect))).join(" | ")} |`,
  );
  const [head = "", ...body] = written;
  return [head, `|${" - |".repeat(rows[0]?.length ?? 0)}`, ...body].join("\n");
}

/** A bar in code would end the cell. */
function inCell(inline: Inline): Inline {
  if ("children" in inline) return { ...inline, children: inline.children.map(inCell) };
  return inline.type === "code" && inline.value.includes("|") ? text(inline.value) : inline;
}

function oneLine(inner: string): string {
  return inner.replaceAll("\n", "<br>");
}

function box(isDone: boolean | null): string {
  if (isDone === null) return "";
  return isDone ? "[x] " : "[ ] ";
}
