// A document into chunks for search: along its structure (headings, fenced code, tables, lists,
// paragraphs, sentences), each chunk an exact slice of the text. Pure; called where documents are
// taken in. Every character that is not white space is in at least one chunk. Linear in the text.

import type { Tokenizer } from "../ports.ts";
import { blocksOf, HEADING_CHARS } from "./split-blocks.ts";
import { approximateTokens, ByteMap, type Measure, measureOf } from "./split-measure.ts";
import { type Group, groupsOf, type Unit } from "./split-units.ts";

export { approximateTokens };

/** One chunk. `span` is [start, end) in UTF-8 bytes of the document's text, exactly `text`. */
export interface Chunk {
  readonly text: string;
  /** Titles of the headings it stands under, outermost first. */
  readonly headings: readonly string[];
  readonly span: readonly [number, number];
  /** What a reader of only this chunk would miss, e.g. the header of the table it is a part of. */
  readonly context?: string;
  /** Of a paged document: the page it begins on, from 1. */
  readonly page?: number;
}

/** Sizes in tokens of the text and its context; the heading path comes on top. */
export interface SplitOptions {
  /** Most of one chunk. Default 320. */
  readonly tokensMax?: number;
  /** Whole sentences of the chunk before that a chunk starts with, at most so much. Default 40. */
  readonly overlapTokens?: number;
  /** Counts them. Default approximately, see `approximateTokens`. */
  readonly tokenizer?: Tokenizer;
}

/** Defaults and bounds. */
export const splitLimits = {
  tokensMax: 320,
  overlapTokens: 40,
  tokensMin: 16,
  headingDepth: 6,
  headingChars: HEADING_CHARS,
} as const;

/** Version of the rules: a change makes other chunks of the same text. */
export const splitVersion = 2;

/** A chunk this full is closed rather than that a paragraph be parted. */
const FULL_SHARE = 0.5;

/** Cuts a document. White space alone gives no chunk. */
export function splitDocument(text: string, options: SplitOptions = {}): Chunk[] {
  const tokensMax = Math.max(splitLimits.tokensMin, options.tokensMax ?? splitLimits.tokensMax);
  const overlapTokens = Math.min(options.overlapTokens ?? splitLimits.overlapTokens, tokensMax / 2);
  const measure = measureOf(options.tokenizer);
  const packer = new Packer({ text, tokensMax, overlapTokens, measure });
  for (const block of blocksOf(text)) {
    for (const group of groupsOf(block, { text, tokensMax, measure })) packer.add(group);
  }
  return packer.end();
}

interface PackOptions {
  readonly text: string;
  readonly tokensMax: number;
  readonly overlapTokens: number;
  readonly measure: Measure;
}

/** A unit in its place. */
interface Placed extends Unit {
  readonly group: Group;
  /** White space before it, in tokens. */
  readonly gap: number;
}

/** Fills chunks with units, one after another. */
class Packer {
  readonly #options: PackOptions;
  readonly #bytes: ByteMap;
  readonly #chunks: Chunk[] = [];
  readonly #gaps = new Map<string, number>();
  #current: Placed[] = [];
  #tokens = 0;
  #context = "";
  #room: number;
  #end = 0;

  constructor(options: PackOptions) {
    this.#options = options;
    this.#bytes = new ByteMap(options.text);
    this.#room = options.tokensMax;
  }

  /** A heading starts a new chunk, unless there were only headings so far. */
  add(group: Group): void {
    if (group.block.kind === "heading" && this.#hasBody()) this.#flush();
    else if (this.#isBetterApart(group)) this.#next(group, group.tokens);
    for (const [index, unit] of group.units.entries()) this.#place(group, unit, index);
  }

  end(): Chunk[] {
    this.#flush();
    return this.#chunks;
  }

  #place(group: Group, unit: Unit, index: number): void {
    const gap = this.#gapTokens(this.#end, unit.start);
    const isFull = this.#current.length > 0 && this.#tokens + gap + unit.tokens > this.#room;
    if (isFull) this.#next(group, unit.tokens + gap);
    if (this.#current.length === 0 && index >= group.contextUnits) this.#setContext(group, unit);
    const placed = { ...unit, group, gap: this.#current.length === 0 ? 0 : gap };
    this.#current.push(placed);
    this.#tokens += placed.gap + unit.tokens;
    this.#end = unit.end;
  }

  /** A chunk that starts within a table or declaration carries its beginning as context. */
  #setContext({ context }: Group, unit: Unit): void {
    if (context === "") return;
    const room = this.#options.tokensMax - this.#options.measure(context);
    if (unit.tokens > room) return;
    this.#context = context;
    this.#room = room;
  }

  /** Whether a group would be parted here and there is enough in the chunk without it. */
  #isBetterApart({ block, tokens }: Group): boolean {
    const { tokensMax } = this.#options;
    if (this.#tokens + tokens <= this.#room || !this.#hasBody()) return false;
    const isFull = this.#tokens >= tokensMax * FULL_SHARE;
    // Parted it will be anyhow; a declaration at least begins a chunk.
    if (tokens > tokensMax) return isFull && block.kind === "code";
    return isFull || block.kind === "code" || block.kind === "table";
  }

  #hasBody(): boolean {
    // Headings come before all else in a chunk.
    return (this.#current.at(-1)?.group.block.kind ?? "heading") !== "heading";
  }

  /** Ends the chunk; the next one starts with the last sentences of it, if there is room for so much more. */
  #next(group: Group, tokens: number): void {
    const kept = this.#overlap(group, tokens);
    this.#flush();
    const [first, ...rest] = kept;
    if (first === undefined) return;
    this.#current = [{ ...first, gap: 0 }, ...rest];
    this.#tokens = this.#current.reduce((sum, unit) => sum + unit.gap + unit.tokens, 0);
  }

  /** Never all of a chunk, and never code or rows of a table. */
  #overlap(next: Group, tokens: number): Placed[] {
    const { overlapTokens, tokensMax } = this.#options;
    const kept: Placed[] = [];
    if (next.block.kind === "heading") return kept;
    let size = 0;
    for (let at = this.#current.length - 1; at > 0; at -= 1) {
      const unit = this.#current[at];
      const kind = unit?.group.block.kind;
      if (unit === undefined || (kind !== "prose" && kind !== "list")) break;
      size += unit.tokens + unit.gap;
      if (size > overlapTokens || size + tokens + 1 > tokensMax) break;
      kept.unshift(unit);
    }
    return kept;
  }

  #flush(): void {
    const [first] = this.#current;
    const last = this.#current.at(-1);
    const context = this.#context;
    this.#current = [];
    this.#tokens = 0;
    this.#context = "";
    this.#room = this.#options.tokensMax;
    if (first === undefined || last === undefined) return;
    this.#chunks.push({
      text: this.#options.text.slice(first.start, last.end),
      headings: last.group.block.headings,
      span: [this.#bytes.before(first.start), this.#bytes.before(last.end)],
      ...(context === "" ? {} : { context }),
    });
  }

  /** Most gaps are one of a few. */
  #gapTokens(start: number, end: number): number {
    if (start >= end) return 0;
    const { text, tokensMax, measure } = this.#options;
    if (end - start > tokensMax) return tokensMax;
    const gap = text.slice(start, end);
    const known = this.#gaps.get(gap);
    if (known !== undefined) return known;
    const tokens = measure(gap);
    if (gap.length <= 4) this.#gaps.set(gap, tokens);
    return tokens;
  }
}
