// Traces of the real process: what a channel asked is one trace from the message to the delivery, and goes to a
// collector, which may hang without anybody waiting for it.

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
import { type OtlpCollector, startCollector } from "../support/otlp-collector.ts";
import type { Product } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

let product: Product;
let slack: SlackServer;
let collector: OtlpCollector;
let channel = "";
beforeAll(async () => {
  [slack, collector] = await Promise.all([startSlack(), startCollector()]);
  product = await startChannelProduct({
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: "api-key=collected",
    },
  });
  const agent = await madeAgent(product);
  channel = await made(product, "/v2/channels", slackChannel(slack, agent));
});
afterAll(async () => {
  await product.end();
  await Promise.all([slack.stop(), collector.stop()]);
});

test("a message of a channel, its answer and the delivery are one trace, which the collector gets", async () => {
  await delivered(`${product.url}/gateway/slack/${channel}`, sayAtSlack(slack, "My order?"));
  await until(
    () => listed(product, channel, "deliveries?status=sent"),
    ({ length }) => length === 1,
  );
  const [run] = (await product.call("GET", "/v2/runs")).body.data;

  const path = `/v2/runs/${run.id}/trace`;
  const trace = await until(
    async () => (await product.call("GET", path)).body,
    ({ spans }: Json) => spans.every(({ end_time }: Json) => end_time !== null),
  );

  const names: string[] = trace.spans.map(({ name }: Json) => name);
  expect(names[0]).toBe("process message");
  const [message] = trace.spans;
  const kinds = ["channel-ask", "supervisor", "channel-delivery"];
  for (const kind of kinds) {
    const of = trace.spans.find(({ attributes }: Json) => attributes["troupe.run.kind"] === kind);
    expect([kind, of?.parent_span_id]).toEqual([kind, message.span_id]);
  }
  await expect
    .poll(() => collector.spans.filter(({ traceId }) => traceId === trace.trace_id).length, {
      timeout: 15_000,
    })
    .toBe(trace.spans.length);
  expect(collector.faults).toEqual([]);
  expect(collector.requests[0]?.headers["api-key"]).toBe("collected");
  expect(JSON.stringify(collector.spans)).not.toContain("My order?");
});

test("nobody waits for a collector that hangs", async () => {
  collector.answer = () => null;
  const agent = (await product.call("GET", "/v2/agents")).body.data[0].id;
  const ask = () => product.call("POST", `/v2/agents/${agent}/runs`, { input: "Well?" });

  const answers = await Promise.all(Array.from({ length: 20 }, ask));

  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
});
