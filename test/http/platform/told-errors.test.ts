// What a programmer's error says is for the operator alone: whoever speaks for a tenant is told that
// something went wrong, and under which name the operator finds it.

import { afterAll, beforeAll, expect, test } from "vitest";
import { joinRecord } from "../../../actors/run-record.ts";
import { replayRecord } from "../../../adapters/replay/replay.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

const SECRET = "hunter2";

let host: HttpHost;
let agent = "";
let run = "";
let conversation = "";

beforeAll(async () => {
  host = await startHttpHost();
  const made = await host.call("POST", "/v2/agents", { name: "Desk", model_name: "m-1" });
  agent = made.body.id;
  host.llm.script = () => {
    throw new TypeError(`${SECRET} is no function`);
  };
  const started = await host.call("POST", `/v2/agents/${agent}/runs`, {
    ...{ input: "tell me", mode: "background" },
  });
  run = started.body.id;
  conversation = started.body.conversation_key;
  await (await host.events("GET", `/v2/runs/${run}/events`)).rest();
});
afterAll(() => host.stop());

const text = (value: unknown): string => JSON.stringify(value);
const asOperator = (): object => ({ key: host.adminKey, headers: { "X-Tenant": host.tenant } });

test("a run, its list, its events and its conversation say that it failed, and not of what", async () => {
  const one = await host.call("GET", `/v2/runs/${run}`);
  const list = await host.call("GET", "/v2/runs");
  const events = await (await host.events("GET", `/v2/runs/${run}/events`)).rest();
  const messages = await host.call("GET", `/v2/conversations/${conversation}/messages`);

  const error = { code: "INTERNAL", message: expect.stringContaining(run) };
  expect(one.body).toMatchObject({ status: "failed", error });
  expect(list.body.data).toMatchObject([{ id: run, error }]);
  expect(JSON.parse(events.at(-1)?.data ?? "")).toMatchObject({ outcome: { error } });
  expect(text(messages.body)).toContain(run);
  for (const shown of [one.body, list.body, events, messages.body]) {
    expect(text(shown)).not.toContain(SECRET);
  }
});

test.each(["wait", "stream"])("who asks for an answer (%s) is told no more", async (mode) => {
  const path = `/v2/agents/${agent}/runs`;
  const events = await (await host.events("POST", path, { input: "tell me", mode })).rest();
  const answer = await host.call("POST", path, { input: "tell me" });
  const chat = await host.call("POST", "/v1/chat/completions", {
    ...{ model: `agent:${agent}`, messages: [{ role: "user", content: "tell me" }] },
  });

  expect([answer.status, chat.status]).toEqual([500, 500]);
  for (const shown of [events, answer.body, chat.body]) expect(text(shown)).not.toContain(SECRET);
});

test("the record has it for the operator, and for both it replays to the same end", async () => {
  const path = `/v2/runs/${run}/record`;
  const own = await host.call("GET", path);
  const operators = await host.call("GET", path, undefined, asOperator());

  expect(text(own.body)).not.toContain(SECRET);
  expect(text(operators.body)).toContain(SECRET);
  for (const { body } of [own, operators]) {
    const { replay } = await replayRecord(joinRecord(body.data));
    expect(replay.divergence).toBeNull();
    expect(replay.outcome).toMatchObject({ status: "failed", error: { code: "INTERNAL" } });
  }
});
