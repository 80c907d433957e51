// A workflow in the product as it is started: a tool, a wait that outlives kill -9, an event, and its picture.

import { expect, test } from "vitest";
import { startProduct } from "../support/product.ts";

const flow = {
  name: "Orders",
  graph_definition: {
    nodes: [
      {
        ...{ id: "price", type: "tool", ref: "calculator", save: "price" },
        arguments: '{"expression": "6 * " + string(input.count)}',
      },
      { id: "paid", type: "event", event: "paid", save: "paid" },
      { id: "end", type: "end" },
    ],
    edges: [
      { from: "price", to: "paid" },
      { from: "paid", to: "end" },
    ],
  },
  state_schema: { properties: { price: {}, paid: { type: "integer" } } },
  output: "[price.result, paid]",
};

test("a workflow that waits goes on after kill -9, and its picture shows what it did", async () => {
  const product = await startProduct();
  try {
    const made = await product.call("POST", "/v2/workflows", flow);
    const started = await product.call("POST", `/v2/workflows/${made.body.id}/runs`, {
      ...{ input: { count: 7 }, mode: "background" },
    });
    const run = `/v2/runs/${started.body.run_id}`;
    const picture = async (): Promise<string> => {
      const headers = { "X-API-Key": product.adminKey };
      return await (await fetch(`${product.url}${run}/graph.svg`, { headers })).text();
    };
    await expect.poll(picture, { timeout: 20_000 }).toContain('class="waiting"');
    await product.kill();
    await product.start();

    const told = await product.call("POST", `${run}/events/paid`, 42);
    const ended = async () => (await product.call("GET", run)).body;
    await expect.poll(async () => (await ended()).status, { timeout: 20_000 }).toBe("completed");
    const drawn = await picture();

    expect(told.status).toBe(202);
    expect(JSON.stringify(await ended())).toContain('[\\"42\\",42]');
    expect(drawn.match(/class="completed"/g)).toHaveLength(2);
  } finally {
    await product.end();
  }
}, 180_000);
