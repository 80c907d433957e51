// The store of traces in the real process: runs are seen in it when their own events are gone, and a message of a
// channel is one trace from its coming to the delivery.

import { afterAll, beforeAll, expect, test } from "vitest";
import {
  delivered,
  listed,
  made,
  madeAgent,
  sayAtSlack,
  slackChannel,
  startChannelProduct,
  until,
} from "../support/channels/channel-desk.ts";
import { type SlackServer, startSlack } from "../support/channels/slack-server.ts";
import type { Product } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

let product: Product;
let slack: SlackServer;
let agent = "";
let channel = "";
beforeAll(async () => {
  slack = await startSlack();
  product = await startChannelProduct({});
  agent = await madeAgent(product);
  channel = await made(product, "/v2/channels", slackChannel(slack, agent));
});
afterAll(async () => {
  await product.end();
  await slack.stop();
});

const get = async (path: string): Promise<Json> => (await product.call("GET", path)).body;

test("a message of a channel is one kept trace to its delivery, the same as its run's, over a restart", {
  timeout: 60_000,
}, async () => {
  await delivered(`${product.url}/gateway/slack/${channel}`, sayAtSlack(slack, "My order?"));
  await until(
    () => listed(product, channel, "deliveries?status=sent"),
    ({ length }) => length === 1,
  );
  const [run] = (await get("/v2/runs")).data;

  const kept = await until(
    () => get(`/v2/traces/${run.id}`),
    ({ runs = [] }: Json) => runs.length === 3,
  );

  const kinds = kept.runs.map(({ kind }: Json) => kind).sort();
  expect(kinds).toEqual(["channel-ask", "channel-delivery", "supervisor"]);
  const own = await get(`/v2/runs/${run.id}/trace`);
  const idsOf = ({ spans }: Json): string[] => spans.map(({ span_id }: Json) => span_id).sort();
  expect(idsOf(kept)).toEqual(idsOf(own));
  expect(kept.spans[0]).toMatchObject({ name: "process message", parent_span_id: null });
  expect(JSON.stringify(kept)).not.toContain("My order?");
  expect(idsOf(await get(`/v2/traces/${kept.trace_id}`))).toEqual(idsOf(kept));

  const list = await get(`/v2/traces?agent=${agent}&status=completed&q=chat`);
  expect(list.data).toMatchObject([
    { run_id: run.id, trace_id: kept.trace_id, agent_key: agent, error: null },
  ]);
  expect((await get("/v2/traces?status=failed")).data).toEqual([]);
  expect((await get("/v2/traces?min_duration=3600000")).data).toEqual([]);
  expect((await get("/v2/traces?since=2100-01-01T00:00:00Z")).data).toEqual([]);
  const first = await get("/v2/traces?limit=1");
  const second = await get(`/v2/traces?limit=1&cursor=${first.next_cursor}`);
  expect(first.data[0].run_id > second.data[0].run_id).toBe(true);

  await product.kill();
  await product.start();
  expect(idsOf(await get(`/v2/traces/${kept.trace_id}`))).toEqual(idsOf(kept));
});

test("a run over a crash is one trace, and what ended just before a crash is found after it", {
  timeout: 60_000,
}, async () => {
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` };
  product.provider.when("Slowly?", { hang: "at-once", times: 1 });
  const ask = { input: "Slowly?", mode: "background" };
  const path = `/v2/agents/${agent}/runs`;
  const slow = (await product.call("POST", path, ask, { headers })).body.run_id;
  await product.provider.until(({ lastUser }) => lastUser.includes("Slowly?"));
  const quick = (await product.call("POST", path, { input: "Quickly?" })).body.id;

  await product.kill();
  await product.start();

  const kept = await until(
    () => get(`/v2/traces/${traceId}`),
    ({ runs = [] }: Json) => runs.length === 1,
  );
  expect(kept.runs[0]).toMatchObject({ run_id: slow, status: "completed" });
  const [root] = kept.spans;
  expect(root).toMatchObject({ parent_span_id: "00f067aa0ba902b7", status: "ok" });
  expect(root.events.map(({ name }: Json) => name)).toContain("troupe.resumed");
  await until(
    () => product.call("GET", `/v2/traces/${quick}`),
    ({ status }) => status === 200,
  );
});
