// Records that nodes of graphs name: refused at their place when they are not there or of no use to a
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
