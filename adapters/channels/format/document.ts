// What a model's text is made of, as far as any platform can show it: blocks, and what stands in a line.
// Smaller than mdast: pictures are links, HTML is text, references are resolved.

/** A block. */
export type Block =
  | { readonly type: "paragraph"; readonly children: readonly Inline[] }
  | { readonly type: "heading"; readonly depth: number; readonly children: readonly Inline[] }
  | { readonly type: "code"; readonly lang: string; readonly value: string }
  | { readonly type: "quote"; readonly children: readonly Block[] }
  | List
  | Table
  | { readonly type: "rule" };

/** A list; `start` of one that is numbered. */
export interface List {
  readonly type: "list";
  readonly start: number | null;
  readonly items: readonly Item[];
}

/** An item; `isDone` of one that is a task. */
export interface Item {
  readonly isDone: boolean | null;
  readonly children: readonly Block[];
}

/** A table. The first row is its head; a head of empty cells is none, which a part of a table that was cut has. */
export interface Table {
  readonly type: "table";
  readonly rows: readonly Row[];
}

/** Cells. */
export type Row = readonly (readonly Inline[])[];

/** What stands in a line. */
export type Inline = Leaf | Marked;

/** What has no parts. */
export type Leaf =
  | { readonly type: "text"; readonly value: string }
  | { readonly type: "code"; readonly value: string }
  | { readonly type: "break" };

/** What has a mark around it. */
export type Marked =
  | { readonly type: Mark; readonly children: readonly Inline[] }
  | { readonly type: "link"; readonly url: string; readonly children: readonly Inline[] };

/** Marks that only change how a text looks. */
export type Mark = "strong" | "emphasis" | "strike";

/** A text as it stands. */
export function text(value: string): Leaf {
  return { type: "text", value };
}

/** A text with its line breaks. */
export function lines(value: string): Inline[] {
  if (!value.includes("\n")) return value === "" ? [] : [text(value)];
  return value
    .split("\n")
    .flatMap((line, at): Inline[] => [
      ...(at === 0 ? [] : [{ type: "break" } as const]),
      ...(line === "" ? [] : [text(line)]),
    ]);
}

/** The characters of it, without marks; a break is a line feed. */
export function textOf(inlines: readonly Inline[]): string {
  return inlines.map(leafText).join("");
}

/** How many they are. */
export function charsOf(inlines: readonly Inline[]): number {
  let chars = 0;
  for (const inline of inlines) {
    if (inline.type === "break") chars += 1;
    else chars += "value" in inline ? inline.value.length : charsOf(inline.children);
  }
  return chars;
}

function leafText(inline: Inline): string {
  if (inline.type === "break") return "\n";
  return "value" in inline ? inline.value : textOf(inline.children);
}

/** Whether a block has more characters than so many, without marks; counts no further. */
export function isLonger(block: Block, chars: number): boolean {
  return left([block], chars) < 0;
}

/** What is left of so many characters behind some blocks; less than none as soon as there are too few. */
function left(blocks: readonly Block[], chars: number): number {
  let rest = chars;
  for (const block of blocks) {
    if (rest < 0) return rest;
    if (block.type === "code") rest -= block.value.length;
    else if (block.type === "list")
      for (const { children } of block.items) rest = rest < 0 ? rest : left(children, rest);
    else if (block.type === "table")
      for (const row of block.rows) rest = rest < 0 ? rest : rest - charsOf(row.flat());
    else if (block.type === "quote") rest = left(block.children, rest);
    else if (block.type !== "rule") rest -= charsOf(block.children);
  }
  return rest;
}

/** Whether a link's words are its address, so that naming it once is enough. */
export function isBare(label: string, url: string): boolean {
  return label === url || url === `mailto:${label}` || url.replace(/^https?:\/\//, "") === label;
}

/**
 * One form of many: neighbours of one kind are joined, nothing is empty, no mark is in its like, and what
 * is at the ends is not white. What is written out and read again is the same.
 */
export function normal(inlines: readonly Inline[]): Inline[] {
  return trimmed(isJoined(inlines) ? inlines : joined(inlines, new Set()));
}

/** Whether there is nothing to join: texts and breaks, of which no two texts are neighbours. */
function isJoined(inlines: readonly Inline[]): boolean {
  let wasText = false;
  for (const inline of inlines) {
    const isText = inline.type === "text";
    if (isText ? wasText || inline.value === "" : inline.type !== "break") return false;
    wasText = isText;
  }
  return true;
}

function joined(inlines: readonly Inline[], inside: ReadonlySet<string>): Inline[] {
  const out: Inline[] = [];
  for (const inline of inlines.flatMap((one) => unwrapped(one, inside))) {
    const last = out.at(-1);
    if (inline.type === "text" && last?.type === "text")
      out[out.length - 1] = text(last.value + inline.value);
    else if (isMarked(last) && isMarked(inline) && isSameMark(last, inline)) {
      const children = [...last.children, ...inline.children];
      out[out.length - 1] = {
        ...last,
        children: joined(children, new Set([...inside, last.type])),
      };
    } else out.push(inline);
  }
  return out;
}

function unwrapped(inline: Inline, inside: ReadonlySet<string>): Inline[] {
  if (inline.type === "break") return [inline];
  if (!isMarked(inline)) return inline.value === "" ? [] : [inline];
  if (inside.has(inline.type)) return joined(inline.children, inside);
  const children = joined(inline.children, new Set([...inside, inline.type]));
  return hoisted({ ...inline, children });
}

/** A mark with the white space at its ends outside of it: no platform reads `** a**`. */
function hoisted(marked: Marked): Inline[] {
  const { before, middle, after } = partedAtEnds(marked.children);
  return [...before, ...(middle.length === 0 ? [] : [{ ...marked, children: middle }]), ...after];
}

function trimmed(inlines: readonly Inline[]): Inline[] {
  return partedAtEnds(inlines).middle;
}

function partedAtEnds(inlines: readonly Inline[]): {
  readonly before: Inline[];
  readonly middle: Inline[];
  readonly after: Inline[];
} {
  const middle = [...inlines];
  const before: Inline[] = [];
  const after: Inline[] = [];
  for (let first = middle[0]; first !== undefined; first = middle[0]) {
    if (first.type !== "text" && first.type !== "break") break;
    const kept = first.type === "text" ? first.value.trimStart() : "";
    if (first.type === "break") before.push(first);
    else before.push(text(first.value.slice(0, first.value.length - kept.length)));
    middle.shift();
    if (kept === "") continue;
    middle.unshift(text(kept));
    break;
  }
  for (let last = middle.at(-1); last !== undefined; last = middle.at(-1)) {
    if (last.type !== "text" && last.type !== "break") break;
    const kept = last.type === "text" ? last.value.trimEnd() : "";
    after.unshift(last.type === "break" ? last : text(last.value.slice(kept.length)));
    middle.pop();
    if (kept === "") continue;
    middle.push(text(kept));
    break;
  }
  return { before: before.filter(isSomething), middle, after: after.filter(isSomething) };
}

function isSomething(inline: Inline): boolean {
  return inline.type !== "text" || inline.value !== "";
}

function isMarked(inline: Inline | undefined): inline is Marked {
  return inline !== undefined && "children" in inline;
}

function isSameMark(a: Marked, b: Marked): boolean {
  if (a.type !== b.type) return false;
  return a.type !== "link" || (b.type === "link" && a.url === b.url);
}
