// What do messages cost that cross threads? One way from an actor of one worker to one of another;
// and `system.ask` from main to actors of 2 and of 4 workers, 64 at a time, in memory.

import { median, type Question, type Row, row } from "../question.ts";
import { contest, npmPeers, own } from "../support/contest.ts";

const ONE_WAY = 1_000_000;
const ASKS = 400_000;

/** The question. */
export const runtimeAcross: Question = {
  name: "runtime-across",
  async run(bench) {
    const thousands = (values: readonly number[]): string => `${Math.round(median(values) / 1e3)}`;
    const oneWay = await contest(
      bench,
      [
        own("troupe", "runtime-threads-main"),
        own("postMessage", "ports-main"),
        own("arrays of 100", "ports-main", "one-way-arrays"),
      ],
      { workload: "one-way", count: ONE_WAY, isPinned: false },
    );
    const note = `thousands/s: ${oneWay.note("perSecond", thousands)}`;
    const values = oneWay.of("troupe", "perSecond");
    const rows: Row[] = [
      row("tells of 64 B between two workers/s against one postMessage each", values, {
        peer: oneWay.of("postMessage", "perSecond"),
        goal: ">= 5x",
        holds: (_figure, ratio) => ratio >= 5,
        note,
      }),
      row("tells of 64 B between two workers/s against arrays of 100", values, {
        peer: oneWay.of("arrays of 100", "perSecond"),
        note,
      }),
    ];
    for (const workers of [2, 4]) {
      const contestants = [
        own("troupe", "runtime-threads-main"),
        own("MessagePort", "ports-main"),
        ...npmPeers({ comlink: 0.4, piscina: 0.1 }),
      ];
      const results = await contest(bench, contestants, {
        workload: `ask-${workers}`,
        count: ASKS,
        isPinned: false,
      });
      const asks = `asks in memory to ${workers} workers/s, 64 at once, against`;
      const answers = results.of("troupe", "perSecond");
      const all = `thousands/s: ${results.note("perSecond", thousands)}`;
      rows.push(
        row(`${asks} a bare MessagePort`, answers, {
          peer: results.of("MessagePort", "perSecond"),
          goal: ">= 0.5x",
          holds: (_figure, ratio) => ratio >= 0.5,
          note: all,
        }),
        row(`${asks} comlink`, answers, {
          peer: results.of("comlink", "perSecond"),
          goal: ">= 3x",
          holds: (_figure, ratio) => ratio >= 3,
          note: all,
        }),
      );
    }
    return rows;
  },
};
