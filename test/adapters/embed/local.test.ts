// A real ONNX model with its tokenizer, run by the real library in the threads of the real pool. The
// weights are random: what is tested is that the vectors are the model's, whoever asks and with whom.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Embedder, EmbedUse } from "../../../actors/ports.ts";
import type { Dtype } from "../../../adapters/embed/kinds.ts";
import { createLocalEmbedder } from "../../../adapters/embed/local.ts";
import { loadLibrary } from "../../../adapters/embed/local-library.ts";
import { readModelFolder } from "../../../adapters/embed/model-folder.ts";
import { embedTasks } from "../../../adapters/embed/tasks.ts";
import { loadTokenizer } from "../../../adapters/embed/tokenizers.ts";
import { createComputePool } from "../../../runtime/threads/compute.ts";
import type { ComputePool } from "../../../runtime/threads/compute-port.ts";
import { type SmallModel, writeSmallModel } from "../../support/small-model.ts";

const run = promisify(execFile);
const root = mkdtempSync(join(tmpdir(), "troupe-models-"));
let pool: ComputePool;

beforeAll(() => {
  const limits = { threads: 2, batchTexts: 8, waitMs: 2, queueMax: 4_096, cacheMib: 0 };
  const tasks = embedTasks(limits);
  pool = createComputePool({ tasks, threads: 1, queueMax: 10, heapMib: 512 });
});

afterAll(async () => {
  await pool.close();
  rmSync(root, { recursive: true, force: true });
});

/** One folder for each kind of model. */
async function embedderOf(model: SmallModel = {}, dtype: Dtype = "fp32"): Promise<Embedder> {
  const name = createHash("sha256").update(JSON.stringify(model)).digest("hex").slice(0, 8);
  const folder = join(root, name);
  writeSmallModel(folder, model);
  return createLocalEmbedder(
    `local:${name}:${dtype}`,
    await readModelFolder(name, folder, dtype),
    pool,
  );
}

const texts = [
  "How do I export my data?",
  "refund",
  "the weather in paris and in berlin is an answer to the question of the search",
  "",
  "Ein Text mit Umlauten: äöü, 発注 and 🙂 at the end",
  "cancel order",
];
const one = { tenant: "tn_1" };
const similarity = (a: Float32Array | undefined, b: Float32Array | undefined): number =>
  [...(a ?? [])].reduce((sum, value, at) => sum + value * (b?.[at] ?? 0), 0);

test("vectors have the model's dimension and unit length, and the same text has the same", async () => {
  const embedder = await embedderOf();

  const vectors = await embedder.embed(texts, one);
  const again = await embedder.embed([...texts].reverse(), one);

  expect([embedder.dimension, embedder.tokensMax]).toEqual([32, 46]);
  for (const vector of vectors) {
    expect(vector).toHaveLength(32);
    expect(Math.hypot(...vector)).toBeCloseTo(1, 6);
  }
  for (const [at, vector] of vectors.entries()) {
    expect(similarity(vector, again[texts.length - 1 - at])).toBeCloseTo(1, 5);
  }
  expect(similarity(vectors[0], vectors[1])).toBeLessThan(0.99);
});

test("they are what the library's own pipeline gives, for mean and for cls pooling", async () => {
  const { env, pipeline } = await import("@huggingface/transformers");
  env.allowRemoteModels = false;
  for (const pooling of ["mean", "cls"] as const) {
    const embedder = await embedderOf({ pooling, hidden: 16 });
    const [vector] = await embedder.embed(["How do I export my data?"], one);
    const name = embedder.tokenizer.kind === "model" ? embedder.tokenizer.folder : "";
    const extract = await pipeline("feature-extraction", name, { dtype: "fp32", device: "cpu" });
    const oracle = await extract("How do I export my data?", { pooling, normalize: true });

    expect([...(vector ?? [])]).toEqual(
      [...(oracle.data as Float32Array)].map((value) => expect.closeTo(value, 5)),
    );
  }
});

test.each(["fp32", "q8"] as const)(
  "%s: a batch of mixed lengths equals its texts one by one",
  async (dtype) => {
    const embedder = await embedderOf({}, dtype);

    const together = await embedder.embed(texts, one);
    const apart: Float32Array[] = [];
    for (const text of texts) apart.push(...(await embedder.embed([text], one)));

    // Quantised, a batch is scaled as a whole: its rounding differs a little.
    for (const [at, vector] of together.entries()) {
      expect(similarity(vector, apart[at])).toBeGreaterThan(dtype === "fp32" ? 0.99999 : 0.99);
    }
  },
);

test("q8 is near to fp32, and another model's vectors are not", async () => {
  const [exact] = await (await embedderOf()).embed([texts[2] ?? ""], one);
  const [rounded] = await (await embedderOf({}, "q8")).embed([texts[2] ?? ""], one);
  const [other] = await (await embedderOf({ seed: 7 })).embed([texts[2] ?? ""], one);

  expect(similarity(exact, rounded)).toBeGreaterThan(0.95);
  expect(Math.abs(similarity(exact, other))).toBeLessThan(0.9);
});

test("a text that is too long is cut at its end, and that is said", async () => {
  const embedder = await embedderOf();
  const long = Array.from({ length: 46 }, () => "weather").join(" ");
  const uses: EmbedUse[] = [];

  const [fits, cut, far] = await embedder.embed(
    [long, `${long} refund`, `${long} ${"x".repeat(1_000_000)}`],
    { ...one, onUse: (use) => uses.push(use) },
  );

  expect(uses).toEqual([{ tokens: 48 * 3, estimated: false, truncated: [1, 2] }]);
  expect(similarity(fits, cut)).toBeCloseTo(1, 5);
  expect(similarity(fits, far)).toBeCloseTo(1, 5);
});

test("a model's prompts are put before queries and documents", async () => {
  const plain = await embedderOf();
  const prompted = await embedderOf({ prompts: { query: "question ", document: "document " } });

  const [query] = await prompted.embed(["refund"], { ...one, purpose: "query" });
  const [document] = await prompted.embed(["refund"], one);
  const [asQuery, asDocument] = await plain.embed(["question refund", "document refund"], one);

  expect(similarity(query, asQuery)).toBeCloseTo(1, 5);
  expect(similarity(document, asDocument)).toBeCloseTo(1, 5);
});

test("several tenants at once get their own vectors, and main is not held", async () => {
  const embedder = await embedderOf({ hidden: 128, layers: 4 });
  const of = (tenant: number, at: number) => `${tenant} order ${at} ${"weather ".repeat(at % 20)}`;
  await embedder.embed(["warm", "up"], one);
  const before = performance.eventLoopUtilization();

  const all = await Promise.all(
    [0, 1, 2, 3].map((tenant) =>
      embedder.embed(
        Array.from({ length: 100 }, (_, at) => of(tenant, at)),
        { tenant: `tn_${tenant}` },
      ),
    ),
  );

  const { utilization } = performance.eventLoopUtilization(before);
  for (const tenant of [0, 3]) {
    const [alone] = await embedder.embed([of(tenant, 57)], one);
    expect(similarity(all[tenant]?.[57], alone)).toBeCloseTo(1, 4);
  }
  // On main it would be 1: a model holds its thread while it runs.
  expect(utilization).toBeLessThan(0.5);
});

test("a cancelled call ends at once, also while the model loads, and others go on", async () => {
  const embedder = await embedderOf({ hidden: 64, seed: 3 });
  const controller = new AbortController();
  const many = Array.from({ length: 500 }, (_, at) => `order ${at}`);

  const cancelled = embedder.embed(many, { ...one, signal: controller.signal });
  const beside = embedder.embed(["refund"], { tenant: "tn_2" });
  controller.abort();

  await expect(cancelled).rejects.toMatchObject({ code: "CANCELLED" });
  expect(await beside).toHaveLength(1);
});

test("what is missing is said: which files and where, which package", async () => {
  const folder = join(root, "Some", "model");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "config.json"), '{"hidden_size": 8}');

  const error = await readModelFolder("Some/model", folder, "q8").catch((caught: Error) => caught);

  expect(error).toMatchObject({ code: "EMBEDDER_UNAVAILABLE" });
  expect(String(error)).toContain(
    [
      "These files are missing:",
      `  ${folder}/tokenizer.json`,
      `  ${folder}/tokenizer_config.json`,
      `  ${folder}/onnx/model_quantized.onnx`,
      'With a network, "troupe models pull Some/model --dtype q8" fetches them.',
    ].join("\n"),
  );
  await expect(
    loadLibrary(() => Promise.reject(new Error("Cannot find package"))),
  ).rejects.toMatchObject({
    code: "EMBEDDER_UNAVAILABLE",
    message: expect.stringContaining('"npm install @huggingface/transformers@4"'),
  });
});

test("a model file that is damaged is an error of its texts, and the thread goes on", async () => {
  const good = await embedderOf();
  const folder = join(root, "damaged");
  writeSmallModel(folder);
  writeFileSync(join(folder, "onnx/model.onnx"), Buffer.alloc(4_000, 7));
  const model = await readModelFolder("damaged", folder, "fp32");
  const damaged = createLocalEmbedder("local:damaged:fp32", model, pool);

  const [bad, fine] = await Promise.allSettled([
    damaged.embed(["refund"], one),
    good.embed(["refund"], one),
  ]);

  expect(bad).toMatchObject({ reason: { code: "EMBEDDER_UNAVAILABLE" } });
  expect(fine.status).toBe("fulfilled");
  writeSmallModel(folder);
  // What was made of the former files is not given vectors of the new ones.
  await expect(damaged.embed(["refund"], one)).rejects.toMatchObject({
    code: "WORKER_LOST",
    message: expect.stringContaining("were replaced"),
  });
  const whole = await readModelFolder("damaged", folder, "fp32");
  const again = createLocalEmbedder("local:damaged:fp32", whole, pool);
  expect(await again.embed(["refund"], one)).toHaveLength(1);
});

test("the model's tokenizer counts as the model does, also in a long text", async () => {
  const { tokenizer } = await embedderOf();
  const { count } = await loadTokenizer(tokenizer);

  expect(count("How do I export my data?")).toBe(7);
  expect(count("weather ".repeat(10_000))).toBe(10_000);
  expect(count("")).toBe(0);
});

test("a process that stops in the middle of embedding ends in order", async () => {
  const folder = join(root, "stopped");
  writeSmallModel(folder, { hidden: 256, layers: 4 });
  const child = fileURLToPath(new URL("../../support/embed-child.js", import.meta.url));

  for (let round = 0; round < 3; round += 1) {
    const { stdout, stderr } = await run(process.execPath, [child, folder]);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^CANCELLED (done|SHUTTING_DOWN)\n$/);
  }
});
