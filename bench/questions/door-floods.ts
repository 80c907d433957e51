// Do healthy clients feel strangers at the door: bodies that come a byte at a time, readers that take
// nothing, connections that are opened and left, or opened and dropped as fast as it goes, guesses at keys?
// Ten tenants send chats at a fixed pace, alone and beside each of them, in turns.

import type { Bench, Question, Row } from "../question.ts";
import { Felt, feel } from "../support/felt.ts";
import { feltRows } from "../support/felt-rows.ts";
import type { Pace } from "../support/paced.ts";
import { type Stranger, strangers } from "../support/strangers.ts";
import type { Target } from "../support/target.ts";
import { makeDesk, startTroupe, targetOf } from "../support/troupe.ts";
import { warm } from "../support/warm.ts";

/** Tenants that are measured at once: the slowest of too few chats is not their p99. */
const QUIET_TENANTS = 10;
/** Each sends enough for a p99 of every turn, as all turns together are to take less than three minutes. */
const PACE: Pace = { perSecond: 4, seconds: 3 };
/** After so many kinds it is felt alone again. */
const KINDS_BETWEEN = 3;

/** One round: what was felt alone, then beside each kind. */
async function feelAll(
  quiet: readonly Target[],
  kinds: readonly Stranger[],
): Promise<readonly Felt[]> {
  const alone = new Felt("alone", PACE);
  const beside = kinds.map(({ name }) => new Felt(`beside ${name}`, PACE));
  for (const [at, kind] of kinds.entries()) {
    if (at % KINDS_BETWEEN === 0) await feel(quiet, alone);
    await feel(quiet, beside[at] ?? alone, () => kind.begin());
  }
  await feel(quiet, alone);
  return [alone, ...beside];
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
      // The code is the same for all of them.
      await warm(bench, quiet.slice(0, 1));
      await feel(quiet, new Felt("before", PACE));
      const kinds = strangers(troupe.port, key);
      const rounds: (readonly Felt[])[] = [];
      for (let round = 0; round < bench.rounds; round += 1) {
        const felt = await feelAll(quiet, kinds);
        rounds.push(felt);
        for (const one of felt) bench.say(one.said());
      }
      return feltRows(rounds, { who: "healthy clients", goal: "< 2x" });
    } finally {
      await troupe.stop();
    }
  },
};
