// Random graphs: whatever is accepted comes to an end within its bound, and whatever is refused says where.

import { beforeAll, expect, test } from "vitest";
import { loadExpressions } from "../../../actors/expression.ts";
import { compileGraph } from "../../../actors/flow/compile.ts";
import type { Graph, Shape } from "../../../actors/flow/graph.ts";
import type { RuntimeError } from "../../../runtime/errors.ts";
import { seeded } from "../../../runtime/testkit/schedule.ts";
import { startFlows } from "../../support/flow-system.ts";

beforeAll(loadExpressions);

const GRAPHS = 4_000;
const RUNS = 60;
const types = ["set", "condition", "parallel", "join", "end", "loop", "map", "condition"];

type Random = () => number;
const pick = <T>(random: Random, from: readonly T[]): T =>
  from[Math.floor(random() * from.length)] as T;

/** Nodes in a row with edges forth and back: about half of such graphs hang together. */
function randomGraph(random: Random, prefix: string, depth: number): Record<string, unknown> {
  const size = 1 + Math.floor(random() * 6);
  const ids = Array.from({ length: size }, (_, at) => `${prefix}${at}`);
  const nodes = ids.map((id, at) => {
    const type = at === size - 1 && random() < 0.9 ? "end" : pick(random, types);
    if (type === "set") return { id, type, value: "1", save: pick(random, ["a", "b", "sum"]) };
    if (type !== "loop" && type !== "map") return { id, type };
    if (depth > 1) return { id, type: "condition" };
    const body = randomGraph(random, `${id}_`, depth + 1);
    return type === "loop" ? { id, type, max: 2, body } : { id, type, items: "[1, 2]", body };
  });
  const edges = ids.slice(0, -1).flatMap((from, at) => {
    const next = ids[at + 1];
    const extra =
      random() < 0.35
        ? [{ from, to: pick(random, ids), when: pick(random, ["true", "false", "sum < 3"]) }]
        : [];
    return random() < 0.95 ? [...extra, { from, to: next }] : extra;
  });
  return { nodes, edges };
}

const schema = { properties: { a: {}, b: {}, sum: { reducer: "sum" } } };

test("a random graph is refused at a place that is in it, or every one of its nodes leads to an end", () => {
  const random = seeded(7);
  let accepted = 0;
  for (let number = 0; number < GRAPHS; number += 1) {
    const definition = randomGraph(random, "n", 0);
    const graph = compiled(definition);
    if (typeof graph === "string") {
      expect(
        resolve({ graph_definition: definition, state_schema: schema }, graph),
        `${number} ${graph}`,
      ).toBeDefined();
      continue;
    }
    accepted += 1;
    checkEnds(graph, number);
  }
  // Neither side of the check is left out.
  expect(accepted).toBeGreaterThan(GRAPHS / 20);
  expect(accepted).toBeLessThan(GRAPHS);
});

function compiled(definition: Record<string, unknown>): Graph | string {
  try {
    return compileGraph(definition, schema, null);
  } catch (error) {
    const { code, details } = error as RuntimeError;
    expect(code).toBe("GRAPH_INVALID");
    return String(details?.["pointer"]);
  }
}

test("accepted random graphs end when they are run", async () => {
  const flows = await startFlows();
  const random = seeded(11);
  const ended = new Map<string, number>();
  for (let number = 0; number < RUNS; ) {
    const definition = randomGraph(random, "n", 0);
    if (typeof compiled(definition) === "string") continue;
    const record = { graph_definition: definition, state_schema: schema };
    await flows.putFlow(`wf_${number}`, record);
    const run = await flows.start(`wf_${number}`, `cv_${number}`);
    const { outcome } = await flows.end(`cv_${number}`, run);

    const how = outcome.status === "completed" ? "completed" : outcome.error.code;
    ended.set(how, (ended.get(how) ?? 0) + 1);
    number += 1;
  }
  // Conditions that never hold end a run too, where the bound does not.
  const known = ["completed", "NO_EDGE", "STEPS_EXHAUSTED"];
  expect([...ended.keys()].filter((how) => !known.includes(how))).toEqual([]);
  expect(ended.get("completed")).toBeGreaterThan(RUNS / 2);
}, 30_000);

/** The member of a request that a pointer names. */
function resolve(request: unknown, pointer: string): unknown {
  return pointer
    .slice(1)
    .split("/")
    .reduce<unknown>(
      (value, name) => (value as Record<string, unknown> | undefined)?.[name],
      request,
    );
}

/** Every node can reach an end, and no circle is without a condition that may leave it. */
function checkEnds(shape: Shape, number: number): void {
  for (const node of shape.nodes.values()) {
    const reached = new Set([node.id]);
    for (const id of reached) for (const { to } of shape.edges.get(id) ?? []) reached.add(to);
    const ends = [...reached].some((id) => shape.nodes.get(id)?.type === "end");
    expect(ends, `graph ${number}, node ${node.id}`).toBe(true);
    // The first way that is always taken: a circle of such ways alone would never be left.
    let at = node.id;
    for (let steps = 0; steps <= shape.nodes.size; steps += 1) {
      const leaving = shape.edges.get(at) ?? [];
      const [first] = leaving;
      if (leaving.length !== 1 || first?.when !== null) break;
      expect(steps, `graph ${number}: a circle at ${at}`).toBeLessThan(shape.nodes.size);
      at = first.to;
    }
    if (node.type === "loop" || node.type === "map") checkEnds(node.body, number);
  }
}
