// What does one token cost on its way from the provider to a client, with 200 streams open?

import { median, type Question, rounded, row } from "../question.ts";
import { runLoad } from "../support/client.ts";
import { startPeers } from "../support/peers.ts";
import { clearMessage, marked, requestBytes } from "../support/target.ts";
import { makeDesk, startTroupe, targetOf } from "../support/troupe.ts";
import { warm } from "../support/warm.ts";

const STREAMS = 200;
/** Long answers, so that what a turn costs besides is little: 4 s of 20 ms. */
const pace = { firstTokenMs: 0, tokenMs: 20, tokens: 200, routeTokens: 1 };
const SETTLE_MS = 1_000;
const ANSWER_MS = pace.tokens * pace.tokenMs;

/** The question. */
export const relayCpu: Question = {
  name: "relay-cpu",
  async run(bench) {
    const troupe = await startTroupe({ providerPort: bench.provider.port });
    const peers = await startPeers(["relay-parse", "openai-sdk"], bench.provider.port);
    try {
      const ours = { ...targetOf(troupe, await makeDesk(troupe)), running: troupe.running };
      await warm(bench, [ours, ...peers], true);
      await bench.provider.pace(pace);
      const costs = new Map<string, number[]>();
      for (let at = 0; at < bench.rounds; at += 1) {
        for (const target of [ours, ...peers]) {
          let session = 0;
          const next = (): Buffer => {
            session += 1;
            const body = target.body(`r${at}-${session}`, marked(clearMessage), true);
            return requestBytes(target, body);
          };
          const durationMs = bench.isQuick ? ANSWER_MS : 2 * ANSWER_MS;
          const load = {
            port: target.port,
            inFlight: STREAMS,
            warmMs: SETTLE_MS,
            durationMs,
            next,
          };
          // The CPU of the window only: read when it begins and when it ends.
          const cpu = { before: 0, after: 0 };
          setTimeout(() => {
            cpu.before = target.running.cpuSeconds();
          }, SETTLE_MS);
          setTimeout(() => {
            cpu.after = target.running.cpuSeconds();
          }, SETTLE_MS + durationMs);
          const result = await runLoad({ ...load, rampMs: SETTLE_MS });
          const us = ((cpu.after - cpu.before) * 1e6) / result.tokenUs.length;
          costs.set(target.name, [...(costs.get(target.name) ?? []), us]);
          bench.say(`${target.name} ${us.toFixed(1)} us a token, ${result.errors} errors`);
        }
      }
      const all = (name: string): number[] => costs.get(name) ?? [];
      const note = peers.map(({ name }) => `${name} ${rounded(median(all(name)))}`).join(", ");
      return [
        row("CPU us a relayed token, 200 streams, against undici + parse + uWS", all("troupe"), {
          peer: all("relay-parse"),
          goal: "<= 1.3x",
          holds: (_figure, ratio) => ratio <= 1.3,
          note,
        }),
        row("CPU us a relayed token, 200 streams, against openai SDK + Fastify", all("troupe"), {
          peer: all("openai-sdk"),
          goal: "<= 0.6x",
          holds: (_figure, ratio) => ratio <= 0.6,
          note,
        }),
      ];
    } finally {
      await troupe.stop();
      for (const peer of peers) await peer.running.stop();
    }
  },
};
