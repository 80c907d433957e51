// Fifty people read a streamed answer each: how much later does the first token come, how much later
// each of the others, and what does a turn cost?

import { median, type Question, quantile, rounded, row } from "../question.ts";
import { runLoad } from "../support/client.ts";
import { realPace } from "../support/fake.ts";
import { startPeers } from "../support/peers.ts";
import { doubtfulMessage, marked, requestBytes } from "../support/target.ts";
import { makeDesk, startTroupe, targetOf } from "../support/troupe.ts";
import { warm } from "../support/warm.ts";

const STREAMS = 50;
const RAMP_MS = 1_700;

interface Round {
  readonly firstP50: number;
  readonly firstP99: number;
  readonly tokenP99: number;
  readonly cpuMs: number;
}

/** The question. */
export const streams: Question = {
  name: "streams",
  async run(bench) {
    const troupe = await startTroupe({ providerPort: bench.provider.port });
    const peers = await startPeers(["relay", "ai-sdk"], bench.provider.port);
    try {
      const ours = { ...targetOf(troupe, await makeDesk(troupe)), running: troupe.running };
      await warm(bench, [ours, ...peers], true);
      await bench.provider.pace(realPace);
      const rounds = new Map<string, Round[]>();
      for (let at = 0; at < bench.rounds; at += 1) {
        for (const target of [ours, ...peers]) {
          let session = 0;
          const cpu = target.running.cpuSeconds();
          const result = await runLoad({
            port: target.port,
            inFlight: STREAMS,
            warmMs: 2_000,
            durationMs: 3_500,
            rampMs: RAMP_MS,
            next: () => {
              session += 1;
              return requestBytes(
                target,
                target.body(`t${at}-${session}`, marked(doubtfulMessage), true),
              );
            },
          });
          const round = {
            firstP50: quantile(result.addedFirstUs, 0.5) / 1_000,
            firstP99: quantile(result.addedFirstUs, 0.99) / 1_000,
            tokenP99: quantile(result.tokenUs, 0.99) / 1_000,
            cpuMs: ((target.running.cpuSeconds() - cpu) * 1_000) / session,
          };
          rounds.set(target.name, [...(rounds.get(target.name) ?? []), round]);
          const text = Object.entries(round).map(([name, value]) => `${name} ${rounded(value)}`);
          bench.say(`${target.name} ${text.join(" ")} ms, ${result.errors} errors`);
        }
      }
      const all = (name: string, which: keyof Round): number[] =>
        (rounds.get(name) ?? []).map((one) => one[which]);
      const note = (which: keyof Round): string =>
        peers.map(({ name }) => `${name} ${rounded(median(all(name, which)))}`).join(", ");
      return [
        row(
          "50 streams: added time to first token, p50 ms, against the relay",
          all("troupe", "firstP50"),
          {
            peer: all("relay", "firstP50"),
            goal: "<= 2.5x",
            holds: (_figure, ratio) => ratio <= 2.5,
            note: note("firstP50"),
          },
        ),
        row("50 streams: added time to first token, p99 ms", all("troupe", "firstP99"), {
          goal: "<= 15",
          holds: (figure) => figure <= 15,
          note: note("firstP99"),
        }),
        row("50 streams: delay of a token, p99 ms", all("troupe", "tokenP99"), {
          goal: "<= 3",
          holds: (figure) => figure <= 3,
          note: note("tokenP99"),
        }),
        row("50 streams: CPU ms a turn, against the relay", all("troupe", "cpuMs"), {
          peer: all("relay", "cpuMs"),
          goal: "<= 3x",
          holds: (_figure, ratio) => ratio <= 3,
          note: note("cpuMs"),
        }),
      ];
    } finally {
      await troupe.stop();
      for (const peer of peers) await peer.running.stop();
    }
  },
};
