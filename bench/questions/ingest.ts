// How fast do documents come into a collection of the real server, sent over HTTP and followed until
// they are visible, against the same texts split, embedded, written and indexed by the same functions
// alone, one after the other, in the same run? On all cores of the machine.

import { median, type Question, type Row, row } from "../question.ts";
import { each, type Measured, measure } from "../support/run-program.ts";

const SHARE = 0.8;

/** Documents of a round: a small model takes milliseconds for each chunk. */
const loads = [
  { embedder: "builtin", documents: 1_000, quick: 400 },
  { embedder: "local", documents: 60, quick: 20 },
] as const;

/** The question. */
export const ingest: Question = {
  name: "ingest",
  async run({ isQuick, rounds }) {
    const rows: Row[] = [];
    for (const { embedder, documents, quick } of loads) {
      const all: Measured[] = [];
      for (let at = 0; at < rounds; at += 1) {
        all.push(await measure("ingest-main", [embedder, isQuick ? quick : documents]));
      }
      const shown = (name: string): string => median(each(all, name)).toFixed(0);
      rows.push(
        row(`chunks/s taken into a collection, embedder ${embedder}`, each(all, "whole"), {
          peer: each(all, "parts"),
          goal: `>= ${SHARE}x its parts alone`,
          holds: (_figure, ratio) => ratio >= SHARE,
          note: `${shown("chunks")} chunks; alone: split ${shown("splitMs")} ms, embed ${shown("embedMs")} ms, write and index ${shown("indexMs")} ms; CPU ${shown("wholeCpuMs")} ms against ${shown("partsCpuMs")} ms`,
        }),
      );
    }
    return rows;
  },
};
