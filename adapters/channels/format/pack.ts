// Fills parts with blocks, one part after another, and cuts the block that is too long for any.

import { RuntimeError } from "../../../runtime/errors.ts";
import { cutBlock, simpler } from "./cut-block.ts";
import { type Block, isLonger } from "./document.ts";
import { formatLimits } from "./limits.ts";
import type { Measure } from "./measure.ts";

/** Characters between two blocks, in every platform's way. */
export const BETWEEN = 2;
/** And between two lists in Markdown, which would be one. */
const BETWEEN_LISTS = 11;

/** What is being filled. */
interface Open {
  readonly blocks: Block[];
  length: number;
}

/** Takes blocks from a source, as many as a part has room for. */
export class Packer {
  readonly #source: Iterator<Block>;
  readonly #measure: Measure;
  /** What comes before the source's next: the last one first. */
  readonly #before: Block[] = [];

  constructor(source: Iterable<Block>, measure: Measure) {
    this.#source = source[Symbol.iterator]();
    this.#measure = measure;
  }

  /** Whether there is nothing left. */
  get isEmpty(): boolean {
    const block = this.#take();
    if (block !== undefined) this.#before.push(block);
    return block === undefined;
  }

  /**
   * The blocks of the next part; none are left when it is empty.
   * @throws RuntimeError INVALID when not even a character fits.
   */
  next(max: number): Block[] {
    const open: Open = { blocks: [], length: 0 };
    for (let block = this.#take(); block !== undefined; block = this.#take()) {
      // Far too long ones are not written only to see that: a text of a megabyte is cut fifty times.
      const length = isLonger(block, 2 * max) ? Number.POSITIVE_INFINITY : this.#measure([block]);
      const used = open.length + between(open.blocks.at(-1), block);
      if (used + length <= max) {
        open.blocks.push(block);
        open.length = used + length;
        continue;
      }
      const isTooLong = length > max || open.blocks.every(isHeading);
      if (!isTooLong) this.#before.push(block);
      else if (this.#cut(block, open, used, max) === "again") continue;
      this.#keepHeadings(open.blocks);
      return open.blocks;
    }
    return open.blocks;
  }

  /** Adds the beginning of a block that is too long, if any fits; "again": it has been made simpler. */
  #cut(block: Block, open: Open, used: number, max: number): "again" | "full" {
    const isAlone = open.blocks.length === 0;
    if (!isAlone && max - used < max * formatLimits.leastRoom) {
      this.#before.push(block);
      return "full";
    }
    const room = (head: Block) => max - used - this.#measure([head]);
    const { head, rest } = cutBlock(block, room, { charsMax: 2 * max, isLastResort: isAlone });
    const simple = head === null && isAlone ? simpler(block) : rest;
    if (head === null && isAlone && isSame(block, simple)) throw tooSmall(max);
    this.#before.push(...simple.toReversed());
    if (head !== null) open.blocks.push(head);
    return head === null && isAlone ? "again" : "full";
  }

  /** A heading stands with what it is the heading of. */
  #keepHeadings(blocks: Block[]): void {
    const last = blocks.findLastIndex((block) => !isHeading(block));
    if (last >= 0) this.#before.push(...blocks.splice(last + 1).toReversed());
  }

  #take(): Block | undefined {
    const kept = this.#before.pop();
    if (kept !== undefined) return kept;
    const next = this.#source.next();
    return next.done === true ? undefined : next.value;
  }
}

function between(before: Block | undefined, after: Block): number {
  if (before === undefined) return 0;
  return before.type === "list" && after.type === "list" ? BETWEEN_LISTS : BETWEEN;
}

function isHeading(block: Block): boolean {
  return block.type === "heading";
}

function isSame(block: Block, [first, ...others]: readonly Block[]): boolean {
  return others.length === 0 && JSON.stringify(block) === JSON.stringify(first);
}

/** The error of a `max` that nothing fits in. */
export function tooSmall(max: number): RuntimeError {
  const least = formatLimits.partMin;
  return new RuntimeError(
    "INVALID",
    `A part of ${max} is too short to be written, least ${least}.`,
    {
      max,
      least,
    },
  );
}
