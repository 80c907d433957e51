// What a graph must be to be accepted, and what its expressions may do.

import { beforeAll, expect, test } from "vitest";
import { compileExpression, loadExpressions } from "../../../actors/expression.ts";
import { compileGraph, validateGraph } from "../../../actors/flow/compile.ts";
import { reduceState } from "../../../actors/flow/state.ts";
import type { RuntimeError } from "../../../runtime/errors.ts";

beforeAll(loadExpressions);

const answer = (id: string, more: object = {}) => ({ id, type: "sub_agent", ref: "sa_a", ...more });
const end = { id: "end", type: "end" };

function faultOf(
  definition: Record<string, unknown>,
  state: Record<string, unknown> | null = null,
  entry: string | null = null,
): { code: string; pointer: unknown; message: string } {
  try {
    validateGraph(definition, state, entry, ["sa_a", "sa_b"]);
  } catch (error) {
    const { code, details, message } = error as RuntimeError;
    return { code, pointer: details?.["pointer"], message };
  }
  throw new Error("The graph was accepted.");
}

test("a straight graph is accepted and its last answering node is shown", () => {
  const graph = compileGraph(
    {
      nodes: [answer("first"), answer("last"), end],
      edges: [
        { from: "first", to: "last" },
        { from: "last", to: "end" },
      ],
    },
    null,
    "first",
  );

  expect([...graph.shown]).toEqual(["last"]);
});

test.each([
  ["no nodes", { nodes: [], edges: [] }, "/graph_definition/nodes"],
  ["an unknown field", { nodes: [end], edges: [], extra: 1 }, "/graph_definition/extra"],
  [
    "an unknown type",
    { nodes: [{ id: "a", type: "shell" }], edges: [] },
    "/graph_definition/nodes/0/type",
  ],
  [
    "an unknown sub-agent",
    { nodes: [answer("a", { ref: "sa_x" }), end], edges: [{ from: "a", to: "end" }] },
    "/graph_definition/nodes/0/ref",
  ],
  [
    "an edge to nowhere",
    { nodes: [answer("a"), end], edges: [{ from: "a", to: "b" }] },
    "/graph_definition/edges/0/to",
  ],
  [
    "an unreachable node",
    {
      nodes: [answer("a"), answer("b"), end],
      edges: [
        { from: "a", to: "end" },
        { from: "b", to: "end" },
      ],
    },
    "/graph_definition/nodes/1",
  ],
  ["no way to an end", { nodes: [answer("a")], edges: [] }, "/graph_definition/nodes/0"],
  [
    "a cycle without a condition",
    {
      nodes: [answer("a"), answer("b"), end],
      edges: [
        { from: "a", to: "b" },
        { from: "b", to: "a" },
        { from: "b", to: "end" },
      ],
    },
    "/graph_definition/edges/2",
  ],
  [
    "a broken expression",
    { nodes: [answer("a"), end], edges: [{ from: "a", to: "end", when: "1 +" }] },
    "/graph_definition/edges/0/when",
  ],
  [
    "a field the state does not have",
    { nodes: [answer("a", { save: "x" }), end], edges: [{ from: "a", to: "end" }] },
    "/graph_definition/nodes/0/save",
  ],
  [
    "a branch that reaches the end without its join",
    {
      nodes: [{ id: "p", type: "parallel" }, answer("a"), answer("b"), end],
      edges: [
        { from: "p", to: "a" },
        { from: "p", to: "b" },
        { from: "a", to: "end" },
        { from: "b", to: "end" },
      ],
    },
    "/graph_definition/edges/0",
  ],
])("a graph with %s is refused at its place", (_, definition, pointer) => {
  const fault = faultOf(definition as Record<string, unknown>);

  expect(fault).toMatchObject({ code: "GRAPH_INVALID", pointer });
});

const twoWriters = {
  nodes: [
    { id: "p", type: "parallel" },
    answer("a", { save: "x" }),
    answer("b", { save: "x" }),
    { id: "j", type: "join" },
    answer("c"),
    end,
  ],
  edges: [
    { from: "p", to: "a" },
    { from: "p", to: "b" },
    { from: "a", to: "j" },
    { from: "b", to: "j" },
    { from: "j", to: "c" },
    { from: "c", to: "end" },
  ],
};

test("two parallel writers of a replace field are refused, of an append field are not", () => {
  const fault = faultOf(twoWriters, { type: "object", properties: { x: { type: "string" } } });

  expect(fault.pointer).toBe("/graph_definition/nodes/2/save");
  const appending = { type: "object", properties: { x: { type: "array", reducer: "append" } } };
  expect(() => validateGraph(twoWriters, appending, null, ["sa_a"])).not.toThrow();
});

test("an entry node and state fields are checked by name", () => {
  const definition = { nodes: [answer("a"), end], edges: [{ from: "a", to: "end" }] };

  expect(faultOf(definition, null, "b").pointer).toBe("/entry_node");
  const odd = { properties: { constructor: { type: "string" } } };
  expect(faultOf(definition, odd).pointer).toBe("/state_schema/properties/constructor");
  const reducer = { properties: { x: { reducer: "max" } } };
  expect(faultOf(definition, reducer).pointer).toBe("/state_schema/properties/x/reducer");
});

test("reducers join values", () => {
  const schema = {
    properties: {
      list: { reducer: "append" },
      map: { reducer: "merge" },
      total: { reducer: "sum" },
      one: {},
    },
  };
  const definition = { nodes: [answer("a"), end], edges: [{ from: "a", to: "end" }] };
  const graph = compileGraph(definition, schema, null);
  let state = graph.initial;

  for (const [field, value] of [
    ["list", "x"],
    ["list", "y"],
    ["map", { a: 1 }],
    ["map", { b: 2 }],
    ["total", "2"],
    ["total", 3],
    ["one", "old"],
    ["one", "new"],
  ] as const) {
    state = reduceState(graph, state, field, value);
  }

  expect(state).toEqual({ list: ["x", "y"], map: { a: 1, b: 2 }, total: 5, one: "new" });
  expect(() => reduceState(graph, state, "total", "many")).toThrow("takes a number");
});

test("expressions see the fields by name and as state, with whole numbers as integers", () => {
  const next = compileExpression("n + 1", "/x");
  const both = compileExpression('state.n > 1 && last.contains("yes")', "/x");

  expect(next({ n: 2, last: "" })).toBe(3);
  expect(both({ n: 2, last: "yes!" })).toBe(true);
  expect(() => next({ last: "" })).toThrow("failed");
});

test("a catastrophic pattern in an expression costs linear time", () => {
  const matches = compileExpression('message.matches("(a+)+$")', "/x");
  const startedMs = performance.now();

  const result = matches({ message: `${"a".repeat(40_000)}!` });

  expect(result).toBe(false);
  expect(performance.now() - startedMs).toBeLessThan(10_000);
});

test("a pattern that holds the word matches is left alone", () => {
  const matches = compileExpression('message.matches("matches") && "matches" == "matches"', "/x");

  expect(matches({ message: "it matches" })).toBe(true);
});

test("loops three deep are refused", () => {
  const deep = "[1].all(a, [1].all(b, [1].all(c, c == a)))";

  expect(() => compileExpression(deep, "/x")).toThrow("at most 2 deep");
  expect(compileExpression("[1].all(a, [1].all(b, b == a))", "/x")({})).toBe(true);
});
