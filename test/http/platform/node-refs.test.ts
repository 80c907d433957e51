// Records that nodes of graphs name, of workflows and of agents: refused at their place when they are not there or of no use to a
// node, and not to be removed while they are named.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

let host: HttpHost;
beforeAll(async () => {
  host = await startHttpHost();
});
afterAll(() => host.stop());

const make = async (path: string, body: object): Promise<string> => {
  const made = await host.call("POST", path, { name: "One", ...body });
  expect([made.body.detail, made.status]).toEqual([undefined, 201]);
  return String(made.body.id);
};

/** A graph with one node, in the body of a map. */
function graphOf(node: object): { readonly graph_definition: object } {
  const line = (one: object, end: string) => ({
    nodes: [one, { id: end, type: "end" }],
    edges: [{ from: (one as { readonly id: string }).id, to: end }],
  });
  const body = line({ id: "one", ...node }, "last");
  return { graph_definition: line({ id: "each", type: "map", items: "[1]", body }, "end") };
}

const POINTER = "/graph_definition/nodes/0/body/nodes/0/ref";

test("a workflow names tools that exist and that a node can call, in bodies too", async () => {
  const agent = await make("/v2/agents", {});
  const handoff = await make("/v2/tools", { type: "handoff", config: { to: agent } });
  const foreign = await host.call(
    ...([
      "POST",
      "/v2/tools",
      { name: "sum", type: "calculator" },
      { key: host.otherKey },
    ] as const),
  );
  for (const ref of ["tl_none", handoff, foreign.body.id, "launch", "delegate", "tl_"]) {
    const record = { name: "Flow", ...graphOf({ type: "tool", ref }) };
    const refused = await host.call("POST", "/v2/workflows", record);

    expect([ref, refused.status, refused.body.pointer]).toEqual([ref, 400, POINTER]);
  }
});

test("a tool that a workflow calls is not removed until it calls another", async () => {
  const tool = await make("/v2/tools", { type: "calculator" });
  const flow = await make("/v2/workflows", graphOf({ type: "tool", ref: tool }));

  const users = await host.call("GET", `/v2/tools/${tool}/used-by`);
  const kept = await host.call("DELETE", `/v2/tools/${tool}`);
  await host.call("PATCH", `/v2/workflows/${flow}`, graphOf({ type: "tool", ref: "calculator" }));
  const removed = await host.call("DELETE", `/v2/tools/${tool}`);

  expect(users.body.data).toMatchObject([{ id: flow }]);
  expect([kept.status, kept.body.detail]).toEqual([409, expect.stringContaining(flow)]);
  expect(removed.status).toBe(204);
});

test("an agent's graph names what exists, and not the agent itself", async () => {
  const agent = await make("/v2/agents", {});
  const handoff = await make("/v2/tools", { type: "handoff", config: { to: agent } });
  const wrong = [
    ["agent", "ag_none"],
    ["agent", "tm_none"],
    ["agent", agent],
    ["sub_workflow", "wf_none"],
    ["tool", "tl_none"],
    ["tool", handoff],
  ] as const;
  for (const [type, ref] of wrong) {
    const graph = graphOf({ type, ref });
    const refused = await host.call("PATCH", `/v2/agents/${agent}`, graph);

    expect([type, ref, refused.status, refused.body.pointer]).toEqual([type, ref, 400, POINTER]);
  }
  const created = await host.call("POST", "/v2/agents", {
    ...{ name: "New", ...graphOf({ type: "agent", ref: "ag_none" }) },
  });
  expect([created.status, created.body.pointer]).toEqual([400, POINTER]);
});

test("what an agent's graph names is not removed until it names it no more", async () => {
  const flow = await make("/v2/workflows", {
    graph_definition: { nodes: [{ id: "end", type: "end" }], edges: [] },
  });
  const tool = await make("/v2/tools", { type: "calculator" });
  const agent = await make("/v2/agents", graphOf({ type: "sub_workflow", ref: flow }));
  const subAgents = `/v2/agents/${agent}/sub-agents`;
  const sub = String((await host.call("POST", subAgents, { name: "Part" })).body.id);
  const set = (node: object) => host.call("PATCH", `/v2/agents/${agent}`, graphOf(node));
  const named = [
    [{ type: "sub_workflow", ref: flow }, `/v2/workflows/${flow}`],
    [{ type: "tool", ref: tool }, `/v2/tools/${tool}`],
    [{ type: "sub_agent", ref: sub }, `${subAgents}/${sub}`],
  ] as const;
  for (const [node, path] of named) {
    const saved = await set(node);
    const kept = await host.call("DELETE", path);
    await set({ type: "supervisor" });
    const removed = await host.call("DELETE", path);

    expect([path, saved.status, kept.status, removed.status]).toEqual([path, 200, 409, 204]);
  }
});
