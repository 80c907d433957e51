// Do healthy clients feel strangers at the door: bodies that come a byte at a time, readers that take
// nothing, connections that are opened and left, or opened and dropped as fast as it goes, guesses at keys?
// Ten tenants send chats at a fixed pace, alone and beside each of them, in turns.

import { type Bench, type Question, type Row, row } from "../question.ts";
import { Felt, feel } from "../support/felt.ts";
import { type Stranger, strangers } from "../support/strangers.ts";
import type { Target } from "../support/target.ts";
import { makeDesk, startTroupe, targetOf } from "../support/troupe.ts";
import { warm } from "../support/warm.ts";

/** Tenants that are measured at once: the slowest of too few chats is not their p99. */
const QUIET_TENANTS = 10;
/** Turns of a round, each alone and beside every kind of stranger. */
const TURNS = 5;

/** One round: what was felt alone, then beside each kind. */
async function feelAll(
  bench: Bench,
  quiet: readonly Target[],
  kinds: readonly Stranger[],
): Promise<readonly Felt[]> {
  const alone = new Felt("alone");
  const beside = kinds.map(({ name }) => new Felt(`beside ${name}`));
  for (let turn = 0; turn < (bench.isQuick ? 1 : TURNS); turn += 1) {
    for (const [at, kind] of kinds.entries()) {
      await feel(quiet, alone);
      await feel(quiet, beside[at] ?? alone, () => kind.begin());
    }
  }
  return [alone, ...beside];
}

function rows(rounds: readonly (readonly Felt[])[]): readonly Row[] {
  const column = (at: number): readonly Felt[] => rounds.flatMap((felt) => felt[at] ?? []);
  const p99s = (at: number): number[] => column(at).map((felt) => felt.p99Ms());
  const [first = []] = rounds;
  return first.slice(1).map((felt, before) =>
    row(`p99 of healthy clients ${felt.name}, against alone`, p99s(before + 1), {
      peer: p99s(0),
      note: column(before + 1)
        .map((one) => one.said())
        .join("; "),
      goal: "< 2x",
      holds: (_, ratio) => ratio < 2,
    }),
  );
}

/** The question. */
export const doorFloods: Question = {
  name: "door-floods",
  async run(bench: Bench): Promise<readonly Row[]> {
    const troupe = await startTroupe({ providerPort: bench.provider.port });
    try {
      const quiet: Target[] = [];
      for (let at = 0; at < QUIET_TENANTS; at += 1) {
        quiet.push(targetOf(troupe, await makeDesk(troupe)));
      }
      const { key } = await makeDesk(troupe);
      await warm(bench, quiet);
      const kinds = strangers(troupe.port, key);
      const rounds: (readonly Felt[])[] = [];
      for (let round = 0; round < bench.rounds; round += 1) {
        const felt = await feelAll(bench, quiet, kinds);
        rounds.push(felt);
        for (const one of felt) bench.say(one.said());
      }
      return rows(rounds);
    } finally {
      await troupe.stop();
    }
  },
};
