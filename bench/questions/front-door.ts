// What does the front door cost when nothing is behind it: GET /health, and a small JSON POST that is
// authenticated, validated and answered on the main thread (a dry run of the router).

import { median, type Question, rounded, row } from "../question.ts";
import { runLoad } from "../support/client.ts";
import { startPeers } from "../support/peers.ts";
import { clearMessage, getBytes, requestBytes } from "../support/target.ts";
import { makeDesk, startTroupe, targetOf } from "../support/troupe.ts";

const IN_FLIGHT = 64;

/** The question. */
export const frontDoor: Question = {
  name: "front-door",
  async run(bench) {
    const troupe = await startTroupe({ providerPort: bench.provider.port });
    const peers = await startPeers(["relay", "fastify"], bench.provider.port);
    try {
      const desk = await makeDesk(troupe);
      const dryRun = {
        ...targetOf(troupe, desk),
        path: `/v2/agents/${desk.agent}/route`,
        body: () => JSON.stringify({ message: clearMessage }),
      };
      const requests = [
        { name: "troupe health", port: troupe.port, bytes: getBytes(dryRun, "/health") },
        { name: "troupe echo", port: troupe.port, bytes: requestBytes(dryRun, dryRun.body()) },
        ...peers.flatMap((peer) => [
          { name: `${peer.name} health`, port: peer.port, bytes: getBytes(peer, "/health") },
          {
            name: `${peer.name} echo`,
            port: peer.port,
            bytes: requestBytes({ ...peer, path: "/echo" }, dryRun.body()),
          },
        ]),
      ];
      const rates = new Map<string, number[]>();
      for (let at = 0; at < bench.rounds; at += 1) {
        for (const { name, port, bytes } of requests) {
          const { perSecond, errors } = await runLoad({
            port,
            inFlight: IN_FLIGHT,
            warmMs: at === 0 ? 1_000 : 200,
            durationMs: bench.isQuick ? 500 : 1_500,
            next: () => bytes,
          });
          rates.set(name, [...(rates.get(name) ?? []), perSecond]);
          bench.say(`${name} ${Math.round(perSecond)}/s, ${errors} errors`);
        }
      }
      const all = (name: string): number[] => rates.get(name) ?? [];
      return ["health", "echo"].flatMap((what) => {
        const of = what === "health" ? "GET /health a second" : "authenticated JSON POST a second";
        const note = `uWS ${rounded(median(all(`relay ${what}`)))}, Fastify ${rounded(median(all(`fastify ${what}`)))}`;
        return [
          row(`${of}, against bare uWebSockets.js`, all(`troupe ${what}`), {
            peer: all(`relay ${what}`),
            goal: ">= 0.7x",
            holds: (_figure, ratio) => ratio >= 0.7,
            note,
          }),
          row(`${of}, against Fastify`, all(`troupe ${what}`), {
            peer: all(`fastify ${what}`),
            goal: ">= 1.5x",
            holds: (_figure, ratio) => ratio >= 1.5,
            note,
          }),
        ];
      });
    } finally {
      await troupe.stop();
      for (const peer of peers) await peer.running.stop();
    }
  },
};
