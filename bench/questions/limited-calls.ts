// What do budgets cost where nothing is near its limit? Turns of two tenants of one server take turns: one
// has no budget, the other one of the tenant, one of the agent and one of the key, so that each of a turn's
// two model calls is reserved and settled in three. A third arm is the second one on a server that lets no
// reservation go out before the disk has it: what marks that are flushed ahead (actors/money/ahead.ts) gain.

import { type Bench, type Question, quantile, type Row, row } from "../question.ts";
import { runLoad } from "../support/client.ts";
import { doubtfulMessage, marked, requestBytes, type Target } from "../support/target.ts";
import { type Desk, makeDesk, startTroupe, type Troupe, targetOf } from "../support/troupe.ts";
import { warm } from "../support/warm.ts";

const IN_FLIGHT = 32;
/** Units; a turn costs some ten-thousandths of one. */
const LIMIT = 1_000_000;
const MOST_LATENCY = 1.5;
const LEAST_THROUGHPUT = 0.6;
const yaml =
  "known_models:\n  - { name: fake-fast, input_micros: 1000000, output_micros: 2000000 }\n";

const noBootId = new URL("../support/no-boot-id.js", import.meta.url);

/** The question. */
export const limitedCalls: Question = {
  name: "limited-calls",
  async run(bench) {
    const parts = { providerPort: bench.provider.port, yaml };
    const troupe = await startTroupe(parts);
    const flushing = await startTroupe({ ...parts, nodeArgs: [`--import=${noBootId.href}`] });
    try {
      const arm = (of: Troupe, desk: Desk, name: string): Arm => {
        return { ...targetOf(of, desk), name, cpuSeconds: () => of.running.cpuSeconds() };
      };
      const free = arm(troupe, await makeDesk(troupe), "without");
      const desk = await makeDesk(troupe);
      const limited = arm(troupe, desk, "with");
      await makeBudgets(troupe, desk);
      const slowDesk = await makeDesk(flushing);
      const flushed = arm(flushing, slowDesk, "flushed");
      await makeBudgets(flushing, slowDesk);
      const targets = [free, limited, flushed];
      await warm(bench, targets);
      const alone = await rounds(bench, targets, 1);
      const many = await rounds(bench, targets, IN_FLIGHT);
      return rowsOf(alone, many);
    } finally {
      await troupe.stop();
      await flushing.stop();
    }
  },
};

async function makeBudgets({ port }: Troupe, { key, agent }: Desk): Promise<void> {
  const ask = async (path: string, body?: unknown): Promise<Record<string, unknown>> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${path} answered ${response.status}.`);
    return (await response.json()) as Record<string, unknown>;
  };
  const { data } = (await ask("/admin/keys")) as { data: { id: string }[] };
  for (const of of [
    { scope: "tenant" },
    { scope: "agent", subject: agent, period: "day" },
    ...data.map(({ id }) => ({ scope: "key", subject: id, period: "month" })),
  ]) {
    await ask("/admin/budgets", { ...of, limit: LIMIT });
  }
}

interface Measured {
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
  /** CPU of all threads of the server, in ms a turn: what a busy machine changes least. */
  readonly cpuMs: number;
}

interface Arm extends Target {
  /** Of its server, until now. */
  cpuSeconds(): number;
}

/** By target. Each round measures all, in the other order than the one before. */
async function rounds(
  bench: Bench,
  targets: readonly Arm[],
  inFlight: number,
): Promise<ReadonlyMap<string, readonly Measured[]>> {
  const all = new Map<string, Measured[]>();
  for (let at = 0; at < bench.rounds * 2; at += 1) {
    for (const target of at % 2 === 0 ? targets : [...targets].reverse()) {
      let session = 0;
      const before = target.cpuSeconds();
      const { addedUs, perSecond } = await runLoad({
        port: target.port,
        inFlight,
        durationMs: bench.isQuick ? 700 : 1_500,
        warmMs: 200,
        next: () => {
          session += 1;
          const name = `b${inFlight}-${at}-${session}`;
          return requestBytes(target, target.body(name, marked(doubtfulMessage), false));
        },
      });
      const [p50, p99] = [quantile(addedUs, 0.5) / 1_000, quantile(addedUs, 0.99) / 1_000];
      const cpuMs = ((target.cpuSeconds() - before) * 1_000) / session;
      all.set(target.name, [...(all.get(target.name) ?? []), { p50, p99, perSecond, cpuMs }]);
      const figures = `p50 ${p50.toFixed(2)} ms, ${perSecond.toFixed(0)} turns/s`;
      bench.say(`${inFlight} ${target.name} ${figures}, CPU ${cpuMs.toFixed(2)} ms a turn`);
    }
  }
  return all;
}

type Rounds = Awaited<ReturnType<typeof rounds>>;

function rowsOf(alone: Rounds, many: Rounds): readonly Row[] {
  const of = (measured: Rounds, name: string, which: keyof Measured): number[] =>
    (measured.get(name) ?? []).map((one) => one[which]);
  const pair = (
    measured: Rounds,
    which: keyof Measured,
    peer = "without",
  ): [number[], { peer: number[] }] => [
    of(measured, "with", which),
    { peer: of(measured, peer, which) },
  ];
  const [p50, toP50] = pair(alone, "p50");
  const [p99, toP99] = pair(alone, "p99");
  const [rate, toRate] = pair(many, "perSecond");
  return [
    row("added latency with three budgets, 1 at once, p50 ms, against none", p50, {
      ...toP50,
      goal: `<= ${MOST_LATENCY}x`,
      holds: (_, ratio) => ratio <= MOST_LATENCY,
    }),
    row("the same, p99 ms", p99, toP99),
    row(`turns/s with three budgets, ${IN_FLIGHT} at once, against none`, rate, {
      ...toRate,
      goal: `>= ${LEAST_THROUGHPUT}x`,
      holds: (_, ratio) => ratio >= LEAST_THROUGHPUT,
    }),
    row(
      "added latency with three budgets, 1 at once, p50 ms, against each reservation flushed first",
      ...pair(alone, "p50", "flushed"),
    ),
    row(
      `turns/s with three budgets, ${IN_FLIGHT} at once, against each reservation flushed first`,
      ...pair(many, "perSecond", "flushed"),
    ),
    row("CPU of the server a turn, 1 at once, ms, against none", ...pair(alone, "cpuMs")),
    row(`CPU of the server a turn, ${IN_FLIGHT} at once, ms, against none`, ...pair(many, "cpuMs")),
  ];
}
