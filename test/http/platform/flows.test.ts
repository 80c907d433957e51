// Workflows through the door: runs on typed input, events that tell them what they wait for, pictures.

import { Parser } from "htmlparser2";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { faultsIn } from "../../support/otlp-collector.ts";

let host: HttpHost;
beforeAll(async () => {
  host = await startHttpHost();
});
afterAll(() => host.stop());

const end = { id: "end", type: "end" };

async function newFlow(record: object): Promise<string> {
  const made = await host.call("POST", "/v2/workflows", { name: 'Orders <&> "more"', ...record });
  expect(made.body).toMatchObject({ version: 1 });
  return made.body.id;
}

const waiting = {
  graph_definition: {
    nodes: [{ id: "wait", type: "event", event: "paid", save: "paid" }, end],
    edges: [{ from: "wait", to: "end" }],
  },
  state_schema: { properties: { paid: { type: "object" } } },
  output: '{"order": input.order, "paid": paid}',
};

test("a workflow is run on an object and waits for its event, which it takes once", async () => {
  const flow = await newFlow(waiting);
  const started = await host.call("POST", `/v2/workflows/${flow}/runs`, {
    ...{ input: { order: 7 }, mode: "background" },
  });
  const run = `/v2/runs/${started.body.run_id}`;

  const unknown = await host.call("POST", `${run}/events/payed`, {});
  const told = await host.call("POST", `${run}/events/paid`, { euros: 5 });
  const again = await host.call("POST", `${run}/events/paid`, { euros: 6 });
  await expect
    .poll(async () => (await host.call("GET", run)).body.status, { timeout: 10_000 })
    .toBe("completed");
  const late = await host.call("POST", `${run}/events/paid`, {});
  const none = await host.call("POST", "/v2/runs/rn_none/events/paid", {});

  expect(started.status).toBe(202);
  expect([unknown.status, unknown.body.detail]).toEqual([404, expect.stringContaining("paid")]);
  expect([told.status, told.body]).toEqual([202, { id: started.body.run_id, event: "paid" }]);
  expect([again.status, late.status, none.status]).toEqual([409, 409, 404]);
});

test("a waited for run gives its output", async () => {
  const flow = await newFlow({
    graph_definition: { nodes: [end], edges: [] },
    input_schema: { type: "object", required: ["n"], properties: { n: { type: "integer" } } },
    output: '{"twice": input.n * 2}',
  });

  const done = await host.call("POST", `/v2/workflows/${flow}/runs`, { input: { n: 4 } });
  const wrong = await host.call("POST", `/v2/workflows/${flow}/runs`, { input: { n: "x" } });

  expect(done.body).toMatchObject({ status: "completed", output: { twice: 8 } });
  expect([wrong.status, wrong.body.pointer]).toEqual([400, "/input/n"]);
});

test("a workflow that would go on into itself is refused, and one that is used is not removed", async () => {
  const inner = await newFlow({ graph_definition: { nodes: [end], edges: [] } });
  const calling = (ref: string) => ({
    graph_definition: {
      nodes: [{ id: "sub", type: "sub_workflow", ref }, end],
      edges: [{ from: "sub", to: "end" }],
    },
  });
  const outer = await newFlow(calling(inner));

  const circle = await host.call("PATCH", `/v2/workflows/${inner}`, calling(outer));
  const removed = await host.call("DELETE", `/v2/workflows/${inner}`);

  expect([circle.status, circle.body.pointer]).toEqual([400, "/graph_definition/nodes/0/ref"]);
  expect(removed.status).toBe(409);
});

/** Elements of a picture with their attributes and texts. @throws when it is no well-formed XML. */
function elementsOf(svg: string): { names: string[]; classes: string[]; texts: string[] } {
  const open: string[] = [];
  const found = { names: [] as string[], classes: [] as string[], texts: [] as string[] };
  const parser = new Parser(
    {
      onopentag(name, attributes) {
        open.push(name);
        found.names.push(name);
        if (attributes["class"]) found.classes.push(attributes["class"]);
      },
      ontext: (text) => void (text.trim() && found.texts.push(text.trim())),
      onclosetag(name, isImplied) {
        if (isImplied && !svg.includes(`<${name}`)) throw new Error(`${name} is not closed.`);
        expect(open.pop()).toBe(name);
      },
    },
    { xmlMode: true },
  );
  parser.end(svg);
  expect(open).toEqual([]);
  return found;
}

test("a picture of a workflow is safe SVG of all its nodes, and of a run it says how far it has come", async () => {
  const flow = await newFlow({
    graph_definition: {
      nodes: [
        {
          ...{ id: "again", type: "loop", max: 2, while: "'<script>' != \"&\"" },
          body: {
            nodes: [
              { id: "count", type: "set", value: "round", save: "n" },
              { id: "done", type: "end" },
            ],
            edges: [{ from: "count", to: "done" }],
          },
        },
        { id: "wait", type: "event", event: "paid" },
        end,
      ],
      edges: [
        { from: "again", to: "wait" },
        { from: "wait", to: "end" },
      ],
    },
    state_schema: { properties: { n: { reducer: "sum", type: "number" } } },
  });
  const started = await host.call("POST", `/v2/workflows/${flow}/runs`, {
    ...{ input: {}, mode: "background" },
  });
  const run = `/v2/runs/${started.body.run_id}`;
  const drawn = async (path: string) => {
    const headers = { "X-API-Key": host.key };
    const answer = await fetch(`${host.url}${path}/graph.svg`, { headers });
    return { type: answer.headers.get("content-type"), svg: await answer.text() };
  };

  const plain = await drawn(`/v2/workflows/${flow}`);
  await expect
    .poll(async () => elementsOf((await drawn(run)).svg).classes, { timeout: 10_000 })
    .toContain("waiting");
  const { svg } = await drawn(run);

  expect(plain.type).toContain("image/svg+xml");
  const { names, texts } = elementsOf(plain.svg);
  expect(new Set(names)).toEqual(
    new Set(["svg", "style", "defs", "marker", "path", "g", "title", "rect", "text"]),
  );
  expect(plain.svg).not.toContain("<script>");
  for (const id of ["again", "count", "done", "wait", "end"]) expect(texts).toContain(id);
  const said = elementsOf(svg);
  expect(said.classes.filter((one) => one === "completed")).toHaveLength(2);
  expect(said.texts.some((text) => /^completed 2× .*ms$/.test(text))).toBe(true);
});

test("a run is forked before a node with another state, and what was done before is not done again", async () => {
  const asked: string[] = [];
  host.llm.script = ({ request }) => {
    asked.push(String(request.messages.at(-1)?.content));
    return "draft";
  };
  const agent = await host.call("POST", "/v2/agents", { name: "Writer", model_name: "m-1" });
  const flow = await newFlow({
    graph_definition: {
      nodes: [
        { id: "write", type: "agent", ref: agent.body.id, input: '"write"', save: "text" },
        { id: "count", type: "set", value: "n + 1", save: "n" },
        end,
      ],
      edges: [
        { from: "write", to: "count" },
        { from: "count", to: "end" },
      ],
    },
    state_schema: { properties: { text: { type: "string" }, n: { type: "integer", default: 1 } } },
    output: '{"text": text, "n": n}',
  });
  const first = await host.call("POST", `/v2/workflows/${flow}/runs`, { input: {} });
  const fork = (body: object) => host.call("POST", `/v2/runs/${first.body.id}/fork`, body);

  const forked = await fork({ node: "count", state: { n: 41, text: "mine" } });
  const plain = await fork({ node: "count" });
  const refused = [
    await fork({ node: "nowhere" }),
    await fork({ node: "count", state: { n: "x" } }),
    await fork({ node: "count", state: { m: 1 } }),
    await fork({}),
  ];

  expect(first.body.output).toEqual({ text: "draft", n: 2 });
  expect(forked.body.output).toEqual({ text: "mine", n: 42 });
  expect(plain.body.output).toEqual({ text: "draft", n: 2 });
  expect(asked).toEqual(["write"]);
  const trace = async (run: string) => (await host.call("GET", `/v2/runs/${run}/trace`)).body;
  const [of, from] = [await trace(plain.body.id), await trace(first.body.id)];
  const { span_id } = from.spans[0];
  const link = { trace_id: from.trace_id, span_id, run_id: first.body.id };
  expect([of.spans[0].links, from.spans[0].links]).toEqual([[link], []]);
  expect(of.trace_id).not.toBe(from.trace_id);
  const otlp = (await host.call("GET", `/v2/runs/${plain.body.id}/trace?format=otlp`)).body;
  const linked = { traceId: from.trace_id, spanId: span_id, flags: 0x101 };
  expect(otlp.resourceSpans[0].scopeSpans[0].spans[0].links).toEqual([linked]);
  expect(faultsIn(otlp)).toEqual([]);
  expect(refused.map(({ status, body }) => [status, body.pointer])).toEqual([
    [400, "/node"],
    [expect.any(Number), "/state/n"],
    [400, "/state/m"],
    [400, "/step"],
  ]);
});

test("checkpoints say what each visit of a node left, in pages, and a fork goes on behind one", async () => {
  const flow = await newFlow({
    graph_definition: {
      nodes: [
        {
          ...{ id: "twice", type: "loop", max: 2 },
          body: {
            nodes: [
              { id: "add", type: "set", value: "state.round", save: "rounds" },
              { id: "stop", type: "end" },
            ],
            edges: [{ from: "add", to: "stop" }],
          },
        },
        { id: "count", type: "set", value: "size(rounds) + extra", save: "total" },
        end,
      ],
      edges: [
        { from: "twice", to: "count" },
        { from: "count", to: "end" },
      ],
    },
    state_schema: {
      properties: {
        rounds: { type: "array", reducer: "append", default: [] },
        extra: { type: "integer", default: 0 },
        total: { type: "integer" },
      },
    },
    output: "total",
  });
  const { body } = await host.call("POST", `/v2/workflows/${flow}/runs`, { input: {} });
  const path = `/v2/runs/${body.id}/checkpoints`;

  const all = await host.call("GET", path);
  const first = await host.call("GET", `${path}?limit=2`);
  const rest = await host.call("GET", `${path}?limit=2&cursor=${first.body.next_cursor}`);
  const points = all.body.data;
  const forked = await host.call("POST", `/v2/runs/${body.id}/fork`, { step: points[0].step });
  const changed = await host.call("POST", `/v2/runs/${body.id}/fork`, {
    ...{ node: points.at(-1).node, state: { extra: 5 } },
  });
  const ofFork = await host.call("GET", `/v2/runs/${forked.body.id}/checkpoints`);
  const noPart = await host.call("GET", `/v2/runs/${body.id}.7/checkpoints`);
  const foreign = await host.call("GET", path, undefined, { key: host.otherKey });
  const wrong = await host.call("GET", `${path}?cursor=x`);

  expect(points.map(({ node, visit }: { node: string; visit: number }) => [node, visit])).toEqual([
    ["add", 1],
    ["add", 2],
    ["twice", 1],
    ["count", 1],
  ]);
  expect(points[0].state).toMatchObject({ rounds: [1] });
  expect(points[3].state).toMatchObject({ rounds: [1, 2], total: 2 });
  expect(Date.parse(points[0].ended_at)).toBeGreaterThanOrEqual(Date.parse(points[0].started_at));
  expect([...first.body.data, ...rest.body.data]).toEqual(points);
  expect([first.body.data.length, rest.body.next_cursor]).toEqual([2, null]);
  expect([forked.body.output, changed.body.output]).toEqual([2, 7]);
  expect(ofFork.body.data).toHaveLength(4);
  expect([noPart.status, foreign.status, wrong.status]).toEqual([404, 404, 400]);
});

test("a sub-workflow's checkpoints are those of its part of the run; an agent's run has none", async () => {
  const inner = await newFlow({
    graph_definition: {
      nodes: [{ id: "one", type: "set", value: "1", save: "n" }, end],
      edges: [{ from: "one", to: "end" }],
    },
    state_schema: { properties: { n: { type: "integer" } } },
    output: "n",
  });
  const outer = await newFlow({
    graph_definition: {
      nodes: [{ id: "sub", type: "sub_workflow", ref: inner, save: "n" }, end],
      edges: [{ from: "sub", to: "end" }],
    },
    state_schema: { properties: { n: { type: "integer" } } },
    output: "n",
  });
  const { body } = await host.call("POST", `/v2/workflows/${outer}/runs`, { input: {} });
  const tree = await host.call("GET", `/v2/runs/${body.id}/tree`);
  const part = tree.body.children[0].id;

  const own = await host.call("GET", `/v2/runs/${body.id}/checkpoints`);
  const below = await host.call("GET", `/v2/runs/${part}/checkpoints`);
  const forked = await host.call("POST", `/v2/runs/${body.id}/fork`, {
    step: below.body.data[0].step,
  });
  const agent = await host.call("POST", "/v2/agents", { name: "A", model_name: "m-1" });
  const run = await host.call("POST", `/v2/agents/${agent.body.id}/runs`, { input: "Hello" });
  const none = await host.call("GET", `/v2/runs/${run.body.id}/checkpoints`);

  expect(own.body.data.map(({ node }: { node: string }) => node)).toEqual(["sub"]);
  expect(below.body.data.map(({ node }: { node: string }) => node)).toEqual(["one"]);
  expect(below.body.data[0].step).toBe(`${part}/checkpoint:0#1`);
  expect(forked.body.output).toBe(1);
  expect([none.status, none.body]).toEqual([200, { data: [], next_cursor: null }]);
});
