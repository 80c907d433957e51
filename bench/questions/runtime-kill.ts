// Is everything the bare runtime acknowledged still there after kill -9 at random moments, whole and
// once? The loop, its child and its judgement are test/support/kill-loop.ts, which the tests run with
// fewer kills.

import { type KillReport, killLoop } from "../../test/support/kill-loop.ts";
import { type Question, row } from "../question.ts";
import { withAllCores } from "../support/processes.ts";

const KILLS = 1_000;
const KILLS_QUICK = 50;
/** Loops side by side, each on a folder of its own: a life mostly waits for its own start. */
const CHAINS = 2;
/** Kills of one folder; then it is judged, and another one begins. */
const KILLS_A_LOOP = 125;
const LINES_MAX = 120;
/** A slow machine kills less often; the row says how often. */
const LIMIT_MS = 1_500_000;

/** The question. */
export const runtimeKill: Question = {
  name: "runtime-kill",
  async run(bench) {
    const kills = bench.isQuick ? KILLS_QUICK : KILLS;
    const seed = Date.now() % 1_000_000;
    const endMs = performance.now() + LIMIT_MS;
    const reports: KillReport[] = [];
    let begun = 0;
    const chain = async (): Promise<void> => {
      while (begun < kills && performance.now() < endMs) {
        const loop = { kills: Math.min(KILLS_A_LOOP, kills / CHAINS), seed: seed + begun };
        begun += loop.kills;
        const limitMs = endMs - performance.now();
        const report = await killLoop({ ...loop, workers: 0, linesMax: LINES_MAX, limitMs });
        reports.push(report);
        const { lives, acknowledged, elapsedMs } = report;
        const ms = elapsedMs.toFixed(0);
        bench.say(`seed ${loop.seed}: ${lives - 1} kills, ${acknowledged} acknowledged, ${ms} ms`);
      }
    };
    await withAllCores(() => Promise.all(Array.from({ length: CHAINS }, chain)));
    const sum = (of: (report: (typeof reports)[number]) => number): number =>
      reports.reduce((total, report) => total + of(report), 0);
    const wrong = reports.flatMap(({ lost, torn, doubled }) => [...lost, ...torn, ...doubled]);
    for (const sentence of wrong) bench.say(sentence);
    const acknowledged = sum((report) => report.acknowledged);
    const killed = sum((report) => report.lives - 1);
    return [
      row(`messages lost, torn or done twice by ${killed} times kill -9`, [wrong.length], {
        goal: `0 of ${acknowledged} acknowledged`,
        holds: (figure) => figure === 0 && acknowledged > 0,
        note: `${sum((report) => report.killedInStart)} of the kills came during a start; ${sum((report) => report.runs)} runs, ${sum((report) => report.reminders)} reminders`,
      }),
    ];
  },
};
