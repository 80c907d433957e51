// Chats of a loud tenant at the real door while the threads are busy: a few are under way, the others
// have cost nothing yet, and a quiet tenant's chat goes past them. Every way of leaving makes room.

import { afterEach, beforeEach, expect, test } from "vitest";
import { UNDER_WAY_MIN } from "../../adapters/http/gate/lane.ts";
import { type HttpHost, startHttpHost } from "../support/http-host.ts";
import { createGate, type Gate } from "../support/scripted-llm.ts";

const CHAT = "/v1/proxy/core-agent-chat";
const LOUD = 40;
const timeout = 20_000;

let host: HttpHost;
let held: Gate;
let agents: { readonly loud: string; readonly quiet: string };

beforeEach(async () => {
  host = await startHttpHost({ busy: () => 1 });
  held = createGate();
  host.llm.script = async ({ request, signal }) => {
    if (JSON.stringify(request.messages).includes("held")) await held.wait(signal);
    return "An answer.";
  };
  const make = async (key: string): Promise<string> => {
    const input = { name: "Desk", model_name: "test-model" };
    const { body } = await host.call("POST", "/v1/proxy/core-agent-create", input, { key });
    return body.data.agent_key;
  };
  agents = { loud: await make(host.key), quiet: await make(host.otherKey) };
  // Who is alone is not held back.
  expect(await quietChat()).toBe(200);
});
afterEach(async () => {
  held.open();
  await host.stop();
});

const quietChat = async (): Promise<number> => {
  const body = { agent_key: agents.quiet, message: "Quick?" };
  return (await host.call("POST", CHAT, body, { key: host.otherKey })).status;
};
const loudChat = (more: object = {}) =>
  host.call("POST", CHAT, { agent_key: agents.loud, message: "held", ...more });
const heldCalls = (): number =>
  host.llm.requests.filter(({ messages }) => JSON.stringify(messages).includes("held")).length;

test("of a flood a few chats have begun, a quiet tenant's are answered meanwhile, and then all are", async () => {
  const flood = Array.from({ length: LOUD }, () => loudChat());
  await expect.poll(heldCalls, { timeout }).toBeGreaterThanOrEqual(UNDER_WAY_MIN);

  for (let at = 0; at < 10; at += 1) expect(await quietChat()).toBe(200);

  // One more a second, since those that have begun do nothing but wait.
  expect(heldCalls()).toBeLessThan(LOUD / 2);
  // Nothing of those that wait is stored or paid.
  const { body } = await host.call(
    "GET",
    `/v1/proxy/core-agent-conversations?agent_key=${agents.loud}`,
  );
  expect(body.data.length).toBeLessThan(LOUD / 2);
  held.open();
  const answers = await Promise.all(flood);
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
});

test("streams that end, streams that are left and requests that fail all make room again", async () => {
  const rounds = 3 * UNDER_WAY_MIN;
  for (let at = 0; at < rounds; at += 1) {
    const body = { agent_key: agents.loud, message: "Quick?", stream: true };
    await (await host.events("POST", CHAT, body)).rest();
  }
  for (let at = 0; at < rounds; at += 1) {
    const body = { agent_key: agents.loud, message: "held", stream: true };
    const stream = await host.events("POST", CHAT, body);
    await stream.next();
    stream.cut();
  }
  for (let at = 0; at < rounds; at += 1) {
    const { status } = await loudChat({ conversation_key: "cv_nobody" });
    expect(status).toBe(404);
  }

  await expect
    .poll(async () => (await loudChat({ message: "Quick?" })).status, { timeout })
    .toBe(200);
});
