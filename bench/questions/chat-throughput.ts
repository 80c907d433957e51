// How many chat turns a second, 32 at once, when the provider answers at once? Ours stores every turn
// durably; of the peers only those that say so do.

import {
  type Bench,
  median,
  type Question,
  quantile,
  type Row,
  rounded,
  row,
} from "../question.ts";
import { type LoadResult, runLoad } from "../support/client.ts";
import { type Peer, type PeerName, startPeers } from "../support/peers.ts";
import type { Running } from "../support/processes.ts";
import {
  clearMessage,
  doubtfulMessage,
  marked,
  requestBytes,
  type Target,
} from "../support/target.ts";
import { makeDesk, startTroupe, targetOf } from "../support/troupe.ts";
import { warm } from "../support/warm.ts";

const IN_FLIGHT = 32;
/** Those of which a short window would see only a few turns. */
const slow: ReadonlySet<string> = new Set(["langgraph", "voltagent", "mastra"]);

interface Goal {
  readonly peer: PeerName;
  readonly atLeast: number;
  readonly note: string;
}

const goals: readonly Goal[] = [
  { peer: "relay", atLeast: 0.2, note: "two bare calls, nothing stored" },
  { peer: "ai-sdk", atLeast: 3, note: "nothing stored" },
  { peer: "openai-agents", atLeast: 5, note: "nothing stored" },
  { peer: "langgraph", atLeast: 12, note: "sqlite, loses nothing" },
  { peer: "voltagent", atLeast: 12, note: "LibSQL, loses turns" },
  { peer: "mastra", atLeast: 100, note: "LibSQL, loses nothing" },
];

/** The question. */
export const chatThroughput: Question = {
  name: "chat-throughput",
  async run(bench) {
    const troupe = await startTroupe({ providerPort: bench.provider.port });
    const names = [...goals.map(({ peer }) => peer), "relay-one-call", "portkey"] as const;
    const peers = await startPeers(names, bench.provider.port);
    try {
      const ours = targetOf(troupe, await makeDesk(troupe));
      const targets: Measured[] = [
        { target: ours, running: troupe.running, message: doubtfulMessage, name: "troupe" },
        { target: ours, running: troupe.running, message: clearMessage, name: "troupe-clear" },
        ...peers.map((peer) => peerTarget(peer)),
      ];
      await warm(bench, [ours, ...peers]);
      const rounds = await measure(bench, targets);
      return rowsOf(rounds);
    } finally {
      await troupe.stop();
      for (const peer of peers) await peer.running.stop();
    }
  },
};

interface Measured {
  readonly name: string;
  readonly target: Target;
  readonly running: Running;
  readonly message: string;
}

interface Round {
  readonly perSecond: number;
  readonly cpuUs: number;
  readonly result: LoadResult;
}

function peerTarget(peer: Peer): Measured {
  return { name: peer.name, target: peer, running: peer.running, message: doubtfulMessage };
}

async function measure(bench: Bench, targets: readonly Measured[]): Promise<Map<string, Round[]>> {
  const rounds = new Map<string, Round[]>();
  const durationMs = bench.isQuick ? 1_000 : 2_000;
  for (let at = 0; at < bench.rounds; at += 1) {
    for (const { name, target, running, message } of targets) {
      let session = 0;
      const cpu = running.cpuSeconds();
      const result = await runLoad({
        port: target.port,
        inFlight: IN_FLIGHT,
        durationMs: slow.has(name) ? 2 * durationMs : durationMs,
        warmMs: 300,
        next: () => {
          session += 1;
          return requestBytes(target, target.body(`s${at}-${session}`, marked(message), false));
        },
      });
      const cpuUs = ((running.cpuSeconds() - cpu) * 1e6) / session;
      const perSecond = result.perSecond;
      rounds.set(name, [...(rounds.get(name) ?? []), { perSecond, cpuUs, result }]);
      bench.say(
        `${name} ${Math.round(perSecond)}/s, ${Math.round(cpuUs)} us CPU, ${result.errors} errors`,
      );
    }
  }
  return rounds;
}

function rowsOf(rounds: Map<string, Round[]>): Row[] {
  const rates = (name: string): number[] => (rounds.get(name) ?? []).map((one) => one.perSecond);
  const ours = rates("troupe");
  const noteOf = (name: string): string => {
    const cpu = rounded(median((rounds.get(name) ?? []).map((one) => one.cpuUs)));
    const p99 = (rounds.get(name) ?? []).map((one) => quantile(one.result.latencyUs, 0.99) / 1_000);
    return `${rounded(median(rates(name)))}/s, ${cpu} us CPU a turn, p99 ${rounded(median(p99))} ms`;
  };
  const errors = (rounds.get("troupe") ?? []).reduce((sum, one) => sum + one.result.errors, 0);
  const rows = goals.map(({ peer, atLeast, note }) =>
    row(`chat turns/s at 32 at once, against ${peer}`, ours, {
      peer: rates(peer),
      goal: `>= ${atLeast}x`,
      holds: (_figure, ratio) => ratio >= atLeast,
      note: `ours ${noteOf("troupe")}; ${peer} ${noteOf(peer)} (${note})`,
    }),
  );
  return [
    ...rows,
    row("chat turns/s at 32 at once, against portkey (relays one call)", ours, {
      peer: rates("portkey"),
      note: `portkey ${noteOf("portkey")}`,
    }),
    row(
      "chat turns/s at 32 at once, clear route, against a relay of one call",
      rates("troupe-clear"),
      {
        peer: rates("relay-one-call"),
        note: `ours ${noteOf("troupe-clear")}; relay ${noteOf("relay-one-call")}`,
      },
    ),
    row("failed chat turns at 32 at once", [errors], {
      goal: "0",
      holds: (figure) => figure === 0,
    }),
  ];
}
