// Ids of frames: what they say is read back, and they stay short.

import fc from "fast-check";
import { expect, test } from "vitest";
import { FRAME_ID_CHARS_MAX, parsePlace, placeId, type SeenText } from "../../runtime/place.ts";

const step = fc.string({ minLength: 1, maxLength: 200 }).filter((key) => !key.includes("@"));
const run = fc.array(fc.integer({ min: 1, max: 99 }), { maxLength: 3 });
const number = fc.nat();
const seen: fc.Arbitrary<SeenText> = fc
  .record({ run, step, attempt: number, offset: number })
  .map((text) => ({ ...text, run: ["rn_01h", ...text.run].join(".") }));
const place = fc.record({
  entries: number,
  life: fc.constantFrom("", "2", "zzzzzzzz"),
  texts: fc.array(seen, { maxLength: 5 }),
  hasOthers: fc.boolean(),
});

test("an id names every text it has room for, and says when there are others", () => {
  const property = fc.property(place, (one) => {
    const id = placeId("rn_01h.7", one);
    const { entries, life, texts, hasOthers } = parsePlace(id) ?? {};

    expect(id.length).toBeLessThanOrEqual(FRAME_ID_CHARS_MAX);
    expect([entries, life]).toEqual([one.entries, one.life]);
    expect(texts).toEqual(one.texts.slice(0, texts?.length));
    expect(texts?.length).toBeGreaterThanOrEqual(Math.min(1, one.texts.length));
    const next = one.texts[texts?.length ?? 0];
    // Its numbers, its path and their marks take so much at most.
    if (next) expect(id.length + next.step.length + 50).toBeGreaterThan(FRAME_ID_CHARS_MAX);
    expect(hasOthers).toBe(one.hasOthers || texts?.length !== one.texts.length);
  });
  fc.assert(property, { seed: 1, numRuns: 1_000 });
});

test("a few texts with keys as they are find room", () => {
  const texts = Array.from({ length: 8 }, (_, n) => ({
    ...{ run: `rn_01ky2f7yat000s5qbx6mmzs78r8.${n}`, step: "model:1" },
    ...{ attempt: 1, offset: 4_000 },
  }));

  const id = placeId("rn_01ky2f7yat000s5qbx6mmzs78r8", {
    entries: 40,
    life: "",
    texts,
    hasOthers: false,
  });

  expect(parsePlace(id)).toEqual({ entries: 40, life: "", texts, hasOthers: false });
});

test.each([
  "",
  "rn_1",
  "rn_1:model:1:1:0",
  "rn_1:m@:1:0",
  "rn_1:m@x:1:0",
  "rn_1:m@1@2:1:0",
  "rn_1:m@1.:1:0",
  "42",
])("%j is no id of a place", (id) => expect(parsePlace(id)).toBeNull());
