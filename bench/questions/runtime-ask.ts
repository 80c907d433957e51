// What does one question with its answer take in memory, one after the other? Ours is `system.ask`
// as an adapter calls it, door and deadline included, to an actor on the same thread whose turn
// replies and writes nothing (level memory). Erlang's is a message with a reference and a timeout.

import { median, type Question, row } from "../question.ts";
import { contest, erlang, npmPeers, own } from "../support/contest.ts";

const ASKS = 500_000;

/** The question. */
export const runtimeAsk: Question = {
  name: "runtime-ask",
  async run(bench) {
    const contestants = [
      own("troupe", "runtime-main"),
      own("bare ring", "ring-main"),
      ...erlang(),
      ...npmPeers({ nact: 0.2, xstate: 0.4, comedy: 0.4 }),
    ];
    const results = await contest(bench, contestants, {
      workload: "ask",
      count: ASKS,
      isPinned: true,
    });
    const us = (values: readonly number[]): string => median(values).toPrecision(3);
    return [
      row("us an ask in memory on one thread, p50, against erlang", results.of("troupe", "p50"), {
        peer: results.of("erlang", "p50"),
        goal: "<= 1x",
        holds: (_figure, ratio) => ratio <= 1,
        note: `us: ${results.note("p50", us)}`,
      }),
      row("us an ask in memory on one thread, p99, against erlang", results.of("troupe", "p99"), {
        peer: results.of("erlang", "p99"),
        goal: "<= 1.5x",
        holds: (_figure, ratio) => ratio <= 1.5,
        note: `us: ${results.note("p99", us)}`,
      }),
    ];
  },
};
