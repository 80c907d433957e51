// kill -9 of the real process under load, twenty times at random moments, and four times while it starts. Clients repeat what was
// not acknowledged under the same key. In the end every turn is there once and in order, no stored
// step was done again, and the books are exact.

import { afterAll, beforeAll, expect, test } from "vitest";
import { seeded } from "../../runtime/testkit/schedule.ts";
import { answerLoad, callsOf, faultsOf, startLoad } from "../support/chat-load.ts";
import type { LoggedCall } from "../support/fake-provider.ts";
import { makeDesk, type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const KILLS = 20;
const CLIENTS = 12;
/** Longest life of one process under load, ms. */
const LIFE_MS = 500;
/** About the time of a start, ms. */
const START_MS = 800;

let product: Product;

beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "1" } });
});
afterAll(() => product.end());

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

test("kill -9 under load, 20 times: no turn lost, doubled or out of order, and none paid twice", {
  timeout: 170_000,
}, async () => {
  const seed = Number(process.env["E2E_SEED"] ?? Date.now() % 1_000_000);
  console.log(`kill.test: seed ${seed} (E2E_SEED repeats it)`);
  const random = seeded(seed);
  const agent = await makeDesk(product);
  answerLoad(product);
  const before = await product.balance();
  const load = startLoad(product, agent, CLIENTS);
  /** Where the provider's log stood at each kill, and the calls that were under way just before. */
  const kills: number[] = [];
  const inFlight = new Set<LoggedCall>();
  const seen: number[] = [];
  let openTurns = 0;

  for (let kill = 0; kill < KILLS; kill += 1) {
    await new Promise((resolve) => setTimeout(resolve, random() * LIFE_MS));
    // On a machine with much to do a life goes on until it has got somewhere.
    await expect.poll(() => load.acknowledged(), { timeout: 20_000 }).toBeGreaterThan(kill);
    openTurns += load.open();
    for (const call of product.provider.calls()) if (call.outcome === "open") inFlight.add(call);
    seen.push(product.provider.count());
    await product.kill();
    kills.push(product.provider.count());
    // Now and then the start itself is killed, while it takes up what was left.
    // A life that short may make calls too.
    if (kill % 5 === 4) {
      openTurns += load.open();
      seen.push(product.provider.count());
      await product.startAndKill(random() * START_MS);
      kills.push(product.provider.count());
    }
    await product.start();
  }
  await load.finish();

  const acknowledged = load.acknowledged();
  const turns = callsOf(product, load.talks);
  const bootOf = (at: number): number => kills.filter((length) => at >= length).length;
  const log = product.provider.calls();
  // Every call of a step but its last one was made for nothing.
  const lost = turns.flatMap(({ routes, answers }) => [
    ...routes.slice(0, -1),
    ...answers.slice(0, -1),
  ]);
  const lostInFlight = lost.filter((at) => inFlight.has(log[at] as LoggedCall)).length;
  const lostAtOnce = lost.filter((at) => kills.some((to, n) => at >= (seen[n] ?? 0) && at < to));
  console.log(
    `kill.test: ${acknowledged} turns; ${lost.length} calls made again: ${lostInFlight} under way ` +
      `just before their kill (of ${inFlight.size}), ${lostAtOnce.length} begun with it, the rest ` +
      `answered and not stored yet; ${openTurns} turns were open`,
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
  expect(lost.length).toBeGreaterThan(0);
  // A turn has one call in flight at most, and what was answered may not have been stored yet.
  expect(lost.length).toBeLessThanOrEqual(openTurns);
  expect(turns.some(({ routes }) => routes.length > 0)).toBe(true);
  expect(new Set(turns.map(({ turn }) => turn.run)).size).toBe(turns.length);
  expect(await conversationsOf(agent)).toBe(load.talks.filter(({ key }) => key !== null).length);
  expect(before - (await product.balance())).toBe(acknowledged * 1_000);
  const usage = await product.call("GET", "/admin/usage");
  const chats = usage.body.services.find((one: Json) => one.service === "core-agent-chat");
  expect(chats).toMatchObject({ calls: acknowledged, failed: 0 });
  expect((await product.call("GET", "/admin/dead-letters")).body.data).toEqual([]);
});
