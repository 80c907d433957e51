// What does the store of traces cost? Turns of a server that keeps every trace and of one that keeps none take turns:
// how long they take, the CPU, and flushes to the disk, also of turns that come one by one.

import { setTimeout as wait } from "node:timers/promises";
import { type Bench, median, type Question, quantile, type Row, row } from "../question.ts";
import { runLoad } from "../support/client.ts";
import { noPace } from "../support/fake.ts";
import { clearMessage, marked, requestBytes, type Target } from "../support/target.ts";
import { makeDesk, startTroupe, type Troupe, targetOf } from "../support/troupe.ts";
import { warm } from "../support/warm.ts";

const IN_FLIGHT = 32;
const MOST_CPU = 1.1;
const LOAD_MS = 3_000;
/** In which the store reads what it was told, 200 runs a second. */
const DRAIN_MS = 16_000;
/** Turns that come one by one, and between them longer than a trace waits to be read, ms. */
const SPARSE_TURNS = 5;
const SPARSE_MS = 1_800;

/** The question. */
export const keptTraces: Question = {
  name: "kept-traces",
  async run(bench) {
    await bench.provider.pace(noPace);
    const { port: providerPort } = bench.provider;
    const kept = await startTroupe({ providerPort });
    const none = await startTroupe({
      providerPort,
      yaml: "telemetry:\n  traces: { runs_max: 0 }\n",
    });
    try {
      const arms = [await armOf(kept, "kept"), await armOf(none, "none")];
      await warm(bench, arms);
      const alone = await rounds(bench, arms, 1);
      const many = await rounds(bench, arms, IN_FLIGHT);
      const sparse = new Map<string, readonly number[]>();
      for (const arm of arms) sparse.set(arm.name, [await sparseFlushes(arm)]);
      const stored = await arms[0]?.stored();
      return [
        ...rowsOf(alone, "one at a time"),
        ...rowsOf(many, `${IN_FLIGHT} at once`),
        ...[
          row("flushes a turn, turns that come one by one", sparse.get("kept") ?? [], {
            note: `${sparse.get("none")?.[0]?.toFixed(1)} without the store`,
          }),
          row("traces that the list shows", [stored ?? Number.NaN]),
        ],
      ];
    } finally {
      await kept.stop();
      await none.stop();
    }
  },
};

interface Arm extends Target {
  cpuSeconds(): number;
  flushes(): Promise<number>;
  stored(): Promise<number>;
}

interface Measured {
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
  /** CPU of all threads of the server, in ms a turn: while turns go on, and behind them. */
  readonly cpuMs: number;
  readonly behindMs: number;
  readonly flushes: number;
}

async function armOf(of: Troupe, name: string): Promise<Arm> {
  const desk = await makeDesk(of);
  return {
    ...{ ...targetOf(of, desk), name, cpuSeconds: () => of.running.cpuSeconds() },
    flushes: async () => flushesIn(await of.metrics()),
    stored: async () => {
      const url = `http://127.0.0.1:${of.port}/v2/traces?limit=100`;
      const answer = await fetch(url, { headers: { authorization: `Bearer ${desk.key}` } });
      return ((await answer.json()) as { readonly data: readonly unknown[] }).data.length;
    },
  };
}

function flushesIn(text: string): number {
  const lines = text.matchAll(/^troupe_storage_flush_seconds_count\{[^}]*\} ([\d.e+]+)$/gm);
  return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** By arm. Each round measures both, in the other order than the one before. */
async function rounds(bench: Bench, arms: readonly Arm[], inFlight: number) {
  const all = new Map<string, Measured[]>();
  // The first is not counted: neither client nor provider has done as much at once before.
  for (let at = -1; at < bench.rounds; at += 1) {
    for (const arm of at % 2 === 0 ? [...arms].reverse() : arms) {
      let turns = 0;
      const before = [arm.cpuSeconds(), await arm.flushes()] as const;
      const { addedUs, perSecond } = await runLoad({
        ...{ port: arm.port, inFlight, durationMs: LOAD_MS, warmMs: 0 },
        next: () => {
          turns += 1;
          const session = `t${inFlight}-${at}-${turns}`;
          return requestBytes(arm, arm.body(session, marked(clearMessage), false));
        },
      });
      const cpuSeconds = arm.cpuSeconds();
      await wait(bench.isQuick ? DRAIN_MS / 2 : DRAIN_MS);
      const measured = {
        ...{ p50: quantile(addedUs, 0.5) / 1_000, p99: quantile(addedUs, 0.99) / 1_000, perSecond },
        cpuMs: ((cpuSeconds - before[0]) * 1_000) / turns,
        behindMs: ((arm.cpuSeconds() - cpuSeconds) * 1_000) / turns,
        flushes: ((await arm.flushes()) - before[1]) / turns,
      };
      if (at >= 0) all.set(arm.name, [...(all.get(arm.name) ?? []), measured]);
      bench.say(`${inFlight} ${arm.name} ${JSON.stringify(measured)}`);
    }
  }
  return all;
}

function rowsOf(all: ReadonlyMap<string, readonly Measured[]>, when: string): readonly Row[] {
  const of = (name: string, which: keyof Measured): number[] =>
    (all.get(name) ?? []).map((one) => one[which]);
  const against = (which: keyof Measured) => {
    const without = median(of("none", which));
    return { peer: of("none", which), note: `${without.toPrecision(3)} without the store` };
  };
  return [
    row(`ms of a turn, p50, ${when}`, of("kept", "p50"), against("p50")),
    row(`ms of a turn, p99, ${when}`, of("kept", "p99"), against("p99")),
    row(`turns a second, ${when}`, of("kept", "perSecond"), against("perSecond")),
    row(`CPU ms a turn while turns go on, ${when}`, of("kept", "cpuMs"), {
      ...against("cpuMs"),
      ...{ goal: `<= ${MOST_CPU}x of a server without`, holds: (_, ratio) => ratio <= MOST_CPU },
    }),
    row(`CPU ms a turn behind them, ${when}`, of("kept", "behindMs"), against("behindMs")),
    row(`flushes a turn, ${when}`, of("kept", "flushes"), against("flushes")),
  ];
}

/** Flushes of a turn beside which nothing else goes on. */
async function sparseFlushes(arm: Arm): Promise<number> {
  await wait(2 * SPARSE_MS);
  const before = await arm.flushes();
  for (let at = 0; at < SPARSE_TURNS; at += 1) {
    await runLoad({
      ...{ port: arm.port, inFlight: 1, durationMs: 1, warmMs: 0 },
      next: () => requestBytes(arm, arm.body(`sparse-${at}`, marked(clearMessage), false)),
    });
    await wait(SPARSE_MS);
  }
  return ((await arm.flushes()) - before) / SPARSE_TURNS;
}
