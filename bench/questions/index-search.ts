// How fast does one thread search a collection of 100,000 chunks, and how fast are its files made,
// against the bare vector library in the same run? Rates are per second of CPU. And how fast is the whole
// server through its door (search-door.ts)? Those rates are of wall. Both collections are filled once,
// before anything is measured, at the same time: nothing of that is a figure of searches.

import { median, type Question, type Row, row } from "../question.ts";
import { withFolder } from "../support/folder.ts";
import { each, type Measured, measure } from "../support/run-program.ts";
import { doorRows, fillDoor, textRows } from "./search-door.ts";

const CHUNKS = 100_000;
const CHUNKS_QUICK = 20_000;
const DIMENSION = 384;
const QUERIES = 1_000;
const RECALL = 0.98;
const NEAREST_SHARE = 0.8;
const ADDS_SHARE = 0.4;

/** One step of `index-main` over a folder. */
const step = (what: "fill" | "adds" | "search", folder: string, chunks: number) =>
  measure("index-main", [what, folder, chunks, DIMENSION, QUERIES]);

const shown = (all: readonly Measured[], name: string, digits = 0): string =>
  median(each(all, name)).toFixed(digits);

/** The question. */
export const indexSearch: Question = {
  name: "search",
  run: (bench) =>
    withFolder("bench-index-", (thread) =>
      withFolder("bench-door-", async (door) => {
        const chunks = bench.isQuick ? CHUNKS_QUICK : CHUNKS;
        const beganMs = performance.now();
        const filled = await Promise.allSettled([
          step("fill", thread, chunks),
          fillDoor(door, chunks),
        ]);
        for (const one of filled) if (one.status === "rejected") throw one.reason;
        bench.say(`filled in ${((performance.now() - beganMs) / 1_000).toFixed(0)} s`);
        const all: Measured[] = [];
        for (let at = 0; at < bench.rounds; at += 1) {
          all.push(await step("search", thread, chunks));
        }
        const asked = { rounds: bench.rounds, recall: RECALL, ratio: NEAREST_SHARE };
        return [
          ...threadRows(chunks, all),
          ...(await textRows(door, chunks, asked)),
          ...(await doorRows(door, chunks, bench)),
        ];
      }),
    ),
};

/** Rows of what one thread does. */
function threadRows(chunks: number, all: readonly Measured[]): readonly Row[] {
  const times = (name: string): string =>
    `p50 ${shown(all, `${name}P50`)} us, p99 ${shown(all, `${name}P99`)} us`;
  const rows = (["vector", "lexical", "hybrid"] as const).map((mode) =>
    row(`${mode} searches/s of one thread at ${chunks} chunks`, each(all, `${mode}PerSecond`), {
      note: `${times(mode)}, with texts and all scores`,
    }),
  );
  const filtered = [1, 10, 50].map((percent) => {
    const name = `filter${percent}`;
    return row(
      `hybrid searches/s with a filter that wants ${percent} of 100 documents`,
      each(all, `${name}PerSecond`),
      { note: `${times(name)}; the first one ${shown(all, `${name}FirstMs`, 1)} ms` },
    );
  });
  return [
    row(
      `ids and scores of the ten nearest of ${chunks}/s of one thread`,
      each(all, "nearestPerSecond"),
      {
        peer: each(all, "barePerSecond"),
        goal: `>= ${NEAREST_SHARE}x the library over the same file`,
        holds: (_figure, ratio) => ratio >= NEAREST_SHARE,
        note: `${times("nearest")}; the library ${shown(all, "barePerSecond")}/s, ${times("bare")}; ${shown(all, "expansion")} candidates`,
      },
    ),
    row("vector searches/s through the search threads, wall", each(all, "lanePerSecond"), {
      note: `${shown(all, "threads")} threads; ${times("lane")}`,
    }),
    ...rows,
    ...filtered,
    row("recall@10 against exact search", each(all, "recall"), {
      goal: `>= ${RECALL}`,
      holds: (figure) => figure >= RECALL,
    }),
    row("longest hold of the event loop while the files are opened, ms", each(all, "openHeldMs"), {
      note: `opened in ${shown(all, "openMs")} ms; files: vectors ${shown(all, "vectorMib", 1)} MiB, postings ${shown(all, "postingsMib", 1)} MiB`,
    }),
    row("recall@10 against exact search of questions in any direction", each(all, "farRecall"), {
      goal: `>= ${RECALL}`,
      holds: (figure) => figure >= RECALL,
      note: `${times("far")}`,
    }),
  ];
}

/** The question about making it. */
export const indexIngest: Question = {
  name: "ingest-index",
  async run(bench) {
    const chunks = bench.isQuick ? CHUNKS_QUICK : CHUNKS;
    const all: Measured[] = [];
    for (let at = 0; at < bench.rounds; at += 1) {
      const one = await withFolder("bench-index-", async (folder) => ({
        ...(await step("fill", folder, chunks)),
        ...(await step("adds", folder, chunks)),
      }));
      all.push(one);
    }
    return [
      row(`chunks/s merged into vectors and postings, ${chunks} of them`, each(all, "merges"), {
        peer: each(all, "rawAdds"),
        goal: `>= ${ADDS_SHARE}x the library's adds`,
        holds: (_figure, ratio) => ratio >= ADDS_SHARE,
        note: `the library alone ${shown(all, "rawAdds")}/s`,
      }),
      row("chunks/s written and published", each(all, "writes")),
    ];
  },
};
