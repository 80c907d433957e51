// Durable messages a second of the bare runtime: 1,000 actors, 100 B a message, each acknowledged
// when it is flushed. The limits are LMDB's own: one put and flush after the other, and 1,000 puts
// in a transaction. Beside them what a message writes, down to the pages of the file.

import { median, type Question, type Row, row } from "../question.ts";
import { ACTORS, TEXT_BYTES } from "../support/durable-program.ts";
import { each, type Measured, measure } from "../support/run-program.ts";

const loads = [
  { name: "asks", workers: 1, text: `${ACTORS} asks at once, each of its own actor` },
  { name: "asks", workers: 0, text: `${ACTORS} asks at once, no worker thread` },
  { name: "ring", workers: 1, text: `${ACTORS} messages sent from actor to actor` },
] as const;
const ONE_BY_ONE = 40;
const OF_RAW = 0.15;
const PUTS_MAX = 4;
const BYTES_MAX = 1_024;

/** The question. */
export const runtimeDurable: Question = {
  name: "runtime-durable",
  async run(bench) {
    const seconds = bench.isQuick ? 1 : 3;
    const single: Measured[] = [];
    const batched: Measured[] = [];
    const ours: Measured[][] = loads.map(() => []);
    for (let at = 0; at < bench.rounds; at += 1) {
      single.push(await measure("put-batch-main", [1, seconds]));
      batched.push(await measure("put-batch-main", [ACTORS, seconds]));
      for (const [load, { name, workers }] of loads.entries()) {
        const measured = await measure("durable-main", [name, seconds, workers]);
        ours[load]?.push(measured);
        bench.say(`${name}, ${workers} workers: ${Math.round(measured["perSecond"] ?? 0)}/s`);
      }
    }
    return loads.flatMap(({ text }, load) => rowsOf(text, ours[load] ?? [], { single, batched }));
  },
};

function rowsOf(
  text: string,
  ours: readonly Measured[],
  limits: { readonly single: readonly Measured[]; readonly batched: readonly Measured[] },
): Row[] {
  const rate = each(ours, "perSecond");
  const of = (name: string, digits = 1): string => median(each(ours, name)).toFixed(digits);
  const raw = (rounds: readonly Measured[]): string =>
    Math.round(median(each(rounds, "perSecond"))).toString();
  const cost = `CPU ${of("cpuUs")} us of all threads, ${of("rowsABatch", 0)} rows a batch`;
  const pages = `${of("pageBytes", 0)} B of changed pages = ${(median(each(ours, "pageBytes")) / TEXT_BYTES).toFixed(1)} times its text`;
  const bytes = median(each(ours, "bytes"));
  return [
    row(`durable messages/s: ${text}; against one awaited put and flush each`, rate, {
      peer: each(limits.single, "perSecond"),
      goal: `>= ${ONE_BY_ONE}x`,
      holds: (_figure, ratio) => ratio >= ONE_BY_ONE,
      note: `LMDB ${raw(limits.single)}/s; ${cost}`,
    }),
    row(`durable messages/s: ${text}; against ${ACTORS} raw puts a transaction`, rate, {
      peer: each(limits.batched, "perSecond"),
      goal: `>= ${OF_RAW}x`,
      holds: (_figure, ratio) => ratio >= OF_RAW,
      note: `LMDB ${raw(limits.batched)}/s`,
    }),
    row(`puts a message: ${text}`, each(ours, "rows"), {
      goal: `<= ${PUTS_MAX}, and <= ${BYTES_MAX} B of rows`,
      holds: (figure) => figure <= PUTS_MAX && bytes <= BYTES_MAX,
      note: `${of("bytes", 0)} B of rows, keys included; ${pages}`,
    }),
  ];
}
