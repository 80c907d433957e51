// A background response whose server is killed: who comes back with the number of the last event it
// saw has exactly the rest, or is told that its text was begun again; nobody is given two texts mixed.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import type { Json, Streamed } from "../support/wire-client.ts";

let product: Product;
let model = "";
const pieces = ["The puffins ", "are fed ", "by the keeper ", "on Mondays, ", "he ", "says."];

beforeAll(async () => {
  product = await startProduct();
  product.provider.otherwise({ pieces });
  const made = await product.call("POST", "/v2/agents", { name: "Guide", model_name: "m-1" });
  model = `agent:${made.body.id}`;
}, 30_000);
afterAll(() => product.end());

const next = async (streamed: Streamed): Promise<Json> =>
  JSON.parse((await streamed.next())?.data ?? "null");
const parsed = async (streamed: Streamed): Promise<readonly Json[]> =>
  (await streamed.rest()).map(({ data }) => JSON.parse(data));
const ask = (more: object) =>
  product.events("POST", "/v1/responses", { model, input: "Who?", stream: true, ...more });

async function behind(id: string, after: number | null): Promise<readonly Json[]> {
  const more = after === null ? "" : `&starting_after=${after}`;
  return parsed(await product.events("GET", `/v1/responses/${id}?stream=true${more}`));
}

test("after a kill -9 every number of an answer goes on with exactly what followed it", async () => {
  const uncut = await parsed(await ask({ background: true }));
  const { id } = uncut[0].response;

  await product.kill();
  await product.start();

  expect(await behind(id, null)).toEqual(uncut);
  for (const [at, { sequence_number }] of uncut.entries()) {
    expect(await behind(id, sequence_number)).toEqual(uncut.slice(at + 1));
  }
});

test("a text that the kill cut is answered anew: from before it all goes on, within it that is said", async () => {
  const { provider } = product;
  provider.when(({ prompt }) => prompt.includes("slowly"), { pieces, hang: 3, times: 1 });
  const streamed = await ask({ background: true, input: "Who feeds them, slowly?" });
  const seen: Json[] = [];
  // The events of three pieces: two of the start, two of the message, and the words that are whole.
  while (seen.length < 9) seen.push(await next(streamed));
  const { id } = seen[0].response;

  await product.kill();
  await product.start();

  const whole = await behind(id, null);
  const answered = whole.at(-1).response;
  expect(answered).toMatchObject({ status: "completed", output: [{ status: "completed" }] });
  expect(whole.flatMap(({ delta }) => delta ?? []).join("")).toBe(pieces.join(""));
  expect(whole.slice(0, 4)).toEqual(seen.slice(0, 4));
  for (const [at, { sequence_number }] of whole.entries()) {
    expect(await behind(id, sequence_number)).toEqual(whole.slice(at + 1));
  }
  for (const { sequence_number } of seen.slice(4)) {
    expect(await behind(id, sequence_number)).toMatchObject([
      { type: "error", code: "stream_restarted", error: { code: "stream_restarted" } },
    ]);
  }
  const read = await product.call("GET", `/v1/responses/${id}`);
  expect(read.body).toEqual(answered);
});
