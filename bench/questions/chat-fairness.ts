// With 256 turns at once, does one wait much longer than the others?

import { type Question, quantile, row } from "../question.ts";
import { runLoad } from "../support/client.ts";
import { startPeers } from "../support/peers.ts";
import { doubtfulMessage, marked, requestBytes } from "../support/target.ts";
import { makeDesk, startTroupe, targetOf } from "../support/troupe.ts";
import { warm } from "../support/warm.ts";

const IN_FLIGHT = 256;

/** The question. */
export const chatFairness: Question = {
  name: "chat-fairness",
  async run(bench) {
    const troupe = await startTroupe({ providerPort: bench.provider.port });
    const peers = await startPeers(["relay", "ai-sdk"], bench.provider.port);
    try {
      const targets = [targetOf(troupe, await makeDesk(troupe)), ...peers];
      await warm(bench, targets);
      const shares = new Map<string, number[]>();
      const notes: string[] = [];
      for (let at = 0; at < bench.rounds; at += 1) {
        for (const target of targets) {
          let session = 0;
          const { latencyUs, errors, perSecond } = await runLoad({
            port: target.port,
            inFlight: IN_FLIGHT,
            durationMs: bench.isQuick ? 1_000 : 2_000,
            warmMs: 500,
            next: () => {
              session += 1;
              const body = target.body(`f${at}-${session}`, marked(doubtfulMessage), false);
              return requestBytes(target, body);
            },
          });
          const [p50, p99] = [quantile(latencyUs, 0.5) / 1_000, quantile(latencyUs, 0.99) / 1_000];
          shares.set(target.name, [...(shares.get(target.name) ?? []), p99 / p50]);
          const text = `${target.name} ${Math.round(perSecond)}/s p50 ${p50.toFixed(0)} p99 ${p99.toFixed(0)} ms, ${errors} errors`;
          if (at === bench.rounds - 1) notes.push(text);
          bench.say(text);
        }
      }
      return [
        row("p99 / p50 of chat turns at 256 at once", shares.get("troupe") ?? [], {
          goal: "<= 4",
          holds: (figure) => figure <= 4,
          note: notes.join("; "),
        }),
      ];
    } finally {
      await troupe.stop();
      for (const peer of peers) await peer.running.stop();
    }
  },
};
