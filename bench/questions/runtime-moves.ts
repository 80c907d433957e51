// What does it cost that shards move between workers under load? Asks from main to 32 actors, four at
// once each, while a quarter of their shards moves, then the next, without a break; in turns with the
// same load without moves. Far more than balancing does: it moves at most 20 a minute.

import { median, type Question, type Row, row } from "../question.ts";
import { each, type Measured, measure } from "../support/run-program.ts";

const WORKERS = [2, 4] as const;
const LEVELS = ["durable", "memory"] as const;

/** The question. */
export const runtimeMoves: Question = {
  name: "runtime-moves",
  async run(bench) {
    const seconds = bench.isQuick ? 1 : 2;
    const rounds = new Map<string, Measured[]>();
    for (let at = 0; at < bench.rounds; at += 1) {
      for (const workers of WORKERS) {
        for (const level of LEVELS) {
          const measured = await measure("moves-main", [level, seconds, workers]);
          const name = `${level} ${workers}`;
          rounds.set(name, [...(rounds.get(name) ?? []), measured]);
          const figures = Object.entries(measured).map(([of, one]) => `${of} ${one.toFixed(1)}`);
          bench.say(`${level}, ${workers} workers: ${figures.join(", ")}`);
        }
      }
    }
    return WORKERS.flatMap((workers) => {
      const durable = rounds.get(`durable ${workers}`) ?? [];
      const memory = rounds.get(`memory ${workers}`) ?? [];
      return [
        ...rowsOf("durable asks (flushed)", workers, durable),
        ...rowsOf("asks in memory", workers, memory),
        wrongRow(workers, durable, memory),
      ];
    });
  },
};

function rowsOf(what: string, workers: number, of: readonly Measured[]): Row[] {
  const at = (name: string): string => median(each(of, name)).toPrecision(3);
  const against = "with shards moving, against without";
  return [
    row(`${what} to ${workers} workers a second, ${against}`, each(of, "perSecond"), {
      peer: each(of, "stillPerSecond"),
      note: `${at("movesPerSecond")} shards moved a second; without ${at("stillPerSecond")}`,
    }),
    row(`${what} to ${workers} workers, p99 ms, ${against}`, each(of, "p99"), {
      peer: each(of, "stillP99"),
      note: `without ${at("stillP99")}`,
    }),
    row(
      `the longest of ${what} at a moving shard, ${workers} workers, p50 ms`,
      each(of, "pauseP50"),
      {
        note: `p99 ${at("pauseP99")}; eight shards move at a time`,
      },
    ),
  ];
}

function wrongRow(workers: number, durable: readonly Measured[], memory: readonly Measured[]): Row {
  const sum = (of: readonly Measured[], name: string): number =>
    each(of, name).reduce((total, one) => total + one, 0);
  const wrong = sum(durable, "wrong") + sum(memory, "wrong");
  return row(`asks lost, done twice or re-ordered by moves, ${workers} workers`, [wrong], {
    goal: `0 of ${sum(durable, "asks") + sum(memory, "asks")}`,
    holds: (figure) => figure === 0,
  });
}
