// Tools as they are set on agents and sub-agents: what is stored, and what is refused and where.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

let host: HttpHost;
let agent: string;
beforeAll(async () => {
  host = await startHttpHost();
  agent = (await host.call("POST", "/v2/agents", { name: "Desk" })).body.id;
});
afterAll(() => host.stop());

const set = (tools: unknown) => host.call("PATCH", `/v2/agents/${agent}`, { tools });

test("tools are kept as they were set, on an agent and on a sub-agent, and null unsets them", async () => {
  const tools = [
    { tool: "calculator" },
    { tool: "date_time", name: "clock", config: { timezone: "Europe/Paris" }, result_chars: 500 },
  ];
  expect((await set(tools)).body.tools).toEqual(tools);
  expect((await set(null)).body.tools).toBe(null);
  const path = `/v2/agents/${agent}/sub-agents`;
  const made = await host.call("POST", path, { name: "Sums", tools });
  expect(made.body.tools).toEqual(tools);
  expect((await host.call("POST", path, { name: "None" })).body.tools).toBe(null);
});

test.each([
  [[{ tool: "launch" }], "/tools/0/tool"],
  [[{ tool: "calculator" }, { tool: "calculator" }], "/tools/1/name"],
  [[{ tool: "calculator", name: "recall" }], "/tools/0/name"],
  [[{ tool: "calculator", name: "not a name" }], "/tools/0/name"],
  [[{ tool: "date_time", config: { timezone: 7 } }], "/tools/0/config/timezone"],
  [[{ tool: "calculator", config: { more: 1 } }], "/tools/0/config/more"],
  [[{ tool: "calculator", rate: { calls: 0, per_seconds: 1 } }], "/tools/0/rate/calls"],
  [[{ tool: "calculator", parameters: { type: "string" } }], "/tools/0/parameters/type"],
  [
    [{ tool: "calculator", parameters: { type: "object", $ref: "http://a.b" } }],
    "/tools/0/parameters/$ref",
  ],
  [[{ tool: "calculator", confirm_when: "args.a ==" }], "/tools/0/confirm_when"],
  [[{ tool: "calculator", approve_when: "args.a == 1" }], "/tools/0/approve_when"],
  [[{ tool: "calculator", confirm_when: "size(args)" }], "/tools/0/confirm_when"],
  [[{ tool: "calculator", repeat: "reconcile" }], "/tools/0/repeat"],
  [[{ tool: "http_request", permissions: ["read"] }], "/tools/0/permissions"],
  [[{ tool: "http_request", config: { headers: { "a b": "1" } } }], "/tools/0/config/headers/a b"],
  [
    [{ tool: "knowledge_search", config: { collections: ["cl_none"] } }],
    "/tools/0/config/collections/0",
  ],
  [[{ tool: "handoff", config: { to: "sa_none" } }], "/tools/0/config/to"],
  [[{ tool: "delegate", config: { agent: "ag_none" } }], "/tools/0/config/agent"],
  [[{ tool: "tl_none" }], "/tools/0/tool"],
  [Array.from({ length: 65 }, (_, at) => ({ tool: "calculator", name: `t${at}` })), "/tools"],
])("%j is refused at its place", async (tools, pointer) => {
  const refused = await set(tools);
  expect([refused.status, refused.body.pointer]).toEqual([400, pointer]);
});

test.each(["args.a ==", "'a' < 3", "1 + 1", "arg.a == 1", "args.a ? 'yes' : 'no'"])(
  "%s is no rule for automatic approval",
  async (approve_when) => {
    const refused = await set([{ tool: "calculator", requires_confirmation: true, approve_when }]);
    expect([refused.status, refused.body.pointer]).toEqual([400, "/tools/0/approve_when"]);
  },
);

test("a rule that could never be judged is refused however a tool or a workflow is stored", async () => {
  const approve_when = "argument.amount < 10";
  const tool = { name: "sums", type: "calculator", requires_confirmation: true };
  const made = await host.call("POST", "/v2/tools", tool);
  const path = `/v2/tools/${made.body.id}`;
  const node = { id: "ask", type: "approval", reason: "Sure?", approve_when };
  const graph_definition = {
    nodes: [node, { id: "end", type: "end" }],
    edges: [{ from: "ask", to: "end" }],
  };

  const answers = [
    await host.call("POST", "/v2/tools", { ...tool, approve_when }),
    await host.call("PUT", path, { ...tool, approve_when }),
    await host.call("PATCH", path, { approve_when }),
    await host.call("POST", "/v2/workflows", { name: "W", graph_definition, entry_node: "ask" }),
  ];

  expect(answers.map(({ status, body }) => [status, body.pointer])).toEqual([
    ...Array(3).fill([400, "/approve_when"]),
    [400, "/graph_definition/nodes/0/approve_when"],
  ]);
  expect(answers[0]?.body.detail).toMatch(/over args alone/);
  expect((await host.call("GET", path)).body.approve_when).toBeNull();
});
