// The trace of a run through the real door: what it did as spans, under the trace that it was asked in, and what
// was said only for those who may read it.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { keptTrace } from "../../support/kept-trace.ts";
import type { Json } from "../../support/wire-client.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const parentId = "00f067aa0ba902b7";
const traceparent = `00-${traceId}-${parentId}-01`;
const SECRET = "the launch is on Tuesday";

let host: HttpHost;
let run = "";
/** What the service that a tool asks was sent. */
const asked: (string | undefined)[] = [];
let service: Server;
beforeAll(async () => {
  service = createServer((request, answer) => {
    asked.push(request.headers["traceparent"]?.toString());
    setTimeout(() => answer.end("open"), 20);
  });
  await new Promise<void>((done) => service.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}/orders/{id}`;
  host = await startHttpHost({ webHosts: ["127.0.0.1"] });
  const made = await host.call("POST", "/v2/agents", {
    name: "Desk",
    model_name: "acme/m-1",
    tools: [{ tool: "http_request", name: "order", config: { url } }, { tool: "calculator" }],
  });
  host.llm.script = ({ request }) => {
    if (request.messages.at(-1)?.role === "tool") return SECRET;
    const calls = [
      { name: "order", arguments: { id: 7 } },
      { name: "calculator", arguments: { expression: "1 +" } },
    ];
    return { calls };
  };
  const path = `/v2/agents/${made.body.id}/runs`;
  const started = await host.call(
    "POST",
    path,
    { input: "What of my order?" },
    {
      headers: { traceparent },
    },
  );
  run = started.body.id;
});
afterAll(async () => {
  await host.stop();
  service.close();
});

const traceOf = async (query = "", more = {}): Promise<Json> =>
  (await host.call("GET", `/v2/runs/${run}/trace${query}`, undefined, more)).body;
const named = (trace: Json, name: string): Json =>
  trace.spans.find((span: Json) => span.name === name);

test("a run is one span with its models' and tools' calls below it, under the parent it was asked by", async () => {
  const trace = await traceOf();

  expect(trace).toMatchObject({ trace_id: traceId, parent_span_id: parentId, run_id: run });
  const [root] = trace.spans;
  expect(root).toMatchObject({ parent_span_id: parentId, status: "ok", error: null });
  expect(root.attributes).toMatchObject({
    "gen_ai.operation.name": "invoke_agent",
    "gen_ai.agent.version": "1",
    "troupe.run.id": run,
  });
  const names: string[] = trace.spans.map(({ name }: Json) => name);
  expect(names.filter((name) => name === "chat acme/m-1")).toHaveLength(2);
  expect(named(trace, "chat acme/m-1")).toMatchObject({
    kind: "client",
    parent_span_id: root.span_id,
    attributes: {
      "gen_ai.provider.name": "acme",
      "gen_ai.request.model": "m-1",
      "gen_ai.usage.input_tokens": 10,
      "gen_ai.usage.output_tokens": 5,
      "gen_ai.response.finish_reasons": ["tool_calls"],
    },
  });
  expect(root.events.map(({ name }: Json) => name)).toContain("troupe.routing");
});

test("a tool's span lasts as long as its call, and says why it gave nothing", async () => {
  const trace = await traceOf();

  const order = named(trace, "execute_tool order");
  expect(order.duration_ms).toBeGreaterThanOrEqual(19);
  expect(order).toMatchObject({ status: "ok", attributes: { "gen_ai.tool.name": "order" } });
  expect(named(trace, "execute_tool calculator")).toMatchObject({
    status: "error",
    attributes: { "error.type": expect.any(String) },
  });
  const [root] = trace.spans;
  for (const span of trace.spans) {
    expect(Date.parse(span.start_time)).toBeGreaterThanOrEqual(Date.parse(root.start_time));
    expect(Date.parse(span.end_time)).toBeLessThanOrEqual(Date.parse(root.end_time));
  }
});

test("what a tool asks outside carries the trace, and names the tool's span", async () => {
  const { span_id } = named(await traceOf(), "execute_tool order");
  expect(asked).toEqual([`00-${traceId}-${span_id}-01`]);
});

test("what was said is in it only when it is asked for, by a key that may read conversations", async () => {
  const [plain, full] = await Promise.all([traceOf(), traceOf("?content=true")]);
  const key = await host.makeKey(["runs"]);
  const path = `/v2/runs/${run}/trace?content=true`;
  const refused = await host.call("GET", path, undefined, { key });

  expect(JSON.stringify(plain)).not.toContain(SECRET);
  expect(JSON.stringify(plain)).not.toContain("1 +");
  expect(JSON.stringify(full)).toContain(SECRET);
  expect(named(full, "execute_tool order").attributes["gen_ai.tool.call.result"]).toContain("open");
  expect(refused.status).toBe(403);
  expect((await host.call("GET", path, undefined, { key: host.otherKey })).status).toBe(404);
});

test("the same as OTLP sends it: ids in hex, times as text in nanoseconds", async () => {
  const { resourceSpans } = await traceOf("?format=otlp");
  const [{ resource, scopeSpans }] = resourceSpans;

  expect(resource.attributes).toContainEqual({
    key: "service.name",
    value: { stringValue: "troupe" },
  });
  const [root] = scopeSpans[0].spans;
  expect(root).toMatchObject({ traceId, parentSpanId: parentId, kind: 1, status: { code: 1 } });
  expect(root.startTimeUnixNano).toMatch(/^\d{13}000000$/);
  const { spans } = await traceOf();
  expect(scopeSpans[0].spans.map(({ spanId }: Json) => spanId)).toEqual(
    spans.map(({ span_id }: Json) => span_id),
  );
});

test("a trace that is none is ignored: the run has one of its own", async () => {
  const { body } = await host.call("POST", "/v2/agents", { name: "Other", model_name: "m" });
  const headers = { traceparent: `00-${"0".repeat(32)}-${parentId}-01` };
  host.llm.script = () => "Yes.";
  const path = `/v2/agents/${body.id}/runs`;
  const other = await host.call("POST", path, { input: "Well?" }, { headers });

  const trace = (await host.call("GET", `/v2/runs/${other.body.id}/trace`)).body;

  const record = (await host.call("GET", `/v2/runs/${other.body.id}/record`)).body;
  expect(record.data[0].run.trace).toBe(`;${other.headers.get("x-request-id")}`);
  expect(trace.parent_span_id).toBe(null);
  expect(trace.trace_id).not.toMatch(/^0+$/);
});

test("kept traces are seen by who reaches their runs, and by no other tenant", async () => {
  const own = (await host.call("POST", "/v2/agents", { name: "Own", model_name: "builtin" })).body;
  const asking = await host.call("POST", `/v2/agents/${own.id}/runs`, { input: "Well?" });
  for (const id of [run, asking.body.id]) await keptTrace(host.system, host.tenant, id);
  const allowed_resources = { agents: [own.id] };
  const key = { name: "k", role: "owner", allowed_services: ["*"], allowed_resources };
  const limited = { key: (await host.call("POST", "/admin/keys", key)).body.key };
  const other = { key: host.otherKey };
  const listed = async (more = {}): Promise<readonly string[]> => {
    const { body } = await host.call("GET", "/v2/traces", undefined, more);
    return body.data.map(({ run_id }: Json) => run_id);
  };
  const statusOf = async (id: string, more = {}): Promise<number> =>
    (await host.call("GET", `/v2/traces/${id}`, undefined, more)).status;

  expect(await listed()).toEqual([asking.body.id, run]);
  expect(await listed(limited)).toEqual([asking.body.id]);
  expect(await listed(other)).toEqual([]);
  expect([await statusOf(run), await statusOf(traceId)]).toEqual([200, 200]);
  expect([await statusOf(run, limited), await statusOf(traceId, limited)]).toEqual([404, 404]);
  expect([await statusOf(run, other), await statusOf(traceId, other)]).toEqual([404, 404]);
  expect(await statusOf(asking.body.id, limited)).toBe(200);
});
