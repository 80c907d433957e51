// Does a tenant feel another one that sends a hundred times as much? A quiet tenant sends a chat at a
// fixed pace, alone and beside a loud one; then beside one that sends as fast as it is answered. What
// the machine itself makes of that load is measured at the same time: puts with their flushes, one
// after another, in a process of their own.

import { type Bench, type Question, row } from "../question.ts";
import { Connection, runLoad } from "../support/client.ts";
import { nextChat, pacedP99 } from "../support/paced.ts";
import { measure } from "../support/run-program.ts";
import { type Calm, calmly } from "../support/stolen.ts";
import type { Target } from "../support/target.ts";
import { makeDesk, startTroupe, targetOf } from "../support/troupe.ts";
import { warm } from "../support/warm.ts";

/** Chats a second of the quiet tenant; the loud one sends `TIMES` as many. */
const QUIET_PER_SECOND = 4;
/** Quiet tenants that are measured at once: the slowest of too few chats is not their p99. */
const QUIET_TENANTS = 5;
const TIMES = 100;
const LOUD_CONNECTIONS = 100;
const TICK_MS = 5;
/** Load of a tenant that waits for each answer on so many connections. */
const SATURATING = 100;

/** What was measured at once: p99 of the quiet tenants' chats and of a put with its flush, ms. */
interface Felt {
  readonly chatMs: number;
  readonly putMs: number;
  /** Chats of the loud tenant that were answered. */
  readonly loudPerSecond?: number;
}

async function feel(quiet: readonly Target[], seconds: number): Promise<Felt> {
  const [put, chatMs] = await Promise.all([
    measure("put-batch-main", [1, seconds - 1]),
    pacedP99(quiet, { perSecond: QUIET_PER_SECOND, seconds }),
  ]);
  return { chatMs, putMs: put["p99"] ?? Number.NaN };
}

function said({ value: { chatMs, putMs, loudPerSecond }, stolen }: Calm<Felt>): string {
  const load = loudPerSecond === undefined ? "" : `${loudPerSecond.toFixed(0)}/s `;
  const taken = `${(stolen * 100).toFixed(1)} % of the CPU stolen`;
  return `${load}${chatMs.toFixed(1)} ms (a put and flush ${putMs.toFixed(1)}; ${taken})`;
}

/** Sends at a pace, whatever is answered; returns how many were answered when it is stopped. */
async function loudChats(target: Target, perSecond: number): Promise<() => number> {
  const idle = Array.from(
    { length: LOUD_CONNECTIONS },
    () => new Connection({ port: target.port }),
  );
  const all = [...idle];
  await Promise.all(all.map((connection) => connection.open()));
  const startMs = performance.now();
  let sent = 0;
  let answered = 0;
  const timer = setInterval(() => {
    const due = ((performance.now() - startMs) / 1_000) * perSecond;
    for (; sent < due; sent += 1) {
      const connection = idle.pop();
      if (connection === undefined) return;
      connection.send(nextChat(target)).then(
        () => {
          answered += 1;
          idle.push(connection);
        },
        () => undefined,
      );
    }
  }, TICK_MS);
  return () => {
    clearInterval(timer);
    for (const connection of all) connection.close();
    return answered;
  };
}

/** The question. */
export const chatTenants: Question = {
  name: "chat-tenants",
  async run(bench: Bench) {
    const seconds = bench.isQuick ? 4 : 10;
    const troupe = await startTroupe({ providerPort: bench.provider.port });
    try {
      const quiet: Target[] = [];
      for (let at = 0; at < QUIET_TENANTS; at += 1) {
        quiet.push(targetOf(troupe, await makeDesk(troupe)));
      }
      const loud = targetOf(troupe, await makeDesk(troupe));
      await warm(bench, [...quiet, loud]);
      const alone: number[] = [];
      const beside: number[] = [];
      const flooded: number[] = [];
      let note = "";
      for (let round = 0; round < bench.rounds; round += 1) {
        const calm = await calmly(() => feel(quiet, seconds));
        const loaded = await calmly(async () => {
          const stop = await loudChats(loud, QUIET_PER_SECOND * TIMES);
          const felt = await feel(quiet, seconds);
          return { ...felt, loudPerSecond: stop() / seconds };
        });
        const full = await calmly(async () => {
          const load = runLoad({
            ...{ port: loud.port, inFlight: SATURATING, warmMs: 0 },
            durationMs: seconds * 1_000,
            next: () => nextChat(loud),
          });
          const [felt, done] = await Promise.all([feel(quiet, seconds), load]);
          return { ...felt, loudPerSecond: done.perSecond };
        });
        alone.push(calm.value.chatMs);
        beside.push(loaded.value.chatMs);
        flooded.push(full.value.chatMs);
        note = `alone ${said(calm)}, beside ${said(loaded)}, beside all there is ${said(full)}`;
        bench.say(note);
      }
      return [
        row(`p99 of a quiet tenant beside ${TIMES} times its load, against alone`, beside, {
          peer: alone,
          goal: "<= 2x",
          holds: (_, ratio) => ratio <= 2,
          note,
        }),
        row(`p99 of a quiet tenant beside ${SATURATING} chats at once, against alone`, flooded, {
          peer: alone,
          note: "the loud tenant takes all the CPU there is",
        }),
      ];
    } finally {
      await troupe.stop();
    }
  },
};
