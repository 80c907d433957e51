// The death of a worker thread of the real process under load, twenty times, in every way a thread
// dies: no turn is lost, doubled or out of order, streams see a reset and never an error, and the
// shards of the other worker answer meanwhile.

import { afterAll, beforeAll, expect, test } from "vitest";
import { answerLoad, callsOf, faultsOf, startLoad } from "../support/chat-load.ts";
import type { Death } from "../support/deadly.ts";
import { CHAT, makeDesk, type Product, startProduct } from "../support/product.ts";
import type { Json, Streamed } from "../support/wire-client.ts";

const DEATHS = 20;
const CLIENTS = 12;
const ways = ["terminated", "throws", "terminated", "no-memory"] as const;

let product: Product;
let agent = "";

beforeAll(async () => {
  product = await startProduct({
    preload: new URL("../support/deadly.js", import.meta.url),
    env: { TROUPE_WORKERS: "2" },
  });
  agent = await makeDesk(product);
});
afterAll(() => product.end());

const runtime = async (): Promise<Json> => (await product.call("GET", "/admin/runtime")).body;

/** Has a worker die; resolves when the process has noticed. */
async function die(death: Death): Promise<void> {
  const { worker_deaths: deaths } = await runtime();
  product.server.process.send?.(death);
  await expect
    .poll(async () => (await runtime()).worker_deaths, { timeout: 20_000 })
    .toBe(deaths + 1);
}

/** Frames of a run until its end. */
async function frames(stream: Streamed): Promise<readonly Json[]> {
  return (await stream.rest()).map(({ data }) => JSON.parse(data));
}

/** Frames of a run until this text has come: from then on a death has something to take back. */
async function framesUntil(stream: Streamed, text: string): Promise<readonly Json[]> {
  const frames: Json[] = [];
  for (let event = await stream.next(); event !== undefined; event = await stream.next()) {
    frames.push(JSON.parse(event.data));
    if (event.data.includes(text)) return frames;
  }
  throw new Error(`The stream ended without "${text}": ${JSON.stringify(frames)}`);
}

test("a worker dies under load, 20 times: no turn lost, doubled or out of order", {
  timeout: 170_000,
}, async () => {
  answerLoad(product);
  const before = await product.balance();
  const load = startLoad(product, agent, CLIENTS);
  /** Where the provider's log stood before and after each death. */
  const deaths: { readonly from: number; readonly to: number }[] = [];

  for (let death = 0; death < DEATHS; death += 1) {
    const enough = load.acknowledged() + 6;
    await expect
      .poll(() => load.acknowledged(), { timeout: 20_000, interval: 5 })
      .toBeGreaterThan(enough);
    const from = product.provider.count();
    await die({ worker: death % 2, way: ways[(death >> 1) % ways.length] ?? "terminated" });
    deaths.push({ from, to: product.provider.count() });
  }
  await load.finish();

  const turns = callsOf(product, load.talks);
  const acknowledged = load.acknowledged();
  const repeated = turns.reduce((sum, { answers }) => sum + answers.length - 1, 0);
  const sentAgain = turns.filter(({ turn }) => turn.sent > 1).length;
  console.log(
    `worker-death.test: ${acknowledged} turns, ${repeated} calls repeated, ` +
      `${sentAgain} turns sent again, ${load.restarts()} streams restarted`,
  );
  expect(await faultsOf(product, load.talks)).toEqual([]);
  for (const { turn, routes, answers } of turns) {
    // Between two calls for one step lies a death; what was routed stays routed. What a worker sent just
    // before its death may be read by a busy provider after it: one call of each client at most.
    const isParted = answers
      .slice(1)
      .every((at, n) =>
        deaths.some(({ from, to }) => (answers[n] ?? 0) < to + CLIENTS && at >= from),
      );
    expect([turn.marker, isParted]).toEqual([turn.marker, true]);
    expect(routes.every((at) => at < (answers[0] ?? 0))).toBe(true);
  }
  expect(repeated).toBeGreaterThan(0);
  expect(repeated).toBeLessThanOrEqual(DEATHS * CLIENTS);
  expect(new Set(turns.map(({ turn }) => turn.run)).size).toBe(turns.length);
  expect(before - (await product.balance())).toBe(acknowledged * 1_000);
  expect((await runtime()).worker_deaths).toBe(DEATHS);
  expect((await product.call("GET", "/admin/dead-letters")).body.data).toEqual([]);
});

test("streams of a worker that dies see a reset and go on; the other worker's see nothing", {
  timeout: 180_000,
}, async () => {
  const pieces = ["one ", "two ", "three ", "four"];
  const names = Array.from({ length: 8 }, (_, n) => `q-stream-${n}`);
  for (const name of names) product.provider.when(name, { pieces, hang: 2, times: 1 });
  const streams = await Promise.all(
    names.map((name) => {
      const body = { input: `refund ${name}`, mode: "stream" };
      return product.events("POST", `/v2/agents/${agent}/runs`, body);
    }),
  );
  const begun = await Promise.all(streams.map((stream) => framesUntil(stream, "two")));
  const calls = product.provider.count();
  product.provider.otherwise({ pieces });

  await die({ worker: 0, way: "terminated" });
  const other = await product.call("POST", CHAT, { agent_key: agent, message: "refund now" });
  await product.provider.until((call) => call.lastUser.includes("q-stream") && call.tokens === 4);
  await die({ worker: 1, way: "throws" });
  const seen = await Promise.all(streams.map(frames));

  expect(other.status).toBe(200);
  for (const [at, rest] of seen.entries()) {
    const all = [...(begun[at] ?? []), ...rest];
    const types = all.map((frame) => frame.type);
    expect(types.filter((type) => type === "reset")).toHaveLength(1);
    expect(types).not.toContain("error");
    expect(all.at(-1)).toMatchObject({ type: "end", reply: { response: pieces.join("") } });
  }
  expect(product.provider.count()).toBe(calls + names.length + 1);
});
