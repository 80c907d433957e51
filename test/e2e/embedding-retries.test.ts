// A provider of vectors that limits, fails and refuses while a job takes documents in, through the
// real process: what passes is tried again without a document being lost, what does not is the report of
// the documents it is about.

import { afterAll, beforeAll, expect, test } from "vitest";
import { meaningEmbedder } from "../support/meaning-embedder.ts";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const collections = "/v2/knowledge/collections";
let product: Product;
beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "1" }, config: meaningEmbedder });
});
afterAll(() => product.end());

const isEmbedding = ({ path }: { readonly path: string }) => path.endsWith("/embeddings");
const inputOf = ({ body }: { readonly body: Readonly<Record<string, unknown>> }) =>
  body["input"] as readonly string[];
const documents = Array.from({ length: 30 }, (_, at) => ({
  id: `page-${at}`,
  text: `The page mark${at}m is short.`,
}));

async function addAll(): Promise<{ readonly reports: readonly Json[]; readonly ms: number }> {
  const made = await product.call("POST", collections, { name: "Pages", embedder: "meaning" });
  const beganMs = Date.now();
  const path = `${collections}/${made.body.id}/documents?wait=true`;
  const { body } = await product.call("POST", path, documents);
  return { reports: body.data, ms: Date.now() - beganMs };
}

test.each([
  ["limits it (429) and says when to come again", { error: { status: 429, retryAfterS: 1 } }, 900],
  ["fails (500)", { error: { status: 500 } }, 0],
  ["is overloaded (503)", { error: { status: 503 } }, 0],
] as const)(
  "a provider that %s is asked again, and every document comes in",
  async (_, trouble, leastMs) => {
    product.provider.reset();
    product.provider.when(isEmbedding, { ...trouble, times: 2 });
    const { reports, ms } = await addAll();
    const calls = product.provider.calls().filter(isEmbedding);

    expect(reports.map(({ status }) => status)).toEqual(documents.map(() => "created"));
    expect(calls.length).toBeGreaterThanOrEqual(3);
    expect(ms).toBeGreaterThanOrEqual(leastMs);
  },
  60_000,
);

test("texts that it refuses (400) fail their documents with its reason, and no other", async () => {
  product.provider.reset();
  product.provider.when(
    (call) => isEmbedding(call) && inputOf(call).some((text) => text.includes("mark13m")),
    {
      error: { status: 400, message: "This input is not allowed." },
    },
  );
  const { reports } = await addAll();

  const failed = reports.filter(({ status }) => status === "failed");
  expect(failed.map(({ id }) => id)).toEqual(["page-13"]);
  for (const { error } of failed) expect(error.message).toContain("not allowed");
  expect(reports).toHaveLength(documents.length);
}, 180_000);
