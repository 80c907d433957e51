// Does a tenant feel another one that sends a hundred times as much? A quiet tenant sends a chat at a
// fixed pace, alone and beside a loud one; then beside one that sends as fast as it is answered.

import { type Bench, type Question, quantile, row } from "../question.ts";
import { Connection, runLoad } from "../support/client.ts";
import { doubtfulMessage, marked, requestBytes, type Target } from "../support/target.ts";
import { makeDesk, startTroupe, targetOf } from "../support/troupe.ts";
import { warm } from "../support/warm.ts";

/** Chats a second of the quiet tenant; the loud one sends `TIMES` as many. */
const QUIET_PER_SECOND = 4;
const TIMES = 100;
const LOUD_CONNECTIONS = 100;
const TICK_MS = 5;
/** Load of a tenant that waits for each answer on so many connections. */
const SATURATING = 100;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let chats = 0;
function chat(target: Target): Buffer {
  chats += 1;
  return requestBytes(target, target.body(`t${chats}`, marked(doubtfulMessage), false));
}

/** Latencies in ms of the quiet tenant's chats, sorted. */
async function quietChats(target: Target, seconds: number): Promise<Float64Array> {
  const latencyMs: number[] = [];
  const connection = new Connection({ port: target.port });
  await connection.open();
  for (let at = 0; at < seconds * QUIET_PER_SECOND; at += 1) {
    const [{ status, latencyUs }] = await Promise.all([
      connection.send(chat(target)),
      wait(1_000 / QUIET_PER_SECOND),
    ]);
    if (status !== 200) throw new Error(`A quiet chat was answered ${status}.`);
    latencyMs.push(latencyUs / 1_000);
  }
  connection.close();
  return Float64Array.from(latencyMs).sort();
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
      connection.send(chat(target)).then(
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
      const quiet = targetOf(troupe, await makeDesk(troupe));
      const loud = targetOf(troupe, await makeDesk(troupe));
      await warm(bench, [quiet, loud]);
      const alone: number[] = [];
      const beside: number[] = [];
      const flooded: number[] = [];
      let note = "";
      for (let round = 0; round < bench.rounds; round += 1) {
        const p99 = (latencyMs: Float64Array): number => quantile(latencyMs, 0.99);
        alone.push(p99(await quietChats(quiet, seconds)));
        const stop = await loudChats(loud, QUIET_PER_SECOND * TIMES);
        beside.push(p99(await quietChats(quiet, seconds)));
        const loudPerSecond = Math.round(stop() / seconds);
        const [saturated, { perSecond }] = await Promise.all([
          quietChats(quiet, seconds),
          runLoad({
            ...{ port: loud.port, inFlight: SATURATING, warmMs: 0 },
            durationMs: seconds * 1_000,
            next: () => chat(loud),
          }),
        ]);
        flooded.push(p99(saturated));
        note = `alone ${alone.at(-1)?.toFixed(1)} ms, beside ${loudPerSecond}/s ${beside.at(-1)?.toFixed(1)} ms, beside ${Math.round(perSecond)}/s (all there is) ${flooded.at(-1)?.toFixed(1)} ms`;
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
