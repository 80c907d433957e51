// Ten thousand open event streams, one token a second on each: how late do tokens come, and what does
// a stream take in memory? Ours are viewers of a hundred runs; the limit is bare uWebSockets.js.

import { type Bench, type Question, quantile, row } from "../question.ts";
import { Connection } from "../support/client.ts";
import { startPeer } from "../support/peers.ts";
import type { Running } from "../support/processes.ts";
import { clearMessage, getBytes, marked, requestBytes } from "../support/target.ts";
import { makeDesk, startTroupe, targetOf } from "../support/troupe.ts";

const RUNS = 100;
const TOKEN_MS = 1_000;
const WINDOW_MS = 5_000;
/** Opened at once, so that the listener's backlog is not what is measured. */
const OPEN_AT_ONCE = 200;
/** Long enough for opening, settling and the window. */
const pace = { firstTokenMs: 0, tokenMs: TOKEN_MS, tokens: 600, routeTokens: 1 };
const RUN_ID_TIMEOUT_MS = 10_000;

interface Side {
  readonly p99Ms: number;
  readonly bytesEach: number;
  readonly perSecond: number;
}

/** The question. */
export const openStreams: Question = {
  name: "open-streams",
  async run(bench) {
    const streams = bench.isQuick ? 1_000 : 10_000;
    await bench.provider.pace(pace);
    const relay = await startPeer("relay", bench.provider.port, { PEER_TOKEN_MS: `${TOKEN_MS}` });
    const bare =
      relay && (await watch(bench, relay.running, streams, () => getBytes(relay, "/sse")));
    await relay?.running.stop();
    const ours = await watchOurs(bench, streams);
    const note =
      `ours ${ours.perSecond.toFixed(0)} tokens/s, ${ours.p99Ms.toFixed(1)} ms; ` +
      `bare ${bare?.perSecond.toFixed(0)} tokens/s, ${bare?.p99Ms.toFixed(1)} ms, ${bare?.bytesEach.toFixed(0)} B a stream`;
    return [
      row(`${streams} open streams: delay of a token, p99 ms, against bare uWS`, [ours.p99Ms], {
        peer: [bare?.p99Ms ?? Number.NaN],
        goal: "<= 2x",
        holds: (_figure, ratio) => ratio <= 2,
        note,
      }),
      row(
        `${streams} open streams: bytes a stream over bare uWS`,
        [ours.bytesEach - (bare?.bytesEach ?? Number.NaN)],
        { goal: "<= 3072", holds: (figure) => figure <= 3_072, note },
      ),
    ];
  },
};

async function watchOurs(bench: Bench, streams: number): Promise<Side> {
  const troupe = await startTroupe({ providerPort: bench.provider.port });
  try {
    const target = targetOf(troupe, await makeDesk(troupe));
    const chats = Array.from({ length: RUNS }, () => new Connection({ port: troupe.port }));
    const runs: string[] = [];
    for (const chat of chats) {
      await chat.open();
      // Spread over the time of a token, as those of the bare server are.
      await wait(TOKEN_MS / RUNS);
      const body = target.body("", marked(clearMessage), true);
      runs.push(
        await chat.sendAndFind(requestBytes(target, body), /"run_id":"(\w+)"/, RUN_ID_TIMEOUT_MS),
      );
    }
    let at = 0;
    const side = await watch(bench, troupe.running, streams, () => {
      at += 1;
      return getBytes(target, `/v2/runs/${runs[at % RUNS]}/events`);
    });
    for (const chat of chats) chat.close();
    return side;
  } finally {
    await troupe.stop("SIGKILL");
  }
}

async function watch(
  bench: Bench,
  running: Running,
  streams: number,
  next: () => Buffer,
): Promise<Side> {
  const delays: number[] = [];
  let isCounting = false;
  const onToken = (delayUs: number): void => {
    if (isCounting) delays.push(delayUs);
  };
  const before = running.residentBytes();
  const open: Connection[] = [];
  while (open.length < streams) {
    const some = Array.from(
      { length: OPEN_AT_ONCE },
      () => new Connection({ port: running.port, onToken }),
    );
    await Promise.all(some.map((one) => one.open()));
    for (const one of some) one.send(next()).catch(() => {});
    open.push(...some);
  }
  await wait(2 * TOKEN_MS);
  isCounting = true;
  await wait(WINDOW_MS);
  isCounting = false;
  const bytesEach = (running.residentBytes() - before) / streams;
  for (const one of open) one.close();
  const side = {
    p99Ms: quantile(Float64Array.from(delays).sort(), 0.99) / 1_000,
    bytesEach,
    perSecond: (delays.length * 1_000) / WINDOW_MS,
  };
  bench.say(
    `p99 ${side.p99Ms.toFixed(1)} ms, ${bytesEach.toFixed(0)} B a stream, ${side.perSecond} tokens/s`,
  );
  return side;
}

const wait = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
