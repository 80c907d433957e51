// A run as a tree, forked at a step, and resumed where it failed: what was done is not done again.

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { RuntimeError } from "../../../runtime/errors.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

let host: HttpHost;
let agent = "";

beforeAll(async () => {
  host = await startHttpHost();
  const graph_definition = {
    nodes: [
      { id: "draft", type: "supervisor", save: "draft" },
      { id: "polish", type: "supervisor", input: '"polish: " + draft', output: true },
      { id: "end", type: "end" },
    ],
    edges: [
      { from: "draft", to: "polish" },
      { from: "polish", to: "end" },
    ],
  };
  const state_schema = { properties: { draft: { type: "string" } } };
  const made = await host.call("POST", "/v2/agents", {
    ...{ name: "Writer", model_name: "m-1", graph_definition, state_schema },
  });
  agent = made.body.id;
});
afterAll(() => host.stop());

/** What the model was asked since the last test, by the last message. */
let asked: string[] = [];
let isDown = false;
beforeEach(() => {
  asked = [];
  isDown = false;
  host.llm.script = ({ request }) => {
    const text = String(request.messages.at(-1)?.content);
    asked.push(text);
    if (isDown && text.startsWith("polish")) {
      throw new RuntimeError("PROVIDER_FAILED", "The provider refused.");
    }
    return `<${text}>`;
  };
});

const start = (input: string, more: object = {}) =>
  host.call("POST", `/v2/agents/${agent}/runs`, { input, ...more });

interface Tree {
  readonly id: string;
  readonly key: string | null;
  readonly status: string;
  readonly steps: readonly { readonly key: string; readonly status: string }[];
  readonly children: readonly Tree[];
}

const treeOf = async (run: string): Promise<Tree> =>
  (await host.call("GET", `/v2/runs/${run}/tree`)).body;

test("a run's tree names its child runs and their steps", async () => {
  const { body } = await start("a");

  const tree = await treeOf(body.id);

  expect(tree).toMatchObject({ id: body.id, kind: "workflow", status: "completed", target: agent });
  expect(tree.children.map(({ key, status }) => [key, status])).toEqual([
    ["node:0#1", "completed"],
    ["node:1#1", "completed"],
  ]);
  expect(tree.children[0]?.steps).toMatchObject([{ key: "model:1", status: "completed" }]);
});

test("a failed run is resumed where it failed, and its answer takes its place", async () => {
  isDown = true;
  const failed = await start("b");
  const [run] = (await host.call("GET", "/v2/runs?limit=1")).body.data;
  isDown = false;
  const before = [...asked];

  const resumed = await host.call("POST", `/v2/runs/${run.id}/resume`);
  const twice = await host.call("POST", `/v2/runs/${run.id}/resume`);
  const messages = await host.call("GET", `/v2/conversations/${run.conversation_key}/messages`);
  const conversation = await host.call("GET", `/v2/conversations/${run.conversation_key}`);

  expect(failed.status).toBe(502);
  expect(before).toEqual(["b", "polish: <b>"]);
  expect(asked).toEqual(["b", "polish: <b>", "polish: <b>"]);
  expect(resumed.body).toMatchObject({ status: "completed", response: "<polish: <b>>" });
  expect(twice).toMatchObject({ status: 409, body: { code: "CONFLICT" } });
  expect(twice.body.detail).toContain(`run ${resumed.body.run_id} has taken its place`);
  expect(messages.body.data.map(({ content }: { content: string }) => content)).toEqual([
    "b",
    "<polish: <b>>",
  ]);
  expect(conversation.body.message_count).toBe(2);
});

test("a fork does a step anew and what follows it; its answer is no message", async () => {
  const { body } = await start("c");
  const [, polish] = (await treeOf(body.id)).children;
  asked = [];

  const step = `${polish?.id}/model:1`;
  const forked = await host.call("POST", `/v2/runs/${body.id}/fork`, { step });
  const again = await host.call("POST", `/v2/runs/${body.id}/fork`, { step: "node:0#1" });
  const messages = await host.call("GET", `/v2/conversations/${body.conversation_key}/messages`);

  expect(asked).toEqual(["polish: <c>", "c", "polish: <c>"]);
  expect(forked.body).toMatchObject({ response: "<polish: <c>>" });
  expect(again.body.id).not.toBe(forked.body.id);
  expect(messages.body.data).toHaveLength(2);
});

/** Tokens of prompts that the tenant has paid, by the ledger. A call of the model is 10. */
const paid = async (): Promise<number> => {
  const { body } = await host.call("GET", `/admin/usage?tenant=${host.tenant}`, undefined, {
    key: host.adminKey,
  });
  const services: readonly { readonly prompt_tokens: number }[] = body.services;
  return services.reduce((sum, { prompt_tokens }) => sum + prompt_tokens, 0);
};

test("a fork counts what it spends itself, and so does a fork of it", async () => {
  const { body } = await start("c");
  const before = await paid();

  const late = await host.call("POST", `/v2/runs/${body.id}/fork`, { step: "node:1#1" });
  const whole = await host.call("POST", `/v2/runs/${body.id}/fork`, { step: "node:0#1" });
  const between = await paid();
  const [first] = (await treeOf(late.body.id)).children;
  const inside = `${first?.id}/model:1`;
  const again = await host.call("POST", `/v2/runs/${late.body.id}/fork`, { step: "node:1#1" });
  const early = await host.call("POST", `/v2/runs/${late.body.id}/fork`, { step: inside });

  const usages = [body, late.body, whole.body, again.body, early.body].map(({ usage }) => usage);
  expect(usages.map(({ prompt_tokens }) => prompt_tokens)).toEqual([20, 10, 20, 10, 20]);
  expect([between - before, (await paid()) - between]).toEqual([30, 30]);
});

test("a fork that fails, and a run that is resumed, count no call again", async () => {
  const before = await paid();
  isDown = true;
  await start("b");
  const [failed] = (await host.call("GET", "/v2/runs?limit=1")).body.data;
  const afterFailed = await paid();
  await host.call("POST", `/v2/runs/${failed.id}/fork`, { step: "node:1#1" });
  const afterFork = await paid();
  isDown = false;

  const resumed = await host.call("POST", `/v2/runs/${failed.id}/resume`);

  expect([afterFailed - before, afterFork - afterFailed]).toEqual([10, 0]);
  expect(resumed.body.usage).toMatchObject({ prompt_tokens: 10, completion_tokens: 5 });
  expect((await paid()) - afterFork).toBe(10);
});

test("a cancelled run is resumed; a stream shows what is new to its end", async () => {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const reached = new Promise<void>((resolve) => {
    host.llm.script = async ({ request, signal }) => {
      const text = String(request.messages.at(-1)?.content);
      asked.push(text);
      if (text.startsWith("polish") && asked.length < 3) {
        resolve();
        signal.addEventListener("abort", release);
        await held;
      }
      return `<${text}>`;
    };
  });
  const started = await start("d", { mode: "background" });
  await reached;
  await host.call("POST", `/v2/runs/${started.body.id}/cancel`);
  await (await host.events("GET", `/v2/runs/${started.body.id}/events`)).rest();

  const stream = await host.events("POST", `/v2/runs/${started.body.id}/resume`, {
    mode: "stream",
  });
  const events = await stream.rest();

  expect(asked).toEqual(["d", "polish: <d>", "polish: <d>"]);
  expect(JSON.parse(events.at(-1)?.data ?? "{}")).toMatchObject({
    outcome: { status: "completed" },
    reply: { response: "<polish: <d>>" },
  });
});

test("what cannot be done again says why", async () => {
  const { body } = await start("e");
  const path = `/v2/runs/${body.id}`;
  isDown = true;
  const conversation_key = body.conversation_key;
  await start("f", { conversation_key });
  const [failed] = (await host.call("GET", "/v2/runs?limit=1")).body.data;
  isDown = false;
  await start("g", { conversation_key });
  const completion = await host.call("POST", "/v1/chat/completions", {
    ...{ model: `agent:${agent}`, messages: [{ role: "user", content: "h" }] },
  });
  const [stateless] = (await host.call("GET", "/v2/runs?limit=1")).body.data;

  const completed = await host.call("POST", `${path}/resume`);
  const noStep = await host.call("POST", `${path}/fork`, { step: "nope" });
  const noBody = await host.call("POST", `${path}/fork`, {});
  const notLast = await host.call("POST", `/v2/runs/${failed.id}/resume`);
  const child = await host.call("POST", `/v2/runs/${body.id}.1/fork`, { step: "model:1" });
  const foreign = await host.call(
    "POST",
    `${path}/fork`,
    { step: "node:0#1" },
    { key: host.otherKey },
  );
  const foreignTree = await host.call("GET", `${path}/tree`, undefined, { key: host.otherKey });
  const noConversation = await host.call("POST", `/v2/runs/${stateless.id}/fork`, {
    step: "node:0#1",
  });

  expect(completion.status).toBe(200);
  expect(completed).toMatchObject({ status: 409, body: { code: "CONFLICT" } });
  expect(noStep).toMatchObject({ status: 400, body: { pointer: "/step" } });
  expect(noBody.status).toBe(400);
  expect(notLast).toMatchObject({ status: 409, body: { code: "CONFLICT" } });
  expect(notLast.body.detail).toContain("not the last one of its conversation");
  expect([child.status, foreign.status, foreignTree.status]).toEqual([404, 404, 404]);
  expect(noConversation).toMatchObject({ status: 409, body: { code: "CONFLICT" } });
});

test("an id past what a run's log holds is answered as lost, not waited for", async () => {
  const { body } = await start("i");
  const path = `/v2/runs/${body.id}/events`;
  const past = { "Last-Event-ID": `${body.id}:@500:0:0` };
  const another = { "Last-Event-ID": `${body.id}:@3.zzz:0:0` };

  const lost = await host.call("GET", path, undefined, { headers: past });
  const other = await host.call("GET", path, undefined, { headers: another });
  const whole = await (await host.events("GET", path)).rest();
  const last = { "Last-Event-ID": whole.at(-2)?.id ?? "" };
  const rest = await (await host.events("GET", path, undefined, { headers: last })).rest();

  expect([lost.status, lost.body.code]).toEqual([410, "EVENTS_LOST"]);
  expect([other.status, other.body.code]).toEqual([410, "EVENTS_LOST"]);
  expect(lost.body.detail).toContain("from its start");
  expect(rest.map(({ event }) => event)).toEqual(["end"]);
});
