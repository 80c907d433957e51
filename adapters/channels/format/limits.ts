// Limits of formatting, by name and unit.

import { channelLimits } from "../../../actors/channels/limits.ts";

/** Of one text that is rendered or split. */
export const formatLimits = {
  /** Parts of one answer; the last says that the rest was left out. */
  parts: channelLimits.parts,
  /**
   * Characters in which marks are looked for, about a microsecond each; what follows is taken as it stands, as
   * rendering holds up the thread that serves all. So many more are counted for each stretch that is parsed, for
   * a mark, for what begins a block, however little is in it, and for a cell that a table's widest row asks for.
   */
  markedChars: 64_000,
  parseChars: 100,
  markChars: 12,
  blockChars: 48,
  cellChars: 4,
  /** Characters of a stretch that is parsed by itself: aimed at, and most. */
  stretchChars: 2_000,
  stretchCharsMax: 16_000,
  /** What a stretch may hold before it is taken as it stands: parsing it takes the square of these. */
  emphasisMarks: 600,
  emphasisRun: 64,
  brackets: 600,
  containersOfLine: 20,
  containers: 1_000,
  /** Nesting of lists and quotes, and of marks; what is deeper is shown without its own. */
  depth: 12,
  /** Characters a cell of a table is padded to in a monospaced table. */
  cellPadding: 40,
  /** Least that a part may be, and what of one must be free that a longer block begins in it. */
  partMin: 64,
  leastRoom: 0.25,
  /** Characters of a reply in which a choice is looked for. */
  replyChars: 200,
  /** Attempts to cut a part smaller that came out too large. */
  refits: 6,
} as const;
