// Secrets in what another machine says are hidden, whole, in pieces, and at an end that was cut off.

import fc from "fast-check";
import { expect, test } from "vitest";
import { createRedactor } from "../../adapters/redaction.ts";

const SECRET = "Bearer planted-secret-of-the-shop";

test("a secret is hidden as it is, in JSON, in an address and in base64", () => {
  const { text } = createRedactor([SECRET, 'with "quotes" and \\']);
  const said = [
    `a ${SECRET} b`,
    "the planted-secret-of-the-shop alone",
    JSON.stringify({ echo: 'with "quotes" and \\' }),
    encodeURIComponent(SECRET),
    Buffer.from(SECRET).toString("base64"),
  ];
  const hidden = said.map((one) => text(one)).join("\n");

  expect(hidden).not.toMatch(/planted|quotes|cGxhbnRlZ/);
  expect(text(said[0] ?? "")).toBe("a *** b");
});

test("what is too short to be told from other words stays", () => {
  expect(createRedactor(["1234567"]).text("1234567")).toBe("1234567");
});

test("the beginning of a secret at the end of a text that was cut is hidden", () => {
  const { text } = createRedactor([SECRET]);

  expect(text("so: planted-sec", true)).toBe("so: ***");
  expect(text("so: planted-sec")).toBe("so: planted-sec");
});

test("a secret that comes in pieces is hidden however it is cut, and nothing else is lost", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 90 }), { maxLength: 12 }), (cuts) => {
      const whole = `before ${SECRET} between planted-secret-of-the-shop after`;
      const at = [...new Set([0, ...cuts, whole.length])].sort((a, b) => a - b);
      const redactor = createRedactor([SECRET]);
      let out = "";
      const pieces = redactor.pieces((piece) => {
        out += piece;
      });
      for (const [place, from] of at.entries()) pieces.push(whole.slice(from, at[place + 1]));
      pieces.end();

      expect(out).toBe("before *** between *** after");
    }),
  );
});

test("what cannot be the beginning of a secret is not held back", () => {
  const redactor = createRedactor([SECRET]);
  const out: string[] = [];
  const pieces = redactor.pieces((piece) => out.push(piece));

  pieces.push("data: an event\n\n");
  pieces.push("data: planted");
  pieces.push(" trees\n\n");

  expect(out).toEqual(["data: an event\n\n", "data: ", "planted trees\n\n"]);
});
