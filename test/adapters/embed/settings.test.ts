// The settings of embedders: ids name all that changes the vectors, and what does not fit is said.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readConfig } from "../../../adapters/config.ts";
import { createBuiltinEmbedder } from "../../../adapters/embed/builtin.ts";
import { createEmbedders } from "../../../adapters/embed/embedders.ts";
import { embeddersConfig } from "../../../adapters/embed/tasks.ts";
import { writeSmallModel } from "../../support/small-model.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "troupe-embedders-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const read = (text: string, env = {}) => {
  writeFileSync(join(folder, "troupe.yaml"), text);
  return readConfig({ OPENAI_API_KEY: "k", ...env }, folder);
};

test("ids, folders, dimensions and limits of configured embedders", async () => {
  const config = await read(
    [
      "default_embedder: minilm",
      "embedders:",
      "  - { name: minilm, model: Xenova/all-MiniLM-L6-v2 }",
      "  - { name: own, model: ./own-model, dtype: fp32, pooling: cls }",
      '  - { name: e5, model: Xenova/e5, query_prefix: "query: ", document_prefix: "passage: " }',
      "  - { name: small, kind: openai, model: text-embedding-3-small }",
      "  - { name: short, kind: openai, model: text-embedding-3-small, dimension: 512 }",
      "  - { name: nomic, kind: openai, model: nomic-embed-text, dimension: 768, tokens_max: 2048 }",
    ].join("\n"),
    { TROUPE_MODELS: "./models-here", HF_ENDPOINT: "http://127.0.0.1:1" },
  );

  expect(config.embedders.map(({ id }) => id)).toEqual([
    "local:Xenova/all-MiniLM-L6-v2:q8",
    "local:own-model:fp32:cls",
    expect.stringMatching(/^local:Xenova\/e5:q8:[0-9a-f]{8}$/),
    "openai:openai:text-embedding-3-small:1536",
    "openai:openai:text-embedding-3-small:512",
    "openai:openai:nomic-embed-text:768",
  ]);
  expect(config.embedders.slice(0, 2).map((one) => "folder" in one && one.folder)).toEqual([
    join(folder, "models-here/Xenova/all-MiniLM-L6-v2"),
    join(folder, "own-model"),
  ]);
  expect(config.embedders.slice(3)).toMatchObject([
    { tokensMax: 8_191, sendDimension: false, tokenizer: "cl100k_base" },
    { sendDimension: true },
    { tokensMax: 2_048, sendDimension: false, tokenizer: "approximate" },
  ]);
  expect([config.hub, config.defaultEmbedder]).toEqual(["http://127.0.0.1:1", "minilm"]);
  expect(structuredClone(config)).toEqual(config);
});

test.each([
  ["- { name: builtin, model: x }", 'embedders: the name "builtin" is used twice'],
  ["- { name: a, model: x, kind: openai }", "the dimension of x is not known"],
  ["- { name: a, model: x, kind: openai, provider: no }", 'a: there is no provider "no"'],
  ["- { name: a }", 'the field "model" is missing'],
  ["- { name: a, model: x, dtype: q9 }", "expected one of fp32, fp16, q8"],
])("%s is refused", async (entry, problem) => {
  await expect(read(`embedders:\n  ${entry}\n`)).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining(problem),
  });
});

test("a default that is not configured is refused", async () => {
  await expect(read("default_embedder: other\n")).rejects.toMatchObject({
    message: expect.stringContaining('there is no embedder "other"; there are builtin'),
  });
});

test("a configured local embedder is made when it is asked for, and what it lacks is said", async () => {
  const config = await read(
    "embedders:\n  - { name: mine, model: Some/model, query_prefix: 'q ' }\n",
  );
  const compute = { run: () => Promise.reject(new Error("not asked")) };
  const embedders = createEmbedders(createBuiltinEmbedder(), {
    config: embeddersConfig(config),
    compute,
  });

  await expect(embedders.find("mine")).rejects.toMatchObject({
    code: "EMBEDDER_UNAVAILABLE",
    message: expect.stringContaining(
      join(folder, "data/models/Some/model/onnx/model_quantized.onnx"),
    ),
  });
  writeSmallModel(join(folder, "data/models/Some/model"));
  const embedder = await embedders.find("mine");
  expect([embedder.dimension, embedder.id]).toEqual([32, config.embedders[0]?.id]);
  await expect(embedders.pinned({ id: embedder.id, dimension: 64 })).rejects.toMatchObject({
    code: "EMBEDDER_MISMATCH",
  });
});
