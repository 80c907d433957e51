// Budgets of the real process, over its workers, against a provider that is slow, refuses and cuts: what
// the provider counts is held against the limit, under a thousand calls at once and through kill -9.

import { afterEach, expect, test } from "vitest";
import type { LoggedCall } from "../support/fake-provider.ts";
import { type Product, startProduct } from "../support/product.ts";
import type { Answer } from "../support/wire-client.ts";

/** Millionths a token of what is read and of what is written. */
const PRICE = { input: 1, output: 2 };
const config = [
  "known_models:",
  "  - name: gpt-4o-mini",
  `    input_micros: ${PRICE.input * 1_000_000}`,
  `    output_micros: ${PRICE.output * 1_000_000}`,
].join("\n");
const CALLS = 1_000;
const KILLED_CALLS = 300;
let product: Product;

afterEach(() => product.end());

async function begin(workers: number, limit: number): Promise<{ agent: string; budget: string }> {
  product = await startProduct({ config, env: { TROUPE_WORKERS: String(workers) } });
  const { provider } = product;
  // By what is asked, so that the same calls are slow, refused and cut at every try.
  const numbered = (fits: (number: number) => boolean) => (call: { readonly lastUser: string }) =>
    fits(Number(/\d+/.exec(call.lastUser)?.[0] ?? 0));
  provider.when(
    numbered((one) => one % 50 === 7),
    { error: { status: 400 } },
  );
  provider.when(
    numbered((one) => one % 50 === 13),
    { cutAfter: 1 },
  );
  provider.when(
    numbered((one) => one % 7 === 3),
    { firstByteMs: 120 },
  );
  provider.otherwise({ firstByteMs: 20 });
  const made = await product.call("POST", "/v2/agents", {
    ...{ name: "A", model_name: "gpt-4o-mini", max_tokens: 60 },
  });
  const body = { scope: "tenant", limit };
  const budget = await product.call("POST", "/admin/budgets", body);
  expect(budget.status, JSON.stringify(budget.body)).toBe(201);
  return { agent: made.body.id, budget: budget.body.id };
}

/** What the provider has counted, whether anybody heard of it or not; in units of the account. */
function counted(calls: readonly LoggedCall[]): number {
  const paid = calls.filter(({ status }) => status === 200);
  const micros = paid.map(({ prompt, lastUser }) => {
    const written = `Echo: ${lastUser}`.match(/\s*\S+\s*$|\s*\S+/g)?.length ?? 0;
    return Math.ceil(prompt.length / 4) * PRICE.input + written * PRICE.output;
  });
  return micros.reduce((sum, one) => sum + one, 0) / 1_000_000;
}

const ask = (agent: string, number: number, more: object = {}): Promise<Answer> =>
  product.call("POST", `/v2/agents/${agent}/runs`, { input: `question ${number}`, ...more });

const seen = async (budget: string) => (await product.call("GET", `/admin/budgets/${budget}`)).body;

test("a thousand calls at once over four workers stay within the limit, to the last that it holds", {
  timeout: 170_000,
}, async () => {
  const limit = 0.018;
  const { agent, budget } = await begin(4, limit);
  const answers = await Promise.all(Array.from({ length: CALLS }, (_, at) => ask(agent, at)));

  await expect.poll(async () => (await seen(budget)).reserved, { timeout: 20_000 }).toBe(0);
  const account = await seen(budget);
  const spent = counted(product.provider.calls());
  expect(spent).toBeLessThanOrEqual(limit);
  // A cut call counts as it was reserved: more than what its provider counted, never less.
  expect(account.used).toBeGreaterThanOrEqual(spent - 1e-9);
  expect(account.used).toBeLessThanOrEqual(limit);
  const refused = answers.filter(({ status }) => status === 402);
  const answered = answers.filter(({ status }) => status === 200);
  expect(answered.length).toBeGreaterThan(100);
  expect(refused.length).toBeGreaterThan(10);
  for (const { body } of refused) {
    expect(body.code).toBe("BUDGET_EXHAUSTED");
    // What was refused would not have fitted into what was left, then or later.
    expect(body.limit.needed).toBeGreaterThan(body.limit.left);
    expect(account.used + body.limit.needed).toBeGreaterThan(limit);
  }
  const reserved = await product.call("GET", `/admin/budgets/${budget}/reservations`);
  expect(reserved.body.data).toEqual([]);
  expect(account.waiting).toBe(0);
});

test("kill -9 in the middle of calls lets nothing be overspent, and leaves nothing reserved", {
  timeout: 170_000,
}, async () => {
  const limit = 0.05;
  const { agent, budget } = await begin(2, limit);
  const runs = new Set<string>();
  const send = async (number: number): Promise<void> => {
    const answer = await ask(agent, number, { mode: "background" }).catch(() => undefined);
    if (answer?.status === 202) runs.add(answer.body.run_id);
  };
  for (let kill = 0; kill < 3; kill += 1) {
    const before = product.provider.count();
    const sending = Array.from({ length: KILLED_CALLS / 3 }, (_, at) => send(kill * 1_000 + at));
    await expect
      .poll(() => product.provider.count(), { timeout: 20_000, interval: 5 })
      .toBeGreaterThan(before + 10);
    await product.kill();
    await Promise.all(sending);
    await product.start();
  }
  const isOver = async (run: string): Promise<boolean> =>
    !["running", "held", "queued"].includes(
      (await product.call("GET", `/v2/runs/${run}`)).body.status,
    );
  for (const run of runs) await expect.poll(() => isOver(run), { timeout: 60_000 }).toBe(true);
  await expect.poll(async () => (await seen(budget)).reserved, { timeout: 20_000 }).toBe(0);

  const account = await seen(budget);
  const spent = counted(product.provider.calls());
  expect(runs.size).toBeGreaterThan(10);
  expect(spent).toBeGreaterThan(0);
  expect(spent).toBeLessThanOrEqual(limit);
  expect(account.used).toBeGreaterThanOrEqual(spent - 1e-9);
  expect(account.used).toBeLessThanOrEqual(limit);
  const reserved = await product.call("GET", `/admin/budgets/${budget}/reservations`);
  expect(reserved.body.data).toEqual([]);
});
