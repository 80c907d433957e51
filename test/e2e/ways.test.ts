// The same chat on every way the server can be set up: Anthropic's protocol, acknowledged when
// committed, the door on node:http, no workers, two workers. And what one plain turn costs the store.

import { afterEach, expect, test } from "vitest";
import {
  CHAT,
  chunksOf,
  contentOf,
  makeDesk,
  type Product,
  type ProductOptions,
  startProduct,
} from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

let product: Product | undefined;
afterEach(async () => {
  await product?.end();
  product = undefined;
});

const withoutNative = new URL("../support/without-native.js", import.meta.url);
const ways: readonly (readonly [string, ProductOptions])[] = [
  ["a provider that speaks Anthropic's protocol", { wire: "anthropic" }],
  [
    "acknowledgements at committed",
    { env: { TROUPE_DURABILITY: "committed", TROUPE_WORKERS: "2" } },
  ],
  ["the front door on node:http", { preload: withoutNative }],
  ["no worker threads", { env: { TROUPE_WORKERS: "0" } }],
  ["two worker threads", { env: { TROUPE_WORKERS: "2" } }],
];

test.each(ways)(
  "with %s a chat streams, is resumed after kill -9, and billed once",
  async (...of) => {
    const started = await startProduct(of[1]);
    product = started;
    const { provider } = started;
    const agent = await makeDesk(started, { model_name: null });
    const before = await started.balance();
    const body = { agent_key: agent, message: "refund q-way", stream: true };
    provider.when("q-way", { pieces: ["one ", "two ", "three"], hang: 2, times: 1 });

    const stream = await started.events("POST", CHAT, body);
    const seen: Awaited<ReturnType<typeof stream.next>>[] = [];
    while (contentOf(seen) !== "one two ") seen.push(await stream.next());
    await started.kill();
    provider.when("q-way", { pieces: ["one ", "two ", "three"] });
    await started.start();
    const attach = async (id: string | null | undefined) =>
      (await started.events("POST", CHAT, body, { headers: { "Last-Event-ID": id ?? "" } })).rest();
    const restarted = await attach(seen.at(-1)?.id);
    const again = await attach(restarted.at(-1)?.id);

    const [{ conversation_key }] = chunksOf(seen);
    expect(chunksOf(restarted).at(-1).error.code).toBe("stream_restarted");
    expect(contentOf(again)).toBe("one two three");
    expect(await started.history(conversation_key)).toEqual([
      ["user", "refund q-way"],
      ["assistant", "one two three"],
    ]);
    expect(provider.count("q-way")).toBe(2);
    expect(await started.balance()).toBe(before - 1_000);
    expect(await started.stop()).toBe(0);
  },
);

/** Counters of all workers. */
async function counters(of: Product): Promise<Record<string, number>> {
  return (await of.call("GET", "/admin/runtime")).body.total.counters;
}

test("a plain chat turn takes few commits and rows", async () => {
  const started = await startProduct();
  product = started;
  const agent = await makeDesk(started);
  const turn = async (conversation_key: string | null): Promise<Json> => {
    const body = { agent_key: agent, message: "refund", conversation_key };
    return (await started.call("POST", CHAT, body)).body.data;
  };
  const { conversation_key } = await turn(null);
  const turns = 50;
  const before = await counters(started);

  for (let n = 0; n < turns; n += 1) await turn(conversation_key);

  const after = await counters(started);
  const perTurn = Object.fromEntries(
    Object.keys(after).map((name) => [name, ((after[name] ?? 0) - (before[name] ?? 0)) / turns]),
  );
  console.log(`ways.test: per chat turn ${JSON.stringify(perTurn)}`);
  // The accept's and the end's; what lies between them goes with the one or the other.
  expect(perTurn["commits"]).toBeLessThanOrEqual(2.5);
  expect(perTurn["rows"]).toBeLessThanOrEqual(14);
  expect(perTurn["bytes"]).toBeLessThanOrEqual(3_200);
});
