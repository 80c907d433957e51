// Parameters found by patterns, and values built for an output schema.

import { Ajv2020 } from "ajv/dist/2020.js";
import { beforeAll, expect, test } from "vitest";
import { collectParameters } from "../../../actors/answer/collect-parameters.ts";
import { valueForSchema } from "../../../actors/answer/schema-value.ts";
import { loadLinearPatterns } from "../../../actors/linear-pattern.ts";

beforeAll(loadLinearPatterns);

const string = { type: "string" };

test.each([
  [
    "email",
    { ...string, format: "email" },
    "Mail me at jo.doe@mail.example.org, please.",
    "jo.doe@mail.example.org",
  ],
  ["phone", string, "Call +49 (30) 901820-12 in the morning", "+49 (30) 901820-12"],
  ["start_date", { ...string, format: "date" }, "from 3 March 2027 on", "2027-03-03"],
  ["date", string, "am 24.12.2026 bitte", "2026-12-24"],
  ["date", string, "on 2026-11-20", "2026-11-20"],
  ["quantity", { type: "integer" }, "I need 3 seats, room 12, quantity 7", 7],
  ["seats", { type: "integer" }, "on 2026-11-20 we need 4 seats", 4],
  ["amount", { type: "number" }, "It was 12,50 Euro", 12.5],
  ["plan", { enum: ["basic", "pro", "pro_plus"] }, "Give me Pro Plus!", "pro_plus"],
  ["newsletter", { type: "boolean" }, "no", false],
  ["newsletter", { type: "boolean" }, "The newsletter? Yes. Nothing else.", undefined],
  ["newsletter", { type: "boolean" }, "Yes to the newsletter.", true],
  ["invoice", { ...string, pattern: "^INV-\\d{4}$" }, "about INV-2041 of May", "INV-2041"],
  ["order_id", string, "My order is A-10023, thanks", "A-10023"],
  ["name", string, "Hello, my name is Ana María Núñez.", "Ana María Núñez"],
  ["city", string, "My city is Porto.", "Porto"],
  ["website", string, "see https://example.org/a?b=1", "https://example.org/a?b=1"],
  ["age", { type: "integer", minimum: 18 }, "I am 12", undefined],
  ["email", string, "I have none", undefined],
])("%s is found, or not, in what was written", (name, property, text, value) => {
  const { collected } = collectParameters({ properties: { [name]: property } }, [text]);

  expect(collected[name]).toEqual(value);
});

test("later texts count before earlier ones, and what is required and absent is missing", () => {
  const schema = {
    type: "object",
    properties: {
      email: { type: "string" },
      plan: { enum: ["basic", "pro"] },
      city: { type: "string" },
    },
    required: ["email", "plan", "city"],
  };

  const found = collectParameters(schema, ["a@example.org, pro", "no: b@example.org"]);

  expect(found).toEqual({ collected: { email: "b@example.org", plan: "pro" }, missing: ["city"] });
});

test("prototype names are properties like others", () => {
  const schema = JSON.parse(
    '{"properties":{"__proto__":{"type":"string"},"constructor":{"type":"string"}}}',
  );

  expect(collectParameters(schema, ["hello"]).missing).toEqual(["__proto__", "constructor"]);
});

test("values built for a schema are valid by it", () => {
  const schemas = [
    { type: "object", properties: { answer: { type: "string" } }, required: ["answer"] },
    {
      type: "object",
      properties: {
        label: { enum: ["refund", "invoice"] },
        count: { type: "integer", minimum: 1 },
        tags: { type: "array", items: { type: "string", maxLength: 5 }, minItems: 2 },
        contact: { $ref: "#/$defs/contact" },
        done: { type: "boolean" },
      },
      required: ["label", "count", "tags", "contact", "done"],
      additionalProperties: false,
      $defs: {
        contact: {
          type: "object",
          properties: { mail: { type: "string", pattern: "^\\S+@\\S+$" } },
        },
      },
    },
    { anyOf: [{ type: "string", pattern: "^zzz$" }, { type: "null" }] },
  ];
  const source = {
    answer: "Your invoice.",
    texts: ["2 invoices to a@example.org, invoice please"],
  };

  for (const schema of schemas) {
    const built = valueForSchema(schema, source);
    if (!("value" in built)) throw new Error(built.reason);
    const validate = new Ajv2020({ strict: false }).compile(schema);
    expect(validate(built.value), JSON.stringify(built.value)).toBe(true);
  }
});

test("what the texts do not hold is refused with its place", () => {
  const schema = {
    type: "object",
    properties: {
      when: {
        type: "object",
        properties: { day: { type: "string", format: "date" } },
        required: ["day"],
      },
    },
    required: ["when"],
  };

  expect(valueForSchema(schema, { answer: "x", texts: ["soon"] })).toMatchObject({
    pointer: "/when/day",
  });
});
