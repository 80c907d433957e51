// What does a new actor cost? Made by its first message, with a state of its own; then all of them
// are idle and the heap is measured.

import { median, type Question, row } from "../question.ts";
import { contest, erlang, npmPeers, own } from "../support/contest.ts";

const ACTORS = 100_000;

/** The question. */
export const runtimeSpawn: Question = {
  name: "runtime-spawn",
  async run(bench) {
    const contestants = [
      own("troupe", "runtime-main"),
      own("bare ring", "ring-main"),
      ...erlang(),
      ...npmPeers({ nact: 1, xstate: 0.5, comedy: 0.2 }),
    ];
    const work = { workload: "spawn", count: ACTORS, isPinned: true };
    const results = await contest(bench, contestants, work);
    const thousands = (values: readonly number[]): string => `${Math.round(median(values) / 1e3)}`;
    const bytes = (values: readonly number[]): string => `${Math.round(median(values))}`;
    const spawnNote = `thousands/s: ${results.note("perSecond", thousands)}; each new address is looked up in the store`;
    const heapNote = `bytes: ${results.note("bytes", bytes)}`;
    const spawns = results.of("troupe", "perSecond");
    const heap = results.of("troupe", "bytes");
    return [
      row("actors made with their first message/s against erlang", spawns, {
        peer: results.of("erlang", "perSecond"),
        goal: ">= 1x",
        holds: (_figure, ratio) => ratio >= 1,
        note: spawnNote,
      }),
      row("actors made with their first message/s against nact", spawns, {
        peer: results.of("nact", "perSecond"),
        goal: ">= 2x",
        holds: (_figure, ratio) => ratio >= 2,
        note: spawnNote,
      }),
      row("heap bytes an idle active actor against an erlang process", heap, {
        peer: results.of("erlang", "bytes"),
        goal: "<= 0.25x",
        holds: (_figure, ratio) => ratio <= 0.25,
        note: heapNote,
      }),
      row("heap bytes an idle active actor against nact", heap, {
        peer: results.of("nact", "bytes"),
        goal: "<= 0.5x",
        holds: (_figure, ratio) => ratio <= 0.5,
        note: heapNote,
      }),
    ];
  },
};
