// The built-in embedder: the same vector for the same text always, unit length, near for near texts.

import { expect, test } from "vitest";
import { builtinEmbedder, createBuiltinEmbedder } from "../../../adapters/embed/builtin.ts";

const embedder = createBuiltinEmbedder();
const similarity = (left: string, right: string): number => {
  const other = embedder.embedNow(right);
  return embedder.embedNow(left).reduce((sum, value, at) => sum + value * (other[at] ?? 0), 0);
};

test("vectors are of unit length and stay what they were", async () => {
  const [first, empty] = await embedder.embed(["How do I export my data?", " ?! "], {
    tenant: "tn_1",
  });

  expect(first).toHaveLength(builtinEmbedder.dimension);
  expect(first?.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(1, 5);
  expect(first).toEqual(embedder.embedNow("How do I export my data?"));
  expect(empty?.every((value) => value === 0)).toBe(true);
  // Stored vectors are compared with new ones: a change of the computation needs a new id.
  const checksum = first?.reduce((sum, value, at) => sum + value * (at + 1), 0) ?? 0;
  expect([embedder.id, checksum.toFixed(3)]).toEqual(["builtin-1", "20.569"]);
});

test.each([
  ["export my data", "exporting the data", "cancel a flight"],
  ["Rechnung", "Rechnungen", "Urlaub"],
  ["我想退款", "申请退款", "天气很好"],
  ["refund", "refnud", "weather"],
])("%s is nearer to %s than to %s", (text, near, far) => {
  expect(similarity(text, near)).toBeGreaterThan(similarity(text, far) + 0.2);
});
