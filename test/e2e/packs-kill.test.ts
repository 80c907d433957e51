// kill -9 of the real process while it applies a pack or goes back to an earlier version of one: the
// process that comes after has all of it or nothing, without being asked to.

import { afterAll, beforeAll, expect, test } from "vitest";
import { meaningEmbedder } from "../support/meaning-embedder.ts";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const TIMEOUT_MS = 30_000;
/** Kills at any moment of an apply, which takes about so long on an idle machine, ms. */
const KILLS = 2;
const APPLY_MS = 250;

let product: Product;
beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "1" }, config: meaningEmbedder });
}, TIMEOUT_MS);
afterAll(() => product.end());

const first = (name: string): string => `
pack: ${name}
collections:
  - key: pages
    name: Pages of ${name}
    embedder: meaning
    documents: [{ id: a, text: Alpha of ${name} is first. }, { id: b, text: Beta is second. }]
agents:
  - key: desk
    name: Desk of ${name}
    sub_agents: [{ key: docs, name: Docs, use_rag: true, collection_key: { ref: pages } }]
`;

/** Something of every sort: a document replaced, one new, one gone, a collection new, an agent changed. */
const second = (name: string): string => `
pack: ${name}
collections:
  - key: pages
    name: Pages of ${name} anew
    embedder: meaning
    documents: [{ id: a, text: Alpha of ${name} was changed. }, { id: c, text: Gamma is third. }]
  - key: more
    name: More of ${name}
    embedder: meaning
    documents: [{ id: d, text: Delta of ${name} is fourth. }]
prompts:
  - { key: style, name: Style of ${name}, template: Be brief. }
agents:
  - { key: desk, name: Desk of ${name}, prompt_id: { ref: style } }
`;

const apply = (source: string) => product.call("POST", "/v2/packs", { source });

async function packOf(name: string): Promise<Json> {
  const { body } = await product.call("GET", "/v2/packs?limit=100");
  return body.data.find((one: Json) => one.name === name);
}

/** What is there: the pack as it would be applied elsewhere, all records, and the money. */
async function seen(name: string): Promise<unknown> {
  const { id, version } = await packOf(name);
  const { source } = (await product.call("GET", `/v2/packs/${id}/export`)).body;
  const names = async (path: string): Promise<readonly string[]> => {
    const { body } = await product.call("GET", `/v2/${path}?limit=100`);
    return body.data.map((one: Json) => one.name).sort();
  };
  const records = ["agents", "prompts", "knowledge/collections"].map(names);
  return { version, source, records: await Promise.all(records), balance: await product.balance() };
}

/** Waits until nothing of it is under way any more. */
async function rest(): Promise<void> {
  const statuses = async (): Promise<readonly string[]> => {
    const { body } = await product.call("GET", "/v2/knowledge/jobs?limit=100");
    return [...new Set<string>(body.data.map(({ status }: Json) => status))];
  };
  await expect.poll(statuses, { timeout: TIMEOUT_MS }).not.toContain("running");
}

/** The next embedding of a text is never answered; resolves once it was asked for. */
function held(text: string): Promise<unknown> {
  const fits = ({ body }: { readonly body: unknown }): boolean =>
    JSON.stringify(body).includes(text);
  const from = product.provider.count();
  product.provider.when((call) => fits(call), { hang: "at-once", times: 1 });
  return product.provider.until((call) => fits(call) && product.provider.count() > from);
}

/** Does something, kills the server when it has come to a text, and starts it again. */
async function cut(text: string, work: () => Promise<unknown>): Promise<void> {
  const begun = held(text);
  const ended = work().catch(() => undefined);
  await begun;
  await product.kill();
  await ended;
  await product.start();
}

test.each([
  ["in a collection that was there", "Alpha of killed-0 was changed.", "killed-0"],
  ["in a new collection, after those of another", "Delta of killed-1 is fourth.", "killed-1"],
])(
  "an apply that is killed while documents are taken in %s has never been",
  {
    timeout: TIMEOUT_MS,
  },
  async (_, text, name) => {
    expect((await apply(first(name))).status).toBe(201);
    const before = await seen(name);

    await cut(text, () => apply(second(name)));

    expect(await seen(name)).toEqual(before);
    await rest();
    expect(await seen(name)).toEqual(before);
    // Nothing that is left stands in its way.
    expect((await apply(second(name))).body.pack.version).toBe(2);
    expect(JSON.stringify(await seen(name))).toContain(text);
  },
);

test("going back that is killed has never been, and goes back when it is asked again", {
  timeout: TIMEOUT_MS,
}, async () => {
  const name = "killed-back";
  await apply(first(name));
  const { source } = (await seen(name)) as Json;
  expect((await apply(second(name))).body.pack.version).toBe(2);
  const before = await seen(name);
  const { id } = await packOf(name);
  const back = () => product.call("POST", `/v2/packs/${id}/rollback`, {});

  await cut(`Alpha of ${name} is first.`, back);

  expect(await seen(name)).toEqual(before);
  await rest();
  expect(await seen(name)).toEqual(before);
  expect((await back()).status).toBe(200);
  expect(await seen(name)).toMatchObject({ version: 3, source });
});

test("killed at any moment, a pack is as it was or as it was to be", {
  timeout: 2 * TIMEOUT_MS,
}, async () => {
  const name = "killed-anywhere";
  await apply(first(name));
  const before = (await seen(name)) as Json;
  const { id } = await packOf(name);
  await apply(second(name));
  const after = (await seen(name)) as Json;
  await product.call("POST", `/v2/packs/${id}/rollback`, {});
  const wholes = [before.source, after.source];

  for (let kill = 0; kill < KILLS; kill += 1) {
    const { source, version } = (await seen(name)) as Json;
    const isFirst = source === before.source;
    const work = isFirst
      ? apply(second(name))
      : product.call("POST", `/v2/packs/${id}/rollback`, { version: 1 });
    const ended = work.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * APPLY_MS));
    await product.kill();
    await ended;
    await product.start();

    const isWhole = async (): Promise<boolean> => {
      const now = (await seen(name)) as Json;
      return now.source === (now.version === version ? source : wholes[isFirst ? 1 : 0]);
    };
    expect(await isWhole(), `kill ${kill}`).toBe(true);
    await rest();
    expect(await isWhole(), `kill ${kill}`).toBe(true);
  }
});
