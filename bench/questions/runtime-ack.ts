// How long one durable message takes when nothing else is going on, from the ask to its answer,
// which is given when it is flushed. The limit is one LMDB put with its flush.

import { median, type Question, row } from "../question.ts";
import { each, type Measured, measure } from "../support/run-program.ts";

const WORKERS = [1, 0] as const;
const OF_RAW = 2;

/** The question. */
export const runtimeAck: Question = {
  name: "runtime-ack",
  async run(bench) {
    const seconds = bench.isQuick ? 1 : 2;
    const raw: Measured[] = [];
    const ours = WORKERS.map((): Measured[] => []);
    for (let at = 0; at < bench.rounds; at += 1) {
      raw.push(await measure("put-batch-main", [1, seconds]));
      for (const [which, workers] of WORKERS.entries()) {
        const measured = await measure("durable-main", ["asks", seconds, workers, 1]);
        ours[which]?.push(measured);
        bench.say(`${workers} workers: p50 ${measured["p50"]?.toFixed(2)} ms`);
      }
    }
    return WORKERS.map((workers, which) => {
      const rounds = ours[which] ?? [];
      const where = workers === 0 ? "no worker thread" : "through one worker";
      const p99 = median(each(rounds, "p99")).toFixed(2);
      const rawTimes = `LMDB p50 ${median(each(raw, "p50")).toFixed(2)} ms, p99 ${median(each(raw, "p99")).toFixed(2)} ms`;
      return row(
        `durable ack at low load, ${where}, p50 ms, against one put and flush`,
        each(rounds, "p50"),
        {
          peer: each(raw, "p50"),
          goal: `<= ${OF_RAW}x`,
          holds: (_figure, ratio) => ratio <= OF_RAW,
          note: `p99 ${p99} ms; ${rawTimes}; CPU ${Math.round(median(each(rounds, "cpuUs")))} us`,
        },
      );
    });
  },
};
