// Two tenants that name everything alike, and say something else under each name, ask in turns: neither is
// given anything of the other from a memory of the server, in its first life and in the next one.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import { skillBody } from "../support/skill-files.ts";
import type { Json } from "../support/wire-client.ts";

const TIMEOUT_MS = 60_000;
/** What the one says, and what the other says under the same name. */
const WORDS = ["amberly", "birchly"] as const;
/** One text for both: only whose it is makes another answer of it. */
const QUESTION = "When does the canteen open?";

interface Party {
  readonly word: (typeof WORDS)[number];
  readonly other: (typeof WORDS)[number];
  readonly tenant: string;
  readonly key: string;
  /** Ids by name: given by the server, so they differ. */
  readonly ids: Record<string, string>;
}

let product: Product;
let shop: Server;
let shopUrl: string;
/** What the shop was sent: who was at it, by their secret. */
const heard: string[] = [];
let parties: readonly Party[];
/** Answers of the model, each another one. */
let answers = 0;
function nextAnswer(): string {
  answers += 1;
  return `Answer number ${answers}.`;
}

beforeAll(async () => {
  shop = createServer((request, response) => {
    heard.push(String(request.headers.authorization));
    response.end("ok");
  });
  await new Promise<void>((resolve) => shop.listen(0, "127.0.0.1", () => resolve()));
  shopUrl = `http://127.0.0.1:${(shop.address() as AddressInfo).port}`;
  product = await startProduct({ config, env: { TROUPE_WORKERS: "1", SHARED_KEY: "k" } });
  parties = await Promise.all(WORDS.map(party));
}, TIMEOUT_MS);
afterAll(async () => {
  await product.end();
  shop.closeAllConnections();
  shop.close();
});

const config = ({ openaiUrl }: { readonly openaiUrl: string }): string => `
answers: { coalesce: on, cache_ms: 600000 }
tools: { hosts: [127.0.0.1] }
providers:
  - { name: shared, base_url: "${openaiUrl}", api_key: "$\u007bSHARED_KEY}" }
embedders:
  - { name: small, kind: openai, provider: shared, model: small, dimension: 64 }
`;

async function party(word: Party["word"]): Promise<Party> {
  const operator = { key: product.adminKey };
  const made = await product.call("POST", "/admin/tenants", { name: "Twin" }, operator);
  const tenant: string = made.body.id;
  await product.call("POST", `/admin/tenants/${tenant}/credit`, { amount: 1_000 }, operator);
  const named = { name: "all", tenant, role: "owner", allowed_services: ["*"] };
  const { key } = (await product.call("POST", "/admin/keys", named, operator)).body;
  return { word, other: word === WORDS[0] ? WORDS[1] : WORDS[0], tenant, key, ids: {} };
}

/** Of one after the other, which the next time is the other way round. */
async function inTurns<T>(act: (party: Party) => Promise<T>): Promise<readonly T[]> {
  const [first, second] = parties as readonly [Party, Party];
  const a = await act(first);
  const b = await act(second);
  return [a, b];
}

async function call(
  { key }: Party,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Json> {
  const answer = await product.call(method, path, body, { key, headers });
  if (answer.status < 300) return answer.body;
  throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
}

/** What both make with the very same request; its id. */
async function makeSame(of: Party): Promise<string> {
  const agent = { name: "Same", model_name: "gpt-4o-mini", temperature: 0 };
  return (await call(of, "POST", "/v2/agents", agent, { "Idempotency-Key": "make-same" })).id;
}

/** Everything that can be named, under the same names and keys for repeated requests. */
async function furnish(of: Party): Promise<void> {
  const { word, ids } = of;
  ids["same"] = await makeSame(of);
  const make = async (name: string, path: string, body: unknown): Promise<void> => {
    const made = await call(of, "POST", path, body, { "Idempotency-Key": `make-${name}` });
    ids[name] = made.id;
  };
  await make("prompt", "/v2/prompts", { name: "Greeting", template: `Hello from ${word}.` });
  await make("skill", "/v2/skills", skillBody("twin", {}, `Say ${word}.`));
  await make("collection", "/v2/knowledge/collections", {
    ...{ name: "Pages", embedder: "small" },
  });
  await make("dataset", "/v2/datasets", { name: "Questions", description: word });
  await make("tool", "/v2/tools", {
    ...{ name: "ask_shop", type: "http_request", description: `Of ${word}.` },
    config: { url: `${shopUrl}/x`, auth: { token: "shop" } },
  });
  await make("agent", "/v2/agents", {
    ...{ name: "Desk", model_name: "gpt-4o-mini", temperature: 0, description: `Of ${word}.` },
    ...{ memory: { type: "vector_db" } },
  });
  await make("buyer", "/v2/agents", {
    ...{ name: "Buyer", model_name: "gpt-4o-mini", description: `Of ${word}.` },
    tools: [{ tool: ids["tool"] }],
  });
  await make("team", "/v2/teams", {
    ...{ name: "Staff", mode: "coordinate", description: `Of ${word}.` },
    members: [{ agent: ids["agent"] }],
  });
  await make("pack", "/v2/packs", {
    source: `pack: twin\nprompts:\n  - { key: p, name: Packed, template: From ${word} }`,
  });
  await call(of, "PUT", `/v2/knowledge/collections/${ids["collection"]}/documents/d1?wait=true`, {
    ...{ title: `Canteen of ${word}`, text: `The canteen of ${word} opens at noon.` },
  });
  await call(of, "POST", "/v2/memories", {
    ...{ agent_key: ids["agent"], user_key: "ann", text: `Ann is with ${word}.` },
  });
  await call(of, "PUT", "/v2/integrations/shop", {
    ...{ type: "api_key", allowed_hosts: [new URL(shopUrl).host] },
  });
  await call(of, "POST", "/v2/tokens", {
    ...{ integration: "shop", user_key: "ann", secret: `secret-of-${word}` },
  });
  const words = { type: "words", words: [word, backwards(word)] };
  await call(of, "PUT", "/v2/guardrails", {
    guardrails: [
      { on: ["input"], check: words, action: "block" },
      { on: ["output"], check: { type: "words", words: [forbidden(word)] }, action: "block" },
    ],
  });
}

/** Lists, and what of each was made in it. */
const LISTS: Readonly<Record<string, readonly string[]>> = {
  ...{ prompts: ["prompt"], "prompts?q=Greeting": ["prompt"], skills: ["skill"], packs: [] },
  ...{ "knowledge/collections": ["collection"], datasets: ["dataset"], tools: ["tool"] },
  ...{ agents: ["same", "agent", "buyer"], "agents?q=Same": ["same"], teams: ["team"] },
  ...{ integrations: [], tokens: [], runs: [], conversations: [] },
};

/** All that one reads, as one text. */
async function read(of: Party): Promise<string> {
  const { ids } = of;
  const pages: string[] = [];
  for (const [list, made] of Object.entries(LISTS)) {
    const { data } = await call(of, "GET", `/v2/${list}`);
    expect([list, data.length > 0]).toEqual([list, true]);
    const listed = data.map(({ id }: Json) => id);
    expect(listed).toEqual(expect.arrayContaining(made.map((name) => ids[name])));
    pages.push(JSON.stringify(data));
  }
  const search = { query: QUESTION };
  const documents = `/v2/knowledge/collections/${ids["collection"]}`;
  pages.push(
    ...[
      await call(of, "GET", `/v2/prompts/${ids["prompt"]}`),
      await call(of, "GET", `${documents}/documents/d1`),
      await call(of, "POST", `${documents}/search`, search),
      await call(of, "GET", `/v2/memories?agent_key=${ids["agent"]}&user_key=ann&q=Ann`),
      await call(of, "GET", "/v2/guardrails"),
    ].map((one) => JSON.stringify(one)),
  );
  return pages.join("\n");
}

/** What is asked of one of its agents, by Ann. */
const ask = (of: Party, input: string, agent = "agent", key?: string): Promise<Json> =>
  call(
    ...([of, "POST", `/v2/agents/${of.ids[agent]}/runs`, { input, user_key: "ann" }] as const),
    ...(key === undefined ? [] : [{ "Idempotency-Key": key }]),
  );

/** How often the provider was asked for a vector of a text. */
const embedded = (text: string): number =>
  product.provider.calls(text).filter(({ path }) => path.endsWith("/embeddings")).length;

/** The word that one forbids and the other may say, which nothing that is read has otherwise. */
const backwards = (word: string): string => [...word].reverse().join("");

/** What its agents must not say. */
const forbidden = (word: string): string => `${backwards(word)}s`;

/**
 * Whether each is let in, and let out, with what it forbids, and with what the other one forbids: a person
 * says it, and then the model.
 */
const guarded = (): Promise<readonly (readonly boolean[])[]> =>
  inTurns(async (of) => {
    const path = `/v2/agents/${of.ids["same"]}/runs`;
    const say = (input: string) => product.call("POST", path, { input }, of);
    const passed: boolean[] = [];
    for (const word of [of.word, of.other]) {
      passed.push((await say(`Say ${backwards(word)}.`)).status === 200);
      const uttered = await say(`Utter ${WORDS.indexOf(word)}.`);
      passed.push(uttered.body.response?.includes(forbidden(word)) === true);
    }
    return passed;
  });

/** What each is answered to the same question. */
const answered = (question: string): Promise<readonly string[]> =>
  inTurns(async (of) => (await ask(of, question, "same")).response);

async function expectOwn(): Promise<void> {
  for (const pages of [await inTurns(read), await inTurns(read)]) {
    for (const [at, { word, other }] of parties.entries()) {
      expect(pages[at]).toContain(word);
      expect(pages[at]).not.toContain(other);
    }
  }
}

test("two tenants that name everything alike are shown each their own, and held to their own rules", {
  timeout: TIMEOUT_MS,
}, async () => {
  product.provider.otherwise({ text: nextAnswer });
  for (const [at, word] of WORDS.entries()) {
    product.provider.when(`Utter ${at}.`, { text: `It is ${forbidden(word)}.` });
  }

  await inTurns(furnish);
  // The same keys of requests once more: each is told of what it made itself.
  const same = await inTurns(makeSame);
  const first = await inTurns((of) => ask(of, QUESTION, "same", "ask-1"));
  const repeated = await inTurns((of) => ask(of, QUESTION, "same", "ask-1"));

  expect(same).toEqual(parties.map(({ ids }) => ids["same"]));
  expect(same[0]).not.toBe(same[1]);
  expect(repeated).toEqual(first);
  await expectOwn();
  expect(await guarded()).toEqual([
    [false, false, true, true],
    [false, false, true, true],
  ]);
});

test("a model and an embedder are asked for each of two tenants that say the same, at once and later", {
  timeout: TIMEOUT_MS,
}, async () => {
  const { provider } = product;
  const counted = (): number => provider.count(QUESTION) - embedded(QUESTION);
  const one = await answered(QUESTION);
  const two = await answered(QUESTION);
  const asked = counted();
  const slow = "Asked by both at once.";
  provider.when(slow, { text: nextAnswer, firstByteMs: 300 });
  const atOnce = await Promise.all(parties.map((of) => ask(of, slow, "same")));
  const vectors = embedded(QUESTION);

  expect(one[0]).not.toBe(one[1]);
  expect(two).toEqual(one);
  expect([asked, vectors]).toEqual([2, 2]);
  expect(new Set(atOnce.map(({ response }) => response)).size).toBe(2);
});

test("the same integration, user and tool send each tenant's own secret, and a restart mixes nothing", {
  timeout: TIMEOUT_MS,
}, async () => {
  const buy = async (): Promise<readonly string[]> => {
    heard.length = 0;
    await inTurns((of) => ask(of, "Buy.", "buyer"));
    return [...heard];
  };
  const tool = { name: "ask_shop", arguments: {} };
  const isFirst = (call: { readonly lastUser: string; readonly prompt: string }): boolean =>
    call.lastUser === "Buy." && !call.prompt.includes("Result of ");
  product.provider.when(isFirst, { tools: [tool] });

  const before = await buy();
  await product.stop();
  await product.start();
  parties = [...parties].reverse();
  await expectOwn();
  const rules = await guarded();
  const after = await buy();

  expect(before).toEqual(WORDS.map((word) => `Bearer secret-of-${word}`));
  expect(after).toEqual([...before].reverse());
  expect(rules).toEqual([
    [false, false, true, true],
    [false, false, true, true],
  ]);
});
