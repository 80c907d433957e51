// kill -9 of the real process under load, fifty times at random moments. Clients repeat what was
// not acknowledged under the same key. In the end every turn is there once and in order, no stored
// step was done again, and the books are exact.

import { afterAll, beforeAll, expect, test } from "vitest";
import { answerLoad, callsOf, faultsOf, startLoad } from "../support/chat-load.ts";
import { makeDesk, type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const KILLS = 50;
const CLIENTS = 12;
/** Longest life of one process under load, ms. */
const LIFE_MS = 500;

let product: Product;

beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "1" } });
});
afterAll(() => product.end());

/** A generator of numbers in [0, 1) that a seed decides (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function conversationsOf(agent: string): Promise<number> {
  let count = 0;
  let cursor = "";
  do {
    const query = `agent_key=${agent}&limit=100${cursor && `&cursor=${cursor}`}`;
    const { body } = await product.call("GET", `/v1/proxy/core-agent-conversations?${query}`);
    count += body.data.length;
    cursor = body.pagination.next_cursor ?? "";
  } while (cursor !== "");
  return count;
}

test("kill -9 under load, 50 times: no turn lost, doubled or out of order, and none paid twice", {
  timeout: 170_000,
}, async () => {
  const seed = Number(process.env["E2E_SEED"] ?? Date.now() % 1_000_000);
  console.log(`kill.test: seed ${seed} (E2E_SEED repeats it)`);
  const random = seeded(seed);
  const agent = await makeDesk(product);
  answerLoad(product);
  const before = await product.balance();
  const load = startLoad(product, agent, CLIENTS);
  /** Where the provider's log stood at each kill, and how many calls were open. */
  const kills: number[] = [];
  let openCalls = 0;
  let openTurns = 0;

  for (let kill = 0; kill < KILLS; kill += 1) {
    await new Promise((resolve) => setTimeout(resolve, random() * LIFE_MS));
    openTurns += load.open();
    await product.kill();
    const calls = product.provider.calls();
    const made = calls.slice(kills.at(-1) ?? 0);
    openCalls += made.filter((call) => call.outcome !== "answered").length;
    kills.push(calls.length);
    await product.start();
  }
  await load.finish();

  const acknowledged = load.acknowledged();
  const turns = callsOf(product, load.talks);
  const bootOf = (at: number): number => kills.filter((length) => at >= length).length;
  const repeated = turns.reduce((sum, { routes, answers }) => {
    return sum + Math.max(0, routes.length - 1) + answers.length - 1;
  }, 0);
  console.log(
    `kill.test: ${acknowledged} turns, ${repeated} calls repeated, ` +
      `${openTurns} turns and ${openCalls} calls open at the kills`,
  );
  expect(acknowledged).toBeGreaterThan(KILLS);
  expect(await faultsOf(product, load.talks)).toEqual([]);
  for (const { turn, routes, answers } of turns) {
    const boots = answers.map(bootOf);
    // Within one life of the process a step's call is made once; what was routed stays routed.
    expect([turn.marker, new Set(boots).size]).toEqual([turn.marker, answers.length]);
    expect(new Set(routes.map(bootOf)).size).toBe(routes.length);
    expect(routes.every((at) => at < (answers[0] ?? 0))).toBe(true);
    expect(answers.length).toBeGreaterThan(0);
  }
  expect(repeated).toBeGreaterThan(0);
  // A turn has one call in flight at most, and what was answered may not have been stored yet.
  expect(repeated).toBeLessThanOrEqual(openTurns);
  expect(turns.some(({ routes }) => routes.length > 0)).toBe(true);
  expect(new Set(turns.map(({ turn }) => turn.run)).size).toBe(turns.length);
  expect(await conversationsOf(agent)).toBe(load.talks.filter(({ key }) => key !== null).length);
  expect(before - (await product.balance())).toBe(acknowledged * 1_000);
  const usage = await product.call("GET", "/admin/usage");
  const chats = usage.body.services.find((one: Json) => one.service === "core-agent-chat");
  expect(chats).toMatchObject({ calls: acknowledged, failed: 0 });
  expect((await product.call("GET", "/admin/dead-letters")).body.data).toEqual([]);
});
