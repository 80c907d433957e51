// The pure parts of answering: schemas, templates, collected values, live text, token estimates.

import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { fitSent, tokensOf } from "../../../actors/answer/history.ts";
import { createLiveText } from "../../../actors/answer/live-text.ts";
import { checkOutput, compileSchema, loadSchemas } from "../../../actors/answer/output-schema.ts";
import { collect, parametersOf, splitData } from "../../../actors/answer/parameters.ts";
import { frameOf } from "../../../actors/answer/template.ts";

beforeAll(loadSchemas);

test("an answer that does not fit is refused with the path", () => {
  const schema = { type: "object", properties: { total: { type: "number" } }, required: ["total"] };

  expect(checkOutput(schema, '{"total": 3}')).toEqual({ ok: true, value: { total: 3 } });
  expect(checkOutput(schema, '```json\n{"total": 3}\n```')).toMatchObject({ ok: true });
  expect(checkOutput(schema, '{"total": "x"}')).toMatchObject({ ok: false, pointer: "/total" });
  expect(checkOutput(schema, "three")).toMatchObject({
    ok: false,
    reason: "The answer is no valid JSON.",
  });
});

test("each pattern of a schema is its own, and a catastrophic one is linear", () => {
  const schema = {
    type: "object",
    properties: { a: { pattern: "^(x+)+$" }, b: { pattern: "^[0-9]+$" } },
  };
  const startedMs = performance.now();

  expect(checkOutput(schema, '{"a": "xx", "b": "12"}').ok).toBe(true);
  expect(checkOutput(schema, '{"a": "xx", "b": "no"}')).toMatchObject({ pointer: "/b" });
  expect(checkOutput(schema, JSON.stringify({ a: `${"x".repeat(40_000)}!` })).ok).toBe(false);
  expect(performance.now() - startedMs).toBeLessThan(10_000);
});

test.each([
  ["a remote $ref", { $ref: "https://example.com/s.json" }, "/output_schema/$ref"],
  ["a $dynamicRef", { items: { $dynamicRef: "#x" } }, "/output_schema/items/$dynamicRef"],
  ["a wrong type", { type: "strin" }, "/output_schema"],
])("a schema with %s is refused", (_, schema, pointer) => {
  expect(() => compileSchema(schema)).toThrow(
    expect.objectContaining({ code: "SCHEMA_INVALID", details: { pointer } }),
  );
});

test("a schema is at most 32 levels deep and 64 KB long", () => {
  let deep: Record<string, unknown> = { type: "string" };
  for (let level = 0; level < 40; level += 1) deep = { items: deep };

  expect(() => compileSchema(deep)).toThrow("at most 32 levels");
  expect(() => compileSchema({ description: "x".repeat(70_000) })).toThrow("at most 65536");
});

test("a template frames the answer and fills its fields", () => {
  const fields = { agent_name: "Desk", action_name: "Billing", language: "de" };

  expect(frameOf("{{action_name}}: {{ response }} ({{other}})", fields)).toEqual({
    before: "Billing: ",
    after: " ({{other}})",
  });
  expect(frameOf("A list of three points", fields)).toBeNull();
});

test("collected values must fit their field, and later turns add to earlier ones", () => {
  const parameters = parametersOf({
    properties: { email: { type: "string", pattern: "@" }, age: { type: "integer" } },
    required: ["email", "age"],
  });

  const first = collect(parameters, {}, { email: "no", age: 30, other: 1 });
  const second = collect(parameters, first.collected, { email: "a@b.c" });

  expect(first).toEqual({ collected: { age: 30 }, missing: ["email"], complete: false });
  expect(second).toMatchObject({ collected: { age: 30, email: "a@b.c" }, complete: true });
});

test("what is shown of a live answer is exactly its final text, however it comes in pieces", () => {
  const whole = 'Fine < done.\n<data>{"email":"a@b.c"}</data>';
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: whole.length - 1 }), { maxLength: 12 }),
      (cuts) => {
        let shown = "";
        const frame = { before: "<", after: ">" };
        const live = createLiveText(
          (text) => {
            shown += text;
          },
          { frame, hidesData: true },
        );
        const places = [0, ...[...new Set(cuts)].sort((a, b) => a - b), whole.length];
        for (const [at, from] of places.entries()) {
          if (at + 1 < places.length) live.push(whole.slice(from, places[at + 1]));
        }
        const preview = shown;
        const text = `<${splitData(whole).shown}>`;
        live.end(text);

        expect(text.startsWith(preview)).toBe(true);
        expect(shown).toBe("<Fine < done.>");
      },
    ),
  );
});

test("the oldest messages are dropped first and the last one never", () => {
  const messages = ["a".repeat(400), "b".repeat(400), "c".repeat(4_000)].map((content) => ({
    role: "user" as const,
    content,
  }));

  expect(fitSent(messages, 10)).toHaveLength(1);
  expect(fitSent(messages, 1_200).map((message) => message.content[0])).toEqual(["b", "c"]);
  expect(tokensOf("abcd")).toBe(1);
  expect(tokensOf("漢字")).toBe(2);
});
