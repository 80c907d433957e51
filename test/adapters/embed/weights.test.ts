// What tells weights apart under one id: files by their hash, a provider's model by what it makes of a
// text; and the registry, which gives no collection other vectors than its own.

import { mkdtempSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Embedder } from "../../../actors/ports.ts";
import { createBuiltinEmbedder } from "../../../adapters/embed/builtin.ts";
import { readModelFolder } from "../../../adapters/embed/model-folder.ts";
import { probeLimits, probing } from "../../../adapters/embed/probe.ts";
import { createRegistry } from "../../../adapters/embed/registry.ts";
import { areSameWeights, weightsOfProbe } from "../../../adapters/embed/weights.ts";
import { hashWeights } from "../../../adapters/embed/weights-task.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { smallModelFiles, writeSmallModel } from "../../support/small-model.ts";

const root = mkdtempSync(join(tmpdir(), "troupe-weights-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let names = 0;
const fresh = (): string => {
  names += 1;
  return join(root, String(names));
};

/** A unit vector, the same for the same seed. */
function vectorOf(seed: number, dimension = 384): Float32Array {
  const vector = Float32Array.from({ length: dimension }, (_, at) => {
    const value = Math.sin(seed * 12.9898 + at * 78.233) * 43_758.5453;
    return value - Math.floor(value) - 0.5;
  });
  return unit(vector);
}

function unit(vector: Float32Array): Float32Array {
  const norm = Math.hypot(...vector);
  return vector.map((value) => value / norm);
}

/** Its direction turned a little: the cosine of the two is about 1 / sqrt(1 + by * by). */
const turned = (vector: Float32Array, by: number, seed: number): Float32Array => {
  const other = vectorOf(seed, vector.length);
  return unit(vector.map((value, at) => value + by * (other[at] ?? 0)));
};

test.each([64, 384, 1_536, 3_072])(
  "of %i numbers: small differences are the same weights, larger ones and others are not",
  (dimension) => {
    for (let seed = 1; seed <= 6; seed += 1) {
      const vector = vectorOf(seed, dimension);
      const weights = weightsOfProbe(vector);
      const is = (other: Float32Array) => areSameWeights(weights, weightsOfProbe(other));

      expect(is(turned(vector, 0.03, seed + 500))).toBe(true);
      expect(is(turned(vector, 0.35, seed + 500))).toBe(false);
      expect(is(vectorOf(seed + 100, dimension))).toBe(false);
      expect(is(vector.map((value) => -value))).toBe(false);
      expect(weights.length).toBeLessThan(200);
    }
  },
);

async function hashOf(folder: string, memory: string): Promise<unknown> {
  return await hashWeights({ model: await readModelFolder("m", folder, "fp32"), memory });
}

test("a model's files have one hash wherever they lie, and each that makes vectors changes it", async () => {
  const [folder, other] = [fresh(), fresh()];
  writeSmallModel(folder);
  writeSmallModel(other);
  const hash = await hashOf(folder, fresh());

  expect(await hashOf(other, fresh())).toBe(hash);
  for (const path of ["onnx/model.onnx", "tokenizer.json", "tokenizer_config.json"]) {
    writeSmallModel(other, { seed: path === "onnx/model.onnx" ? 7 : 1 });
    if (path !== "onnx/model.onnx") {
      const text = `${smallModelFiles()[path]?.toString()}\n`;
      writeFileSync(join(other, path), text);
    }
    expect(await hashOf(other, fresh()), path).not.toBe(hash);
    writeSmallModel(other);
  }
  writeSmallModel(other, { pooling: "cls" });
  expect(await hashOf(other, fresh()), "pooling").not.toBe(hash);
  writeSmallModel(other, { prompts: { query: "query: " } });
  expect(await hashOf(other, fresh()), "prompts").not.toBe(hash);
  // Weights of another dtype are none of it.
  writeSmallModel(other);
  writeFileSync(join(other, "onnx/model_quantized.onnx"), "other");
  rmSync(join(other, "config_sentence_transformers.json"));
  expect(await hashOf(other, fresh())).toBe(hash);
});

test("files are hashed once, and again when one took another's place at the same size and time", async () => {
  const [folder, memory] = [fresh(), fresh()];
  writeSmallModel(folder);
  const path = join(folder, "onnx/model.onnx");
  const first = await hashOf(folder, memory);
  utimesSync(path, 1_000, 1_000);
  const { size, mtimeMs } = statSync(path);
  // What is remembered is believed: the files are not read.
  const model = await readModelFolder("m", folder, "fp32");
  writeFileSync(memory, JSON.stringify({ version: model.version, hash: "remembered" }));
  const remembered = await hashOf(folder, memory);

  const exchanged = smallModelFiles({ seed: 7 })["onnx/model.onnx"] ?? Buffer.alloc(0);
  writeFileSync(`${path}.new`, exchanged);
  utimesSync(`${path}.new`, 1_000, 1_000);
  renameSync(`${path}.new`, path);

  expect([statSync(path).size, statSync(path).mtimeMs]).toEqual([size, mtimeMs]);
  expect(remembered).not.toBe(first);
  expect(await hashOf(folder, memory)).not.toBe(remembered);
  expect(await hashOf(folder, memory)).not.toBe(first);
  writeFileSync(memory, "{ half");
  expect(await hashOf(folder, memory)).not.toBe(first);
});

/** A provider's embedder whose weights a test exchanges. */
interface Remote {
  readonly embedder: Embedder;
  asked: number;
  seed: number;
  fails: RuntimeError | null;
}

function remote(): Remote {
  const embed: Embedder["embed"] = async (texts) => {
    one.asked += 1;
    if (one.fails !== null) throw one.fails;
    // The same weights, a little different each time.
    return texts.map(() => turned(vectorOf(one.seed), 0.01, 900 + one.asked));
  };
  const embedder: Embedder = {
    ...{ id: "openai:x:m:384", dimension: 384, tokensMax: 512, embed },
    tokenizer: { kind: "approximate" },
  };
  const one: Remote = { embedder, asked: 0, seed: 1, fails: null };
  return one;
}

test("a provider is asked once a while; the same weights have one name, in every thread and life", async () => {
  const provider = remote();
  const memory = fresh();
  let nowMs = 0;
  const first = probing(provider.embedder, memory, () => nowMs);

  const weights = await Promise.all([first(), first(), first()]);
  const other = await probing(provider.embedder, memory, () => nowMs)();
  const alone = await probing(provider.embedder, fresh(), () => nowMs)();

  expect(new Set([...weights, other]).size).toBe(1);
  expect(provider.asked).toBe(3);
  expect(alone).not.toBe(other);
  expect(areSameWeights(alone, other)).toBe(true);

  provider.seed = 2;
  expect(await first()).toBe(other);
  nowMs += probeLimits.keptMs;
  const exchanged = await first();
  expect(areSameWeights(exchanged, other)).toBe(false);
  provider.seed = 1;
  nowMs += probeLimits.keptMs;
  // Back to the former ones: what was remembered for them is theirs again.
  expect(await first()).toBe(other);
});

test("one that cannot answer for a moment is taken for what it was; one never asked is an error", async () => {
  const provider = remote();
  let nowMs = 0;
  const weights = probing(provider.embedder, fresh(), () => nowMs);
  provider.fails = new RuntimeError("PROVIDER_UNAVAILABLE", "It is away.");

  await expect(weights()).rejects.toMatchObject({ code: "PROVIDER_UNAVAILABLE" });
  provider.fails = null;
  const before = await weights();
  provider.fails = new RuntimeError("PROVIDER_LIMITED", "Too many.");
  nowMs += probeLimits.keptMs;
  expect(await weights()).toBe(before);
  provider.fails = new RuntimeError("EMBEDDER_MISMATCH", "It has another dimension.");
  await expect(weights()).rejects.toMatchObject({ code: "EMBEDDER_MISMATCH" });
});

test("one that hangs when it is asked again holds nobody up, and counts when it has answered", async () => {
  const provider = remote();
  let answer: (() => void) | undefined;
  let isHanging = false;
  const embed: Embedder["embed"] = async (texts, options) => {
    if (isHanging) await new Promise<void>((resolve) => (answer = resolve));
    return await provider.embedder.embed(texts, options);
  };
  let nowMs = 0;
  const weights = probing({ ...provider.embedder, embed }, fresh(), () => nowMs);
  const before = await weights();

  isHanging = true;
  provider.seed = 2;
  nowMs += probeLimits.keptMs;
  expect(await Promise.all([weights(), weights()])).toEqual([before, before]);
  answer?.();
  await expect.poll(weights, { timeout: 5_000 }).not.toBe(before);
});

test("a collection of other weights is refused in words that say what repairs it; others go on", async () => {
  let now = weightsOfProbe(vectorOf(1));
  const embedder: Embedder = { ...createBuiltinEmbedder(), id: "local:m:q8" };
  const entry = { name: "mine", id: embedder.id };
  const make = async () => ({ embedder, weights: async () => now });
  const embedders = createRegistry([{ ...entry, make }], "mine");
  const pin = { id: embedder.id, dimension: embedder.dimension };

  const pinned = await embedders.pinned(pin);
  const near = weightsOfProbe(turned(vectorOf(1), 0.01, 3));
  expect(pinned.weights).toBe(now);
  // The pin's own name for them is kept.
  expect((await embedders.pinned({ ...pin, weights: near })).weights).toBe(near);
  now = weightsOfProbe(vectorOf(2));
  await expect(embedders.pinned({ ...pin, weights: near })).rejects.toMatchObject({
    code: "EMBEDDER_MISMATCH",
    status: 409,
    message: expect.stringMatching(/other weights.*\/reembed with \{"embedder": "mine"\}/),
    details: { embedder: "local:m:q8", changed: "weights" },
  });
  expect((await embedders.pinned(pin)).weights).toBe(now);
});

test("an embedder whose files are others is made again, by one of those who see it", async () => {
  let [makings, isCurrent] = [0, true];
  const make = async () => {
    makings += 1;
    const id = `made-${makings}`;
    const embedder = { ...createBuiltinEmbedder(), id };
    return { embedder, isCurrent: async () => isCurrent || makings > 1 };
  };
  const embedders = createRegistry([{ name: "mine", id: "mine", make }], "mine");
  const found = async () => (await embedders.find("mine")).id;

  expect([await found(), await found()]).toEqual(["made-1", "made-1"]);
  isCurrent = false;
  expect(await Promise.all([found(), found(), found()])).toEqual(["made-2", "made-2", "made-2"]);
});
