// Large texts that are made in steps: the same text, and others go on meanwhile.

import fc from "fast-check";
import { expect, test } from "vitest";
import { joined, jsonPieces, takeSteps } from "../../../adapters/http/openapi/made-aside.ts";

test("an object in pieces is the same JSON", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      expect([...jsonPieces(value)].join("")).toBe(JSON.stringify(value));
    }),
  );
  expect([...jsonPieces({ a: undefined, b: { c: undefined } })].join("")).toBe('{"b":{}}');
});

test("what others have to do is done between the steps", async () => {
  let passes = 0;
  let isOver = false;
  const count = (): void => {
    passes += 1;
    if (!isOver) setImmediate(count);
  };
  function* pieces(): Generator<string> {
    for (let at = 0; at < 20; at += 1) {
      const untilMs = performance.now() + 1;
      while (performance.now() < untilMs);
      yield "é";
    }
  }

  setImmediate(count);
  const text = await takeSteps(joined(pieces()));
  isOver = true;

  expect(new TextDecoder().decode(text)).toBe("é".repeat(20));
  expect(passes).toBeGreaterThanOrEqual(20);
});
