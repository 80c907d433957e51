// How long does a quiet actor wait while another of its tenant, on the same worker, has a million
// messages waiting?

import { median, type Question, row } from "../question.ts";
import { contest, own } from "../support/contest.ts";

const ASKS = 2_000;
const US_A_MS = 1_000;

/** The question. */
export const runtimeFairness: Question = {
  name: "runtime-fairness",
  async run(bench) {
    const results = await contest(bench, [own("troupe", "runtime-threads-main")], {
      workload: "quiet-1",
      count: ASKS,
      isPinned: false,
    });
    const ms = (figure: string): number[] => results.of("troupe", figure).map((us) => us / US_A_MS);
    return [
      row("ms of a quiet actor's ask, p99, beside a backlog of 1 M on its worker", ms("p99"), {
        goal: "<= 8",
        holds: (figure) => figure <= 8,
        note: `p50 ${median(ms("p50")).toPrecision(3)} ms; p99 without the backlog ${median(ms("aloneP99")).toPrecision(3)} ms`,
      }),
    ];
  },
};
