// Cuts a block so that its beginning fits: between the blocks, items, rows and lines in it, and only then
// within one of them.

import {
  type Cut,
  type CutOptions,
  characterEnd,
  cutInlines,
  dissolved,
  graphemeEnd,
} from "./cut-inline.ts";
import { type Block, type Inline, type List, lines, normal, type Table, text } from "./document.ts";
import { mostFitting, type Room } from "./measure.ts";
import { plainText } from "./plain.ts";

/** Cuts. `room` says of a beginning what is left behind it; `rest` is all of it when none does. */
export function cutBlock(
  block: Block,
  room: Room<Block>,
  options: CutOptions,
): Cut<Block, Block[]> {
  switch (block.type) {
    case "paragraph":
    case "heading": {
      const of = (children: readonly Inline[]): Block => ({ ...block, children });
      const { head, rest } = cutInlines(block.children, (inlines) => room(of(inlines)), options);
      return { head: head && of(head), rest: rest.length === 0 ? [] : [of(rest)] };
    }
    case "code":
      return cutCode(block, room, options);
    case "quote": {
      const of = (children: readonly Block[]): Block => ({ ...block, children });
      const { head, rest } = cutBlocks(block.children, (blocks) => room(of(blocks)), options);
      return { head: head && of(head), rest: rest.length === 0 ? [] : [of(rest)] };
    }
    case "list":
      return cutList(block, room, options);
    case "table":
      return cutTable(block, room);
    case "rule":
      return { head: null, rest: [block] };
  }
}

/** The same in a form that can be cut further; the last one is lines of text. */
export function simpler(block: Block): Block[] {
  switch (block.type) {
    case "paragraph":
    case "heading":
      return [{ type: "paragraph", children: dissolved(block.children) }];
    case "quote":
      return [...block.children];
    case "table":
      return simplerTable(block);
    default: {
      const children = normal(lines(plainText.blocks([block])));
      return children.length === 0 ? [] : [{ type: "paragraph", children }];
    }
  }
}

function cutBlocks(
  blocks: readonly Block[],
  room: Room<readonly Block[]>,
  options: CutOptions,
): Cut<Block[], Block[]> {
  const whole = mostFitting(blocks.length, (first) => room(blocks.slice(0, first)));
  const before = blocks.slice(0, whole);
  const [next, ...after] = blocks.slice(whole);
  if (next === undefined) return { head: before, rest: [] };
  const { head, rest } = cutBlock(next, (one) => room([...before, one]), {
    ...options,
    isLastResort: options.isLastResort && whole === 0,
  });
  if (head === null && whole === 0) return { head: null, rest: [...blocks] };
  return { head: head === null ? before : [...before, head], rest: [...rest, ...after] };
}

/** Whole items, or a beginning of the first: what is left of that one stands below it as a text of its own. */
function cutList(list: List, room: Room<Block>, options: CutOptions): Cut<Block, Block[]> {
  const { start, items } = list;
  const of = (first: number): List => ({ ...list, items: items.slice(0, first) });
  const from = (first: number): Block[] =>
    first >= items.length
      ? []
      : [{ ...list, start: start === null ? null : start + first, items: items.slice(first) }];
  const whole = mostFitting(items.length, (first) => room(of(first)));
  if (whole > 0) return { head: of(whole), rest: from(whole) };
  const [item] = items;
  // An item is cut only where it has all the room.
  if (item === undefined || !options.isLastResort) return { head: null, rest: [list] };
  const with1 = (children: readonly Block[]): List => ({ ...list, items: [{ ...item, children }] });
  const { head, rest } = cutBlocks(item.children, (blocks) => room(with1(blocks)), options);
  if (head === null) return { head: null, rest: [list] };
  return { head: with1(head), rest: [...rest, ...from(1)] };
}

/** Whole rows; those that are left have no head, as its words would be said twice. */
function cutTable(table: Table, room: Room<Block>): Cut<Block, Block[]> {
  const { rows } = table;
  const whole = mostFitting(rows.length, (first) => room({ ...table, rows: rows.slice(0, first) }));
  if (whole < 2) return { head: null, rest: [table] };
  return {
    head: { ...table, rows: rows.slice(0, whole) },
    rest: whole === rows.length ? [] : [withoutHead(table, whole)],
  };
}

function withoutHead({ rows }: Table, from: number): Table {
  return { type: "table", rows: [(rows[0] ?? []).map(() => []), ...rows.slice(from)] };
}

/** The first row as a text, the others as a table. */
function simplerTable(table: Table): Block[] {
  const at = table.rows.findIndex((row) => row.some((cell) => cell.length > 0));
  const row = table.rows[at] ?? [];
  const cells = row.flatMap((cell, column) => [
    ...(column === 0 ? [] : [text(" | ")]),
    ...cell.map((inline) => (inline.type === "break" ? text(" ") : inline)),
  ]);
  const children = normal(cells);
  return [
    ...(children.length === 0 ? [] : [{ type: "paragraph", children } as const]),
    ...(at + 1 < table.rows.length && at >= 0 ? [withoutHead(table, at + 1)] : []),
  ];
}

function cutCode(
  block: Extract<Block, { type: "code" }>,
  room: Room<Block>,
  options: CutOptions,
): Cut<Block, Block[]> {
  const { value } = block;
  const ends = lineEnds(value, options.charsMax);
  const fitting = mostFitting(ends.length, (first) =>
    room({ ...block, value: value.slice(0, ends[first - 1]) }),
  );
  const end = ends[fitting - 1];
  if (end !== undefined)
    return {
      head: { ...block, value: value.slice(0, end) },
      rest: end >= value.length ? [] : [{ ...block, value: value.slice(end + 1) }],
    };
  const first = beginningOf(value, (head) => room({ ...block, value: head }), options);
  if (first === 0) return { head: null, rest: [block] };
  return {
    head: { ...block, value: value.slice(0, first) },
    rest: [{ ...block, value: value.slice(first) }],
  };
}

/** Where the lines end that may fit. */
function lineEnds(value: string, charsMax: number): number[] {
  const ends: number[] = [];
  for (let at = -1; ; ) {
    const end = value.indexOf("\n", at + 1);
    at = end === -1 ? value.length : end;
    if (at > charsMax) return ends;
    ends.push(at);
    if (end === -1) return ends;
  }
}

/** Characters of a line that is longer than a part: behind a space, else between graphemes. */
function beginningOf(
  value: string,
  room: Room<string>,
  { charsMax, isLastResort }: CutOptions,
): number {
  const [line = ""] = value.slice(0, charsMax + 1).split("\n", 1);
  const most = mostFitting(Math.min(line.length, charsMax), (end) => room(line.slice(0, end)));
  if (!isLastResort || most === 0) return 0;
  const longest = graphemeEnd(line, most) || characterEnd(line, most);
  const space = line.lastIndexOf(" ", longest - 1) + 1;
  return space > longest >> 1 ? space : longest;
}
