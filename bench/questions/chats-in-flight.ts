// How many chats can wait for a model at once? The provider takes 300 ms and then 20 ms a token; what
// a turn takes beyond that is added by the server.

import { type Bench, type Question, quantile, type Row, row } from "../question.ts";
import { type LoadResult, runLoad } from "../support/client.ts";
import { realPace } from "../support/fake.ts";
import { startPeer } from "../support/peers.ts";
import { doubtfulMessage, marked, requestBytes, type Target } from "../support/target.ts";
import { makeDesk, startTroupe, targetOf } from "../support/troupe.ts";
import { warm } from "../support/warm.ts";

/** About one turn: so that not all begin at once. */
const RAMP_MS = 1_700;

/** The question. */
export const chatsInFlight: Question = {
  name: "chats-in-flight",
  async run(bench) {
    const levels = bench.isQuick ? [200, 1_000] : [2_000, 5_000];
    const rounds = bench.isQuick ? 1 : 3;
    const rows: Row[] = [];
    for (const [at, inFlight] of levels.entries()) {
      const ours: LoadResult[] = [];
      const relays: LoadResult[] = [];
      for (let round = 0; round < rounds; round += 1) {
        // Started anew for each round: what a server keeps open would weigh on the other.
        const troupe = await startTroupe({ providerPort: bench.provider.port });
        const target = targetOf(troupe, await makeDesk(troupe));
        ours.push(await load(bench, target, inFlight));
        await troupe.stop();
        const relay = await startPeer("relay", bench.provider.port);
        if (relay === undefined) continue;
        relays.push(await load(bench, relay, inFlight));
        await relay.running.stop();
        bench.say(`${inFlight}: ours ${told(ours.at(-1))}; relay ${told(relays.at(-1))}`);
      }
      const p99 = (results: readonly LoadResult[]): number[] =>
        results.map((one) => quantile(one.addedUs, 0.99) / 1_000);
      const more = p99(ours).map((ms, round) => ms - (p99(relays)[round] ?? Number.NaN));
      const limitMs = at === 0 ? 25 : 100;
      const errors = ours.map((one) => one.errors);
      const note = `ours ${told(ours.at(-1))}; relay ${told(relays.at(-1))}`;
      rows.push(
        row(`${inFlight} chats in flight, added p99 ms over the relay's`, more, {
          goal: `<= ${limitMs}`,
          holds: (figure) => figure <= limitMs,
          note,
        }),
        row(`${inFlight} chats in flight, failed turns`, errors, {
          goal: "0",
          holds: () => errors.every((count) => count === 0),
          note: JSON.stringify(ours.at(-1)?.statuses),
        }),
      );
    }
    return rows;
  },
};

function told(result: LoadResult | undefined): string {
  if (result === undefined) return "not measured";
  const ms = (share: number): string => (quantile(result.addedUs, share) / 1_000).toFixed(1);
  return `${Math.round(result.perSecond)}/s, added p50 ${ms(0.5)} p99 ${ms(0.99)} ms`;
}

async function load(bench: Bench, target: Target, inFlight: number): Promise<LoadResult> {
  await warm(bench, [target]);
  await bench.provider.pace(realPace);
  let session = 0;
  return await runLoad({
    port: target.port,
    inFlight,
    warmMs: 2_000,
    durationMs: 4_000,
    rampMs: RAMP_MS,
    next: () => {
      session += 1;
      return requestBytes(target, target.body(`i${session}`, marked(doubtfulMessage), false));
    },
  });
}
