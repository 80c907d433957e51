// How many messages does one thread carry from actor to actor in memory? Two that play ping-pong, a
// producer with a consumer, one with 10,000 receivers who all get the same message; each side
// allocates what it sends.

import { type Bench, median, type Question, type Row, row } from "../question.ts";
import { type Contestant, contest, erlang, npmPeers, own } from "../support/contest.ts";

interface Goal {
  readonly peer: string;
  readonly least: number;
}

interface Workload {
  readonly workload: string;
  readonly asks: string;
  readonly count: number;
  readonly goals: readonly Goal[];
}

const workloads: readonly Workload[] = [
  {
    workload: "ping-pong",
    asks: "tell, two actors in turn",
    count: 4_000_000,
    goals: [
      { peer: "erlang", least: 3 },
      { peer: "nact", least: 10 },
      { peer: "bare ring", least: 0 },
    ],
  },
  {
    workload: "one-to-one",
    asks: "tell, one producer to one consumer, windows of 512",
    count: 4_000_000,
    goals: [
      { peer: "erlang", least: 0.75 },
      { peer: "nact", least: 10 },
      { peer: "bare ring", least: 0 },
    ],
  },
  {
    workload: "fan-out",
    asks: "tell, fan-out to 10,000 actors",
    count: 2_000_000,
    goals: [
      { peer: "erlang", least: 5 },
      { peer: "xstate", least: 5 },
      { peer: "bare ring", least: 0 },
    ],
  },
];

/** Receivers times the warm-up's share: what every count must be a multiple of. */
const MULTIPLE = 50_000;

/** The question. */
export const runtimeTell: Question = {
  name: "runtime-tell",
  async run(bench) {
    const contestants = [
      own("troupe", "runtime-main"),
      own("bare ring", "ring-main"),
      ...erlang(),
      ...npmPeers({ nact: 0.1, xstate: 0.25, comedy: 0.25 }),
    ];
    const rows: Row[] = [];
    for (const workload of workloads) rows.push(...(await ask(bench, contestants, workload)));
    return rows;
  },
};

async function ask(
  bench: Bench,
  contestants: readonly Contestant[],
  { workload, asks, count, goals }: Workload,
): Promise<Row[]> {
  const work = { workload, count, multiple: MULTIPLE, isPinned: true };
  const results = await contest(bench, contestants, work);
  const millions = (values: readonly number[]): string => (median(values) / 1e6).toPrecision(3);
  const note = `M/s: ${results.note("perSecond", millions)}`;
  return goals.map(({ peer, least }) =>
    row(`${asks}, messages/s against ${peer}`, results.of("troupe", "perSecond"), {
      peer: results.of(peer, "perSecond"),
      ...(least === 0 ? {} : { goal: `>= ${least}x` }),
      holds: (_figure, ratio) => ratio >= least,
      note,
    }),
  );
}
