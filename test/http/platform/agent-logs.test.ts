// The log of an agent through the real door: what its runs did, filtered, and followed as it comes.

import { afterAll, beforeAll, expect, test } from "vitest";
import { RuntimeError } from "../../../runtime/errors.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

const SECRET = "the launch is on Tuesday";
let host: HttpHost;
let agent = "";
let good = "";
let request = "";
beforeAll(async () => {
  host = await startHttpHost();
  const made = await host.call("POST", "/v2/agents", {
    ...{ name: "Desk", model_name: "m-1", tools: [{ tool: "calculator" }] },
  });
  agent = made.body.id;
  host.llm.script = ({ request }) => {
    const last = request.messages.at(-1);
    if (String(last?.content).startsWith("fail")) {
      throw new RuntimeError("PROVIDER_FAILED", "The provider refused.");
    }
    if (last?.role === "tool") return SECRET;
    return { calls: [{ name: "calculator", arguments: { expression: "1 +" } }] };
  };
  const begun = await start("When?");
  good = begun.body.id;
  request = begun.headers.get("x-request-id") ?? "";
  await start("fail");
});
afterAll(() => host.stop());

const start = (input: string, of = agent) => host.call("POST", `/v2/agents/${of}/runs`, { input });
const read = async (query = "", more = {}): Promise<Json> =>
  (await host.call("GET", `/v2/agents/${agent}/logs${query}`, undefined, more)).body;
const messages = (page: Json): readonly string[] => page.data.map(({ message }: Json) => message);

test("the lines say what the runs did, in order, with ids, and nothing that was said", async () => {
  const page = await read();

  expect(messages(page)).toEqual([
    ...["run began", "routing", "tool call", "tool failed", "run completed"],
    ...["run began", "routing", "step failed", "run failed"],
  ]);
  expect(page.truncated).toBe(false);
  expect(page.data[0]).toMatchObject({ level: "info", run_id: good, agent_key: agent });
  expect(request).toMatch(/^req_/);
  expect(page.data.map((one: Json) => one.request_id).slice(0, 5)).toEqual(Array(5).fill(request));
  expect(page.data[3]).toMatchObject({ level: "warn", attributes: { name: "calculator" } });
  expect(page.data.at(-1)).toMatchObject({
    level: "error",
    attributes: { code: "PROVIDER_FAILED" },
  });
  expect(page.data[0].trace_id).toBe(
    (await host.call("GET", `/v2/runs/${good}/trace`)).body.trace_id,
  );
  expect(JSON.stringify(page)).not.toContain(SECRET);
});

test("lines are chosen by level, time and text, and the last ones are shown", async () => {
  expect(messages(await read("?level=error"))).toEqual(["run failed"]);
  expect(messages(await read("?q=CALCULATOR"))).toEqual(["tool call", "tool failed"]);
  expect(await read("?limit=1")).toMatchObject({
    data: [{ message: "run failed" }],
    truncated: true,
  });
  const since = new Date(Date.now() + 60_000).toISOString();
  expect(messages(await read(`?since=${since}`))).toEqual([]);

  for (const query of ["level=loud", "limit=0", "limit=1001", "since=now", "follow=1"]) {
    const path = `/v2/agents/${agent}/logs?${query}`;
    expect([query, (await host.call("GET", path)).status]).toEqual([query, 400]);
  }
});

test("an agent's log has no lines of other agents' runs, nor of another tenant", async () => {
  const other = (await host.call("POST", "/v2/agents", { name: "B", model_name: "m" })).body.id;
  await start("fail", other);

  const lines = (await host.call("GET", `/v2/agents/${other}/logs`)).body.data;

  expect(new Set(lines.map(({ agent_key }: Json) => agent_key))).toEqual(new Set([other]));
  const foreign = { key: host.otherKey };
  const path = `/v2/agents/${agent}/logs`;
  expect((await host.call("GET", path, undefined, foreign)).status).toBe(404);
});

test("who follows is shown lines as they come, and after a cut what came since", async () => {
  const path = `/v2/agents/${agent}/logs?follow=true`;
  const first = await host.events("GET", path);
  await start("When?");
  const begun = await first.next();
  const routed = await first.next();
  first.cut();
  const headers = { "Last-Event-ID": routed?.id ?? "" };
  const second = await host.events("GET", path, undefined, { headers });
  const next = await second.next();
  second.cut();

  const said = [begun, routed, next].map((one) => JSON.parse(one?.data ?? "{}").message);
  expect(said).toEqual(["run began", "routing", "tool call"]);
});
