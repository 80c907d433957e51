// The registry: by name and by id, and a collection never gets vectors of another kind than its own.

import { expect, test } from "vitest";
import { createBuiltinEmbedder } from "../../../adapters/embed/builtin.ts";
import { createEmbedders } from "../../../adapters/embed/embedders.ts";
import { createRegistry, type MadeEmbedder } from "../../../adapters/embed/registry.ts";
import { RuntimeError } from "../../../runtime/errors.ts";

test("the built-in embedder is found by name and by id, and fits a collection pinned to it", async () => {
  const embedders = createEmbedders(createBuiltinEmbedder());

  expect([embedders.names, embedders.defaultName]).toEqual([["builtin"], "builtin"]);
  expect((await embedders.find("builtin")).id).toBe("builtin-1");
  expect((await embedders.find("builtin-1")).dimension).toBe(512);
  expect((await embedders.pinned({ id: "builtin-1", dimension: 512 })).id).toBe("builtin-1");
});

test("a collection of another embedder or of another dimension is refused in words", async () => {
  const embedders = createEmbedders(createBuiltinEmbedder());

  await expect(embedders.find("minilm")).rejects.toMatchObject({
    code: "EMBEDDER_UNKNOWN",
    message: 'There is no embedder "minilm"; configured: builtin.',
  });
  await expect(embedders.pinned({ id: "local:x/y:q8", dimension: 384 })).rejects.toMatchObject({
    code: "EMBEDDER_UNKNOWN",
    message: expect.stringMatching(/local:x\/y:q8, which is not configured \(there are: builtin\)/),
  });
  // A configured name is no pin: two configurations may give it to two models.
  await expect(embedders.pinned({ id: "builtin", dimension: 512 })).rejects.toMatchObject({
    code: "EMBEDDER_UNKNOWN",
  });
  await expect(embedders.pinned({ id: "builtin-1", dimension: 256 })).rejects.toMatchObject({
    code: "EMBEDDER_MISMATCH",
    message: expect.stringMatching(/vectors of 256 numbers.*gives 512 now/),
  });
});

test("an embedder that could not be made is made when it is next asked for, and then once", async () => {
  let makings = 0;
  const make = async (): Promise<MadeEmbedder> => {
    makings += 1;
    if (makings === 1) throw new RuntimeError("EMBEDDER_UNAVAILABLE", "No files yet.");
    return { embedder: createBuiltinEmbedder() };
  };
  const embedders = createRegistry([{ name: "one", id: "builtin-1", make }], "one");

  await expect(embedders.find("one")).rejects.toMatchObject({ code: "EMBEDDER_UNAVAILABLE" });
  const [first, second] = await Promise.all([embedders.find("one"), embedders.find("builtin-1")]);
  expect(first).toBe(second);
  expect(makings).toBe(2);
});
