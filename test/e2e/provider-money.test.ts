// What embedders and re-rankers of providers cost, in the real process over its workers: counted for whom it
// was asked, held against every limit before it goes out, through floods and kill -9.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { probeText } from "../../adapters/embed/weights.ts";
import { type FakeReranker, startFakeReranker } from "../support/fake-reranker.ts";
import { CHAT, type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

/** Units a token that is embedded, and a search that is re-ranked. */
const TOKEN = 0.001;
const SEARCH = 0.05;
/** What a short text may cost at most is its bytes and what may stand around it. */
const boundOf = (text: string): number => (Buffer.byteLength(text) + 80) * TOKEN;
const collections = "/v2/knowledge/collections";
let product: Product;
let reranker: FakeReranker;
let key = { id: "", value: "" };

beforeAll(async () => {
  reranker = await startFakeReranker();
  product = await startProduct({
    env: { TROUPE_WORKERS: "2", KEY_A: "key-a", KEY_R: "rerank-key" },
    config: ({ openaiUrl }) => `providers:
  - name: vectors
    base_url: ${openaiUrl}
    api_key: $\u007bKEY_A}
    attempts_max: 1
  - name: order
    base_url: ${reranker.url}
    api_key: $\u007bKEY_R}
known_models:
  - name: vectors/small
    input_micros: ${TOKEN * 1e12}
  - name: order/best
    search_micros: ${SEARCH * 1e6}
  - name: gpt-4o-mini
    input_micros: 0
    output_micros: 0
embedding:
  cache_mib: 0
embedders:
  - { name: small, kind: openai, provider: vectors, model: small, dimension: 64 }
  - { name: other, kind: openai, provider: vectors, model: unheard-of, dimension: 64 }
rerankers:
  - { name: best, kind: provider, provider: order, model: best }
`,
  });
  const { body } = await product.call("POST", "/admin/keys", { name: "limited" });
  key = { id: body.id, value: body.key };
}, 180_000);
afterAll(async () => {
  await product.end();
  await reranker.close();
});
beforeEach(() => product.provider.reset());
afterEach(async () => {
  const { body } = await product.call("GET", "/admin/budgets");
  for (const { id } of body.data) await product.call("DELETE", `/admin/budgets/${id}`);
});

async function limited(limit: number, more: object = {}): Promise<string> {
  const made = await product.call("POST", "/admin/budgets", { scope: "tenant", limit, ...more });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  return made.body.id;
}

const budget = async (id: string): Promise<Json> =>
  (await product.call("GET", `/admin/budgets/${id}`)).body;

async function collection(): Promise<string> {
  const made = await product.call("POST", collections, { name: "Pages", embedder: "small" });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  return `${collections}/${made.body.id}`;
}

const embed = (input: string, more: object = {}) =>
  product.call("POST", "/v1/embeddings", { model: "small", input, ...more }, { key: key.value });

/** Tokens that the provider of vectors has counted, without what the server asks for itself. */
const counted = (): number =>
  product.provider
    .calls()
    .flatMap(({ body }) => [body["input"]].flat() as string[])
    .filter((text) => text !== probeText)
    .reduce((sum, text) => sum + Math.ceil(text.length / 4), 0);

async function rowOf(group: string, value: string): Promise<Json> {
  const { body } = await product.call("GET", `/admin/usage?group_by=${group}`);
  return Object.values(body)
    .filter((one) => Array.isArray(one))
    .flat()
    .findLast((one: Json) => Object.values(one).includes(value));
}

/** A job of one document; it has ended, or waits. */
async function sent(path: string, text: string): Promise<string> {
  const body = { title: "T", text };
  const { body: job } = await product.call("POST", `${path}/documents?wait=false`, body);
  return job.id;
}

const jobOf = async (id: string): Promise<Json> =>
  (await product.call("GET", `/v2/knowledge/jobs/${id}`)).body;

test("what is embedded and re-ranked is in the usage of its key, model and service, as the provider counts", async () => {
  const path = await collection();
  const text = "The canteen serves soup at noon.";
  const by = { key: key.value };

  const added = await product.call("POST", `${path}/documents?wait=true`, { title: "T", text }, by);
  const search = { query: "soup", reranker: "best" };
  const found = await product.call("POST", `${path}/search`, search, by);
  const vectors = await embed("a text");

  expect([added.status, found.status, vectors.status]).toEqual([201, 200, 200]);
  expect(found.body.search.reranker).toMatchObject({ name: "best", status: "used" });
  const tokens = counted();
  const spent = Math.round(tokens * TOKEN * 1e6) / 1e6;
  const [embedding, rerank] = await Promise.all([
    rowOf("service", "embedding"),
    rowOf("service", "rerank"),
  ]);
  expect(embedding).toMatchObject({ calls: 3, prompt_tokens: tokens, spend: spent });
  expect(rerank).toMatchObject({ calls: 1, spend: SEARCH });
  expect(await rowOf("model", "small")).toMatchObject({ spend: spent });
  expect(await rowOf("model", "best")).toMatchObject({ spend: SEARCH });
  expect((await rowOf("key", key.id))?.spend).toBeCloseTo(spent + SEARCH, 6);
  const csv = await fetch(`${product.url}/admin/usage?group_by=service&format=csv`, {
    headers: { "X-API-Key": product.adminKey },
  });
  expect(await csv.text()).toMatch(new RegExp(`^embedding,.*,${spent},`, "m"));
});

test("at the limit texts, searches and orders are refused with what is needed and left, before they go out", async () => {
  const path = await collection();
  await product.call("POST", `${path}/documents?wait=true`, { title: "T", text: "Soup at noon." });
  const id = await limited(boundOf("soup"));
  product.provider.reset();

  const search = (more: object) =>
    product.call("POST", `${path}/search`, { query: "soup", ...more });
  const asked = reranker.calls.length;
  const order = { mode: "lexical", reranker: "best" };
  const answers = [await search({}), await search(order), await search(order), await search({})];
  const vectors = await embed("soup");

  expect([...answers, vectors].map(({ status }) => status)).toEqual([200, 200, 402, 402, 402]);
  const { limit } = answers[3]?.body ?? {};
  expect(limit).toMatchObject({ budget: id, scope: "tenant", limit: boundOf("soup") });
  expect(limit.left).toBeCloseTo(boundOf("soup") - TOKEN - SEARCH, 6);
  expect(limit.needed).toBeCloseTo(boundOf("soup"), 6);
  expect(answers[2]?.body.limit.needed).toBe(SEARCH);
  expect(reranker.calls.length - asked).toBe(1);
  expect(counted()).toBe(1);
  const { used, reserved } = await budget(id);
  expect([used, reserved]).toEqual([expect.closeTo(TOKEN + SEARCH, 6), 0]);
});

test("under a budget a model without a price is refused, and without one it is counted", async () => {
  const ask = () => product.call("POST", "/v1/embeddings", { model: "other", input: "a text" });
  const free = await ask();
  await limited(1_000);

  const refused = await ask();

  expect([free.status, refused.status]).toEqual([200, 402]);
  expect(refused.body.error).toMatchObject({ code: "price_unknown" });
  expect(await rowOf("model", "unheard-of")).toMatchObject({ calls: 1, spend: 0 });
});

test("documents wait for a budget that pauses and go on when it is raised; one that stops fails their job", async () => {
  const path = await collection();
  const text = "The gate opens at six.";
  const paused = await limited(0.01, { on_exhausted: "pause" });
  const waiting = await sent(path, text);
  await expect
    .poll(async () => (await jobOf(waiting)).waiting?.code, { timeout: 20_000 })
    .toBe("BUDGET_EXHAUSTED");

  await product.call("PATCH", `/admin/budgets/${paused}`, { limit: 5 });
  await expect
    .poll(async () => (await jobOf(waiting)).status, { timeout: 20_000 })
    .toBe("completed");
  await product.call("DELETE", `/admin/budgets/${paused}`);
  const stopping = await limited(0.01);
  const stopped = await sent(path, `${text} It closes at ten.`);
  await expect.poll(async () => (await jobOf(stopped)).status, { timeout: 20_000 }).toBe("failed");
  const failed = await jobOf(stopped);
  await product.call("PATCH", `/admin/budgets/${stopping}`, { limit: 5 });
  const resumed = await product.call("POST", `/v2/knowledge/jobs/${stopped}/resume`);
  await expect
    .poll(async () => (await jobOf(stopped)).status, { timeout: 20_000 })
    .toBe("completed");

  expect(failed.error.code).toBe("BUDGET_EXHAUSTED");
  expect(resumed.status).toBe(202);
  expect((await budget(stopping)).used).toBeGreaterThan(0.01);
});

test("a search of a run counts for its agent and conversation, and what the run may spend limits it", async () => {
  const path = await collection();
  await product.call("POST", `${path}/documents?wait=true`, { title: "T", text: "Soup at noon." });
  const made = await product.call("POST", "/v2/agents", {
    ...{ name: "A", model_name: "gpt-4o-mini", requires_collection: true },
    collection_ids: [path.slice(collections.length + 1)],
  });
  const agent = made.body.id;
  const run = (more: object) =>
    product.call("POST", `/v2/agents/${agent}/runs`, { input: "When is soup served?", ...more });

  const answered = await run({});
  const refused = await run({ max_spend: 0.001 });
  await limited(0.001, { scope: "conversation", subject: "each" });
  const chat = await product.call("POST", CHAT, { agent_key: agent, message: "When is soup?" });

  expect(answered.status, JSON.stringify(answered.body)).toBe(200);
  expect(refused.status, JSON.stringify(refused.body)).toBe(402);
  expect(refused.body.limit).toMatchObject({ budget: "max_spend", limit: 0.001, left: 0.001 });
  expect((await rowOf("agent", agent)).spend).toBeGreaterThan(0);
  expect(chat.status, JSON.stringify(chat.body)).toBe(402);
  expect(JSON.stringify(chat.body)).toContain("The budget of conversation cv_");
});

test("a hundred calls at once never go beyond a limit, whatever is answered, refused or cut, and nothing stays reserved", async () => {
  const limit = 1;
  const id = await limited(limit);
  product.provider.when(({ lastUser }) => lastUser.endsWith("3"), { error: { status: 400 } });
  product.provider.when(({ lastUser }) => lastUser.endsWith("7"), { garbageAfter: 1 });

  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, at) => embed(`This is text number ${at}`)),
  );

  const after = await budget(id);
  const known = answers.filter(({ status }) => status === 200).length;
  expect(new Set(answers.map(({ status }) => status))).toContain(402);
  expect(answers.every(({ status }) => [200, 402, 429, 502].includes(status))).toBe(true);
  expect(known).toBeGreaterThan(10);
  expect(counted() * TOKEN).toBeLessThanOrEqual(limit);
  expect(after).toMatchObject({ reserved: 0, overrun: 0 });
  expect(after.used).toBeLessThanOrEqual(limit);
  expect(after.used).toBeGreaterThanOrEqual(known * 6 * TOKEN);
});

test("what was reserved when the process was killed counts as spent after it, and is reserved no more", async () => {
  const text = "Nobody will say what this has cost.";
  const id = await limited(100);
  product.provider.when(({ lastUser }) => lastUser === text, { hang: "at-once", times: 1 });
  const asked = embed(text).catch(() => undefined);
  await expect
    .poll(async () => (await budget(id)).reserved, { timeout: 20_000 })
    .toBeCloseTo(boundOf(text), 6);
  await expect.poll(() => product.provider.calls().length, { timeout: 20_000 }).toBe(1);

  await product.kill();
  await asked;
  await product.start();
  const other = await embed("ok");

  const { used, reserved } = await budget(id);
  const ledger = await product.call("GET", "/admin/ledger?service=embedding&limit=10");
  expect(other.status).toBe(200);
  expect(reserved).toBe(0);
  expect(used).toBeCloseTo(boundOf(text) + TOKEN, 6);
  expect(ledger.body.data.map((row: Json) => [row.outcome, row.spend])).toContainEqual([
    "unfinished",
    boundOf(text),
  ]);
});
