// How long does a hibernated actor take to wake, from its message's arrival in the worker to its
// handler? 100,000 actors of 500 B on disk, woken one by one, far from each other; once with the
// folder in the page cache and once after it was dropped from there.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median, type Question, row } from "../question.ts";
import { each, type Measured, measure } from "../support/run-program.ts";

const ACTORS = 100_000;
const ACTORS_QUICK = 20_000;
const GOAL_US = 50;

/** The question. */
export const runtimeWake: Question = {
  name: "runtime-wake",
  async run(bench) {
    const folder = mkdtempSync(join(tmpdir(), "bench-wake-"));
    const actors = bench.isQuick ? ACTORS_QUICK : ACTORS;
    const warm: Measured[] = [];
    const cold: Measured[] = [];
    try {
      await measure("wake-main", ["write", folder, actors]);
      for (let at = 0; at < bench.rounds; at += 1) {
        if (dropPages(folder)) cold.push(await measure("wake-main", ["wake", folder, actors]));
        warm.push(await measure("wake-main", ["wake", folder, actors]));
        bench.say(`p50 ${warm.at(-1)?.["p50"]?.toFixed(1)} us`);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    const p99 = (rounds: readonly Measured[]): string =>
      `p99 ${median(each(rounds, "p99")).toFixed(0)} us`;
    return [
      row(`wake of one of ${actors} hibernated actors, p50 us`, each(warm, "p50"), {
        goal: `<= ${GOAL_US}`,
        holds: (figure) => figure <= GOAL_US,
        note: p99(warm),
      }),
      row("the same with nothing of the folder in the page cache, p50 us", each(cold, "p50"), {
        note: cold.length === 0 ? "dd with oflag=nocache is not there" : p99(cold),
      }),
    ];
  },
};

/** Asks the kernel to forget the file's pages; false where that cannot be asked. */
function dropPages(folder: string): boolean {
  const file = join(folder, "hot.mdb");
  const args = [`of=${file}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0"];
  try {
    execFileSync("dd", args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
