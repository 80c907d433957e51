// What was said of a record's tools when they were first offered. A server that says something else of one later is
// not believed: the tool is not called until the record is saved again, by somebody who has looked at it, unless the
// record allows changes; the audit says so in both cases.

import type { Definition } from "./definition.ts";

/** Table of pins, by `tl_...`. */
export const mcpPinsTable = "mcp-pins";

/** One tool, as it was first offered. */
export interface Pin extends Definition {
  /** Of what the server said. */
  readonly hash: string;
  /** The hash of a change that the audit was told of. */
  readonly told?: string;
}

/** Those of one version of a record, by the server's names. */
export interface Pins {
  readonly version: number;
  readonly tools: Readonly<Record<string, Pin>>;
}

/** A tool of which something else is said than was. */
export interface Changed {
  readonly tool: string;
  readonly before: string;
  readonly after: string;
}

/** What to do with what is said now. */
export interface Compared {
  /** Those that are to be stored. */
  readonly pins: Pins;
  /** Whether they differ from what is. */
  readonly isNew: boolean;
  /** Those that the audit is not told of yet. */
  readonly told: readonly Changed[];
  /** Names of those that are not called. */
  readonly refused: readonly string[];
}

/**
 * Compares what is said now with what was.
 * @param before undefined: nothing is pinned; of another version of the record, nothing counts.
 */
export function comparePins(
  before: Pins | undefined,
  now: { readonly version: number; readonly tools: Readonly<Record<string, Pin>> },
  changes: "refuse" | "allow",
): Compared {
  const known = before?.version === now.version ? before.tools : {};
  const tools: Record<string, Pin> = { ...known };
  const told: Changed[] = [];
  const refused: string[] = [];
  for (const [tool, pin] of Object.entries(now.tools)) {
    const own = Object.hasOwn(known, tool) ? known[tool] : undefined;
    if (own === undefined) tools[tool] = pin;
    else if (own.hash !== pin.hash) {
      if (changes === "refuse") refused.push(tool);
      const isTold = changes === "refuse" && own.told === pin.hash;
      if (!isTold) told.push({ tool, before: own.hash, after: pin.hash });
      tools[tool] = changes === "allow" ? pin : { ...own, told: pin.hash };
    }
  }
  const isNew = before?.version !== now.version || told.length > 0 || grown(known, tools);
  return { pins: { version: now.version, tools }, isNew, told, refused };
}

function grown(
  before: Readonly<Record<string, Pin>>,
  after: Readonly<Record<string, Pin>>,
): boolean {
  return Object.keys(after).length > Object.keys(before).length;
}
