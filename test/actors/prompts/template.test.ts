// Templates alone: what they give, what they never do, and where they stop.

import { beforeAll, expect, test } from "vitest";
import {
  type FilledTemplate,
  fillTemplate,
  loadTemplates,
  namesIn,
  parseTemplate,
  partialsIn,
  templateLimits,
} from "../../../actors/prompts/template.ts";
import { RuntimeError } from "../../../runtime/errors.ts";

beforeAll(() => loadTemplates());

const plain = (text: string): FilledTemplate => ({
  parts: parseTemplate(text),
  partials: new Map(),
});
const fill = (text: string, values: object = {}): string =>
  fillTemplate(plain(text), values as Readonly<Record<string, unknown>>);

function refusal(call: () => unknown): RuntimeError {
  try {
    call();
  } catch (error) {
    if (error instanceof RuntimeError) return error;
    throw error;
  }
  throw new Error("It was not refused.");
}

test("values are written as they are, whatever HTML would make of them", () => {
  const values = { a: '<b> & "c"', n: 1.5, yes: true, o: { x: [1] }, none: null };

  expect(fill("{{a}} {{{a}}} {{&a}}", values)).toBe(Array(3).fill(values.a).join(" "));
  expect(fill("{{n}} {{yes}} {{o}} [{{none}}] [{{other}}]", values)).toBe(
    '1.5 true {"x":[1]} [] []',
  );
});

test("sections repeat for items, show for what is there, and inverted ones for what is not", () => {
  const values = { items: [{ name: "a" }, { name: "b" }], flag: true, empty: [], who: "me" };

  expect(fill("{{#items}}{{name}}:{{who}} {{/items}}", values)).toBe("a:me b:me ");
  expect(fill("{{#flag}}yes{{/flag}}{{^flag}}no{{/flag}}", values)).toBe("yes");
  expect(fill("{{^empty}}none{{/empty}}{{#empty}}some{{/empty}}", values)).toBe("none");
  expect(fill("{{#list}}{{.}},{{/list}}", { list: ["x", 2] })).toBe("x,2,");
  expect(fill("{{o.deep.er}}", { o: { deep: { er: 1 } } })).toBe("1");
});

test("names reach nothing but a value's own members", () => {
  const names = [
    ...["constructor", "__proto__", "toString", "o.constructor", "o.constructor.constructor"],
    ...["o.__proto__.x", "s.length", "list.length", "o.hasOwnProperty"],
  ];
  const values = { o: {}, s: "text", list: [1] };
  for (const name of names) {
    expect([name, fill(`[{{${name}}}{{#${name}}}x{{/${name}}}]`, values)]).toEqual([name, "[]"]);
  }
});

test("a function among the values is never called", () => {
  let calls = 0;
  const call = () => {
    calls += 1;
    return () => "x";
  };

  fill("{{#call}}y{{/call}}{{o.call}}", { call, o: { call } });

  expect(calls).toBe(0);
});

test("a template that cannot be read is refused with the reason", () => {
  for (const text of ["{{", "{{#a}}", "{{/a}}", "{{#a}}{{/b}}"]) {
    const error = refusal(() => parseTemplate(text));

    expect([error.code, error.details]).toEqual(["INVALID", { pointer: "/template" }]);
    expect(error.message).toContain("The template cannot be read: ");
  }
});

test("depth, repeats and output stop at their limits", () => {
  const { depth, repeats, outputChars } = templateLimits;
  const deep = (levels: number): string => "{{#a}}".repeat(levels) + "{{/a}}".repeat(levels);
  const items = (count: number): object => ({ a: Array(count).fill(true) });
  const root = Math.floor(Math.sqrt(repeats));

  expect(fill(deep(depth), { a: true })).toBe("");
  expect(refusal(() => parseTemplate(deep(depth + 1))).message).toContain(`${depth} levels`);
  expect(fill("{{#a}}x{{/a}}", items(repeats))).toHaveLength(repeats);
  expect(refusal(() => fill("{{#a}}{{/a}}", items(repeats + 1))).message).toContain(`${repeats}`);
  expect(refusal(() => fill("{{#a}}{{#a}}{{/a}}{{/a}}", items(root))).code).toBe("INVALID");
  expect(fill("{{a}}", { a: "x".repeat(outputChars) })).toHaveLength(outputChars);
  expect(refusal(() => fill("{{a}}y", { a: "x".repeat(outputChars) })).message).toContain(
    `${outputChars}`,
  );
});

test("a partial has the values of where it stands, and its own partials", () => {
  const inner = plain("<{{name}}>");
  const middle: FilledTemplate = { ...plain("{{> in}}"), partials: new Map([["in", inner]]) };
  const outer: FilledTemplate = {
    parts: parseTemplate("{{#items}}{{> House style }}{{/items}}{{> none}}"),
    partials: new Map([["House style", middle]]),
  };

  expect(fillTemplate(outer, { items: [{ name: "a" }, { name: "b" }] })).toBe("<a><b>");
});

test("names and partials of a template are told with where they stand", () => {
  const parts = parseTemplate("{{a.b}}{{#list}}{{c}}{{> p}}{{.}}{{/list}}{{> p}}{{! note }}");

  expect(namesIn(parts)).toEqual([
    { name: "a", at: 0, within: [] },
    { name: "list", at: 7, within: [] },
    { name: "c", at: 16, within: ["list"] },
  ]);
  expect(partialsIn(parts)).toEqual(["p"]);
});
