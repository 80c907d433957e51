// Budgets of the real process, over its workers, against a provider that is slow, refuses, cuts, says too
// little and counts too much: what it has counted is held against every limit, by every way to ask, under a
// thousand calls at once and through kill -9.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type Asked, doors, type Ended } from "../support/budget-doors.ts";
import type { LoggedCall } from "../support/fake-provider.ts";
import type { Behaviour } from "../support/fake-provider-behaviour.ts";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

/** Millionths a token of what is read and of what is written. */
const PRICE = { input: 1, output: 2 };
const MODEL = "gpt-4o-mini";
/** Of a provider whose calls are made a second time when they are slow. */
const HEDGED = "hedged-1";
const DAY_MS = 24 * 3_600_000;
const CALLS = 1_000;
const KILLS = 2;
const KILLED_CALLS = 80;
/** Characters of a message that is more than a run may spend. */
const LONG = 1_000;

/** Loaded by the server, which is as far ahead of the machine's as it says. */
const clock = new URL("../support/set-clock.js", import.meta.url);
let product: Product;
let agent = "";
/** Another one, and a key that asks both. */
let other = "";
let key = { id: "", value: "" };

const known = (name: string): string =>
  [
    `  - name: ${name}`,
    `    input_micros: ${PRICE.input * 1_000_000}`,
    `    output_micros: ${PRICE.output * 1_000_000}`,
  ].join("\n");

beforeAll(async () => {
  product = await startProduct({
    preload: clock,
    env: { TROUPE_WORKERS: "4", KEY_A: "key-a", KEY_B: "key-b" },
    config: ({ openaiUrl }) =>
      [
        ...["known_models:", known(MODEL), known(HEDGED), "providers:"],
        ...["  - name: main", "    kind: openai", `    base_url: ${openaiUrl}`],
        ...["    api_key: $" + "{KEY_A}", "  - name: twice", "    kind: openai"],
        ...[`    base_url: ${openaiUrl}`, "    models: [hedged-]", "    hedge_after_ms: 60"],
        ...["    api_key: $" + "{KEY_A}", "    api_keys:", "      - $" + "{KEY_B}"],
      ].join("\n"),
  });
  agent = await makeAgent({});
  other = await makeAgent({});
  const { body } = await product.call("POST", "/admin/keys", { name: "limited" });
  key = { id: body.id, value: body.key };
}, 180_000);
afterAll(() => product.end());
beforeEach(() => product.provider.reset());
// What limits one test is not to limit the next.
afterEach(async () => {
  const { body } = await product.call("GET", "/admin/budgets");
  for (const { id } of body.data) await product.call("DELETE", `/admin/budgets/${id}`);
});

async function makeAgent(more: object): Promise<string> {
  const input = { name: "A", model_name: MODEL, max_tokens: 60, ...more };
  const made = await product.call("POST", "/v2/agents", input);
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  return made.body.id;
}

async function budget(of: object): Promise<string> {
  const made = await product.call("POST", "/admin/budgets", of);
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  return made.body.id;
}

const seen = async (id: string): Promise<Json> =>
  (await product.call("GET", `/admin/budgets/${id}`)).body;

/** A budget when nothing of it is reserved any more. */
async function settled(id: string): Promise<Json> {
  await expect.poll(async () => (await seen(id)).reserved, { timeout: 20_000 }).toBe(0);
  return await seen(id);
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

const numberOf = ({ lastUser }: { readonly lastUser: string }): number =>
  Number(/\d+/.exec(lastUser)?.[0] ?? 0);

/** By what is asked, so that the same calls are slow, refused, cut and not counted at every try. */
function misbehave(): void {
  const rules: readonly (readonly [(at: number) => boolean, Behaviour])[] = [
    [(at) => at % 50 === 7, { error: { status: 400 } }],
    [(at) => at % 50 === 13, { cutAfter: 1 }],
    [(at) => at % 11 === 5, { usage: "none" }],
    [(at) => at % 7 === 3, { firstByteMs: 120 }],
  ];
  for (const [fits, behaviour] of rules) {
    product.provider.when((call) => fits(numberOf(call)), behaviour);
  }
  product.provider.otherwise({ firstByteMs: 20 });
}

const path = (of: string): string => `/v2/agents/${of}/runs`;

test("a thousand calls at once, by every way to ask, stay within all of their limits", {
  timeout: 170_000,
}, async () => {
  misbehave();
  const opened = await Promise.all(
    ["one", "two"].map((text) => product.call("POST", path(agent), { input: text })),
  );
  const talks = opened.map(({ body }) => String(body.conversation_key));
  product.provider.reset();
  misbehave();
  const limits = { tenant: 0.018, key: 0.006, agent: 0.004, conversation: 0.0015, run: 0.001 };
  const ids = {
    tenant: await budget({ scope: "tenant", limit: limits.tenant }),
    key: await budget({ scope: "key", subject: key.id, limit: limits.key }),
    agent: await budget({ scope: "agent", subject: other, limit: limits.agent }),
    conversation: await budget({
      scope: "conversation",
      subject: "each",
      limit: limits.conversation,
    }),
    run: await budget({ scope: "run", subject: "each", limit: limits.run }),
  };
  const ways = Object.values(doors);
  const isSocket = (at: number) => ways[at % ways.length] === doors.socket;
  const block = (at: number) => Math.floor(at / ways.length);
  const isKeys = (at: number) => block(at) % 3 === 0;
  const isOthers = (at: number) => block(at) % 4 === 1 && !isSocket(at);
  const talkOf = (at: number) => talks[block(at) % 2] ?? "";
  const one = (at: number): Promise<Ended> => {
    const text = at % 9 === 4 ? `question ${at} ${"x".repeat(LONG)}` : `question ${at}`;
    const by = isKeys(at) ? key.value : product.adminKey;
    const asked: Asked = {
      agent: isOthers(at) ? other : agent,
      text,
      key: by,
      conversation: talkOf(at),
    };
    return ways[at % ways.length]?.(product, asked) ?? Promise.resolve(undefined);
  };
  const ends = await Promise.all(Array.from({ length: CALLS }, (_, at) => one(at)));

  const accounts: Record<string, Json> = {};
  for (const scope of ["tenant", "key", "agent"] as const)
    accounts[scope] = await settled(ids[scope]);
  const calls = product.provider.calls();
  const of = (fits: (at: number) => boolean) =>
    counted(calls.filter((call) => fits(numberOf(call))));
  const spent = { tenant: of(() => true), key: of(isKeys), agent: of(isOthers) };
  for (const scope of ["tenant", "key", "agent"] as const) {
    expect(spent[scope], scope).toBeLessThanOrEqual(limits[scope]);
    // A cut call counts as it was reserved: more than what its provider counted, never less.
    expect(accounts[scope].used, scope).toBeGreaterThanOrEqual(spent[scope] - 1e-9);
    expect(accounts[scope].used, scope).toBeLessThanOrEqual(limits[scope]);
    expect(accounts[scope].waiting, scope).toBe(0);
  }
  for (const talk of talks) {
    expect(of((at) => isSocket(at) && talkOf(at) === talk)).toBeLessThanOrEqual(
      limits.conversation,
    );
  }
  for (const call of calls) expect(counted([call])).toBeLessThanOrEqual(limits.run);
  const refused = ends.flatMap((end) => (end?.limit === undefined ? [] : [end.limit]));
  // Which of the others is the first to be used up depends on who comes first.
  const scopes = refused.map(({ scope }) => scope);
  expect(scopes).toEqual(expect.arrayContaining(["tenant", "run"]));
  expect(Object.keys(limits)).toEqual(expect.arrayContaining(scopes));
  for (const { scope, needed, left } of refused) {
    expect(needed).toBeGreaterThan(left);
    // What was refused would not have fitted into what was left, then or later.
    const account = accounts[scope];
    if (account) expect(account.used + needed).toBeGreaterThan(account.limit);
  }
  expect(calls.filter(({ status }) => status === 200).length).toBeGreaterThan(100);
  for (const id of Object.values(ids)) {
    expect((await product.call("GET", `/admin/budgets/${id}/reservations`)).body.data).toEqual([]);
  }
});

test("kill -9 in the middle of calls lets nothing be overspent, leaves nothing reserved, and ends no pause", {
  timeout: 170_000,
}, async () => {
  misbehave();
  const limit = 0.05;
  const all = await budget({ scope: "tenant", limit });
  await budget({ scope: "key", subject: key.id, limit: limit / 4 });
  const paused = await makeAgent({});
  const subject = { scope: "agent", subject: paused };
  const pause = await budget({ ...subject, limit: 0, on_exhausted: "pause" });
  const waits = await product.call("POST", path(paused), { input: "question 1" });
  expect(waits.body).toMatchObject({ status: "waiting", waits: [{ kind: "budget" }] });

  const runs = new Set<string>();
  const send = async (at: number): Promise<void> => {
    const by = at % 2 === 0 ? key.value : product.adminKey;
    const body = { input: `question ${at}`, mode: "background" };
    const answer = await product
      .call("POST", path(agent), body, { key: by })
      .catch(() => undefined);
    if (answer?.status === 202) runs.add(answer.body.run_id);
  };
  for (let kill = 0; kill < KILLS; kill += 1) {
    const before = product.provider.count();
    const sending = Array.from({ length: KILLED_CALLS }, (_, at) => send(kill * 1_000 + at));
    await expect
      .poll(() => product.provider.count(), { timeout: 20_000, interval: 5 })
      .toBeGreaterThan(before + 10);
    await product.kill();
    await Promise.all(sending);
    await product.start();
  }
  const statusOf = async (run: string) =>
    (await product.call("GET", `/v2/runs/${run}`)).body.status;
  const isOver = async (run: string) =>
    !["running", "held", "queued", "waiting"].includes(await statusOf(run));
  for (const run of runs) await expect.poll(() => isOver(run), { timeout: 60_000 }).toBe(true);

  const account = await settled(all);
  const calls = product.provider.calls();
  const spent = counted(calls);
  const byKey = counted(calls.filter((call) => numberOf(call) % 2 === 0));
  expect(runs.size).toBeGreaterThan(10);
  expect(spent).toBeGreaterThan(0);
  expect(spent).toBeLessThanOrEqual(limit);
  expect(byKey).toBeLessThanOrEqual(limit / 4);
  expect(account.used).toBeGreaterThanOrEqual(spent - 1e-9);
  expect(account.used).toBeLessThanOrEqual(limit);
  expect((await product.call("GET", `/admin/budgets/${all}/reservations`)).body.data).toEqual([]);

  const { run_id } = waits.body;
  const paused_run = (await product.call("GET", `/v2/runs/${run_id}`)).body;
  expect(paused_run).toMatchObject({ status: "waiting", waits_for: "budget" });
  await product.call("PATCH", `/admin/budgets/${pause}`, { limit: 0.001 });
  await expect.poll(() => statusOf(run_id), { timeout: 20_000 }).toBe("completed");
  expect((await settled(pause)).used).toBeGreaterThan(0);
});

const ask = (text: string, more: object = {}, by = product.adminKey) =>
  product.call("POST", path(agent), { input: text, ...more }, { key: by });

test("the limit of a key is that key's, wherever it asks, and nobody else's", async () => {
  const id = await budget({ scope: "key", subject: key.id, limit: 0 });
  const limit = { budget: id, scope: "key", subject: key.id, limit: 0, left: 0 };
  const conversation = (await ask("question 0", {}, product.adminKey)).body.conversation_key;
  product.provider.reset();
  const refused = await ask("question 1", {}, key.value);
  expect([refused.status, refused.body.limit]).toMatchObject([402, limit]);
  const asked = { agent, text: "question 2", key: key.value };
  for (const door of [doors.waiting, doors.streamed, doors.socket]) {
    expect((await door(product, { ...asked, conversation }))?.limit).toMatchObject(limit);
  }
  for (const door of [doors.completion, doors.streamedCompletion]) {
    const end = await door(product, { ...asked, conversation });
    expect(end?.text).toMatch(/budget of key \w+ is used up: 0 may be spent, 0 is left/);
  }
  const run = await doors.socket(product, {
    ...asked,
    key: product.adminKey,
    conversation,
    maxSpend: 0,
  });
  expect(run?.limit).toMatchObject({ budget: "max_spend", scope: "run", limit: 0, left: 0 });
  expect(product.provider.count()).toBe(0);
  expect((await ask("question 3")).status).toBe(200);
  const figures = await (await fetch(`${product.url}/metrics`)).text();
  expect(figures).toMatch(/^troupe_budget_calls_total\{scope="key",outcome="refused"\} [1-9]/m);
});

test("where a provider counts nothing, or more than it was asked for, the limit holds all the same", async () => {
  const id = await budget({ scope: "agent", subject: agent, limit: 0.001 });
  product.provider.when("silent", { usage: "none" });
  let answered = 0;
  while ((await ask("silent")).status === 200) answered += 1;
  const silent = await settled(id);
  expect(answered).toBeGreaterThan(1);
  // What it may have counted at most, which is several times what it has.
  expect(3 * counted(product.provider.calls("silent"))).toBeLessThan(silent.used);
  expect(silent).toMatchObject({ overrun: 0 });
  expect(silent.used).toBeLessThanOrEqual(0.001);

  await product.call("PATCH", `/admin/budgets/${id}`, { limit: 0.002 });
  product.provider.when("greedy", { usage: { promptTokens: 10, completionTokens: 5_000 } });
  const { body } = await ask("greedy");
  expect(body.usage).toMatchObject({ completion_tokens: 5_000, spend: 0.01001 });
  const { used, overrun, left } = await settled(id);
  expect(used).toBeCloseTo(silent.used + 0.01001, 9);
  expect(overrun).toBeGreaterThan(0.009);
  expect(left).toBe(0);
  const next = await ask("next");
  expect([next.status, next.body.limit]).toMatchObject([402, { budget: id, left: 0 }]);
  const audit = await product.call("GET", "/admin/audit?action=budget.overrun");
  expect(audit.body.data).toMatchObject([{ subject: id, run_id: body.run_id }]);
});

test("what is asked again, or twice at once, is paid as often, and not begun without money for it", async () => {
  const twice = await makeAgent({ model_name: HEDGED });
  const id = await budget({ scope: "agent", subject: twice, limit: 1 });
  const hedged = (text: string) => product.call("POST", path(twice), { input: text });
  const used = async () => (await settled(id)).used;
  product.provider.when("refused", { error: { status: 503, retryAfterMs: 1 }, times: 1 });
  expect((await hedged("refused once")).status).toBe(200);
  expect(await used()).toBeCloseTo(counted(product.provider.calls()), 9);

  const before = await used();
  product.provider.when("broken", { cutAfter: 1, times: 1 });
  expect((await hedged("broken once")).status).toBe(200);
  expect(product.provider.count("broken")).toBe(2);
  // The one that was cut had been counted by its provider.
  expect(await used()).toBeGreaterThanOrEqual(before + counted(product.provider.calls("broken")));

  product.provider.when("slow", { firstByteMs: 700, times: 1 });
  const between = await used();
  expect((await hedged("slow once")).status).toBe(200);
  const slow = product.provider.calls("slow");
  expect(slow.length).toBe(2);
  const both = counted(slow.map((call) => ({ ...call, status: 200 })));
  expect(await used()).toBeGreaterThanOrEqual(between + both);

  // Room for one of them: about 230 millionths are reserved for each.
  await product.call("PATCH", `/admin/budgets/${id}`, { limit: (await used()) + 0.0004 });
  product.provider.when("narrow", { firstByteMs: 300, times: 1 });
  expect((await hedged("narrow")).status).toBe(200);
  expect(product.provider.count("narrow")).toBe(1);
});

test("with the day its limit begins anew, and what is paused for it goes on", async () => {
  const subject = { scope: "agent", subject: agent, period: "day" };
  const id = await budget({ ...subject, limit: 0.0004, on_exhausted: "pause" });
  let waits = await ask("question 1");
  const [{ status }, spent] = [waits, await settled(id)];
  expect(status).toBe(200);
  for (let at = 2; waits.status === 200; at += 1) waits = await ask(`question ${at}`);
  expect(waits.body).toMatchObject({ status: "waiting", waits: [{ kind: "budget" }] });
  const { used, resets_at } = await settled(id);
  expect(used).toBeGreaterThanOrEqual(spent.used);
  // The next day comes while nobody is there to see it.
  clock.searchParams.set("aheadMs", String(DAY_MS));
  await product.kill();
  await product.start();
  await expect
    .poll(async () => (await product.call("GET", `/v2/runs/${waits.body.run_id}`)).body.status, {
      timeout: 20_000,
    })
    .toBe("completed");
  const next = await settled(id);
  expect(Date.parse(next.resets_at)).toBe(Date.parse(resets_at) + DAY_MS);
  expect(next.used).toBeCloseTo(counted(product.provider.calls().slice(-1)), 9);
});
