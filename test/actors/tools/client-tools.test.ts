// Tools that the caller of a completion runs: who is offered them, how a call ends the run, what happens to
// the agent's own calls beside it, and what is refused before anything is asked.

import { afterEach, expect, test } from "vitest";
import { fitSent } from "../../../actors/answer/history.ts";
import { checkClientParts } from "../../../actors/client-tools.ts";
import { limits } from "../../../actors/limits.ts";
import type { PromptMessage, ToolSpec } from "../../../actors/ports.ts";
import type { Agent } from "../../../actors/records/agent.ts";
import type { ChatEvent, CompletionMessage } from "../../../actors/records/conversation.ts";
import type { SubAgent } from "../../../actors/records/sub-agent.ts";
import { address } from "../../../runtime/address.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { newId } from "../../../runtime/id.ts";
import {
  type AgentsHost,
  newAgent,
  startAgents,
  tenant,
  type Viewing,
} from "../../support/agents-host.ts";
import { createScriptedLlm, type Script, type ScriptedLlm } from "../../support/scripted-llm.ts";

const weather: ToolSpec = {
  name: "weather",
  description: "The weather of a city.",
  parameters: { type: "object", properties: { city: { type: "string" } } },
};
const asks = { name: "weather", arguments: { city: "Rome" } };
const user: PromptMessage = { role: "user", content: "What is the weather in Rome?" };

let host: AgentsHost | undefined;
afterEach(async () => {
  await host?.stop();
  host = undefined;
});

interface Desk {
  readonly host: AgentsHost;
  readonly llm: ScriptedLlm;
  readonly agent: string;
  complete(
    overrides: CompletionMessage["overrides"],
    messages?: readonly PromptMessage[],
    root?: string,
  ): Viewing;
}

async function desk(
  script: Script,
  record: Partial<Agent> = {},
  subAgents: readonly Partial<SubAgent>[] = [],
): Promise<Desk> {
  const llm = createScriptedLlm(script);
  const started = await startAgents({ llm });
  host = started;
  await started.setBalance(100_000);
  const agent = newAgent();
  await started.putAgent({ agent_key: agent, ...record }, subAgents);
  return {
    ...{ host: started, llm, agent },
    complete(overrides, messages = [user], root = newId("cm", Date.now())) {
      const to = address({ kind: "completion", tenant, root });
      const message: CompletionMessage = {
        ...{ type: "complete", agent, messages, stream: true, overrides },
        ...{ priceMicros: 1_000, service: "chat-completions" },
      };
      return started.send(to, message);
    },
  };
}

const eventsOf = ({ frames }: Viewing): readonly ChatEvent[] =>
  frames.flatMap((frame) => (frame.type === "event" ? [frame.event as ChatEvent] : []));

test("a call of the caller's tool ends the run with the text before it, and is charged as a chat", async () => {
  const { llm, complete, host } = await desk(() => ({ text: "Let me look.", calls: [asks] }));
  const viewing = complete({ tools: [weather] });
  const reply = await viewing.reply();
  const id = `${reply.run_id}_0`;
  const call = { id, name: "weather", arguments: '{"city":"Rome"}' };
  expect(reply).toMatchObject({
    response: "Let me look.",
    finish_reason: "tool_calls",
    tool_calls: [call],
  });
  expect(eventsOf(viewing)).toContainEqual({ type: "client_tool_call", index: 0, ...call });
  expect(await viewing.text()).toBe("Let me look.");
  expect(llm.requests).toHaveLength(1);
  expect(reply.charge.micros).toBe(1_000);
  expect(host.balance()).toBe(99_000);
});

test("with the results sent back the model goes on from them", async () => {
  const { llm, complete } = await desk(() => "It is sunny.");
  const history: PromptMessage[] = [
    user,
    {
      ...{ role: "assistant", content: "Let me look." },
      toolCalls: [{ id: "c1", name: "weather", arguments: "{}" }],
    },
    { role: "tool", toolCallId: "c1", content: "sunny" },
  ];
  const reply = await complete({ tools: [weather] }, history).reply();
  expect(reply).toMatchObject({ response: "It is sunny.", finish_reason: "stop" });
  expect(reply.tool_calls).toBeUndefined();
  expect(llm.requests[0]?.messages.slice(-3)).toEqual(history);
});

test("the sub-agent that answers is offered them beside its own", async () => {
  const trigger = { keywords: ["weather"] };
  const sub = { sub_agent_key: "sa_w", name: "Weather", trigger, tools: [{ tool: "calculator" }] };
  const { llm, complete } = await desk(() => ({ calls: [asks] }), {}, [sub as Partial<SubAgent>]);
  const viewing = complete({ tools: [weather] });
  const reply = await viewing.reply();
  expect(reply.routing_info.sub_agent_key).toBe("sa_w");
  expect(reply.tool_calls?.[0]?.name).toBe("weather");
  expect(llm.requests.at(-1)?.tools?.map(({ name }) => name)).toEqual(["calculator", "weather"]);
  expect(eventsOf(viewing).some(({ type }) => type === "client_tool_call")).toBe(true);
});

test("own calls alone are performed, and the caller's end the run in a later round", async () => {
  const own = { name: "calculator", arguments: { expression: "6*7" } };
  const { llm, complete } = await desk(
    ({ call }) => (call === 1 ? { calls: [own] } : { calls: [asks] }),
    { tools: [{ tool: "calculator" }] },
  );
  const reply = await complete({ tools: [weather] }).reply();
  expect(llm.requests).toHaveLength(2);
  expect(llm.requests[1]?.messages.at(-1)?.content).toContain("42");
  expect(reply.tool_calls?.map(({ name }) => name)).toEqual(["weather"]);
  expect(reply.unperformed_calls).toBeUndefined();
  expect(reply.own_rounds?.map(({ role }) => role)).toEqual(["assistant", "tool"]);
});

test("own calls beside the caller's are not performed, asked of nobody, and said to be so", async () => {
  const own = { name: "calculator", arguments: { expression: "6*7" } };
  const { complete, host } = await desk(() => ({ calls: [own, asks] }), {
    tools: [{ tool: "calculator", requires_confirmation: true }],
  });
  const viewing = complete({ tools: [weather] });
  const reply = await viewing.reply();
  expect(reply.tool_calls?.map(({ name }) => name)).toEqual(["weather"]);
  expect(reply.unperformed_calls?.map(({ name }) => name)).toEqual(["calculator"]);
  const events = eventsOf(viewing);
  expect(events.filter(({ type }) => type === "approval_requested")).toEqual([]);
  expect(events.find(({ type }) => type === "tool_result")).toMatchObject({
    name: "calculator",
    result: { error: { code: "NOT_PERFORMED" } },
  });
  await host.idle();
});

test("none offers nothing, a required call leaves nothing else to call, and one call can be had alone", async () => {
  const { llm, complete } = await desk(({ request }) =>
    request.tools === undefined ? "No." : { calls: [asks, asks] },
  );
  const none = await complete({ tools: [weather], tool_choice: "none" }).reply();
  expect([none.response, llm.requests[0]?.tools]).toEqual(["No.", undefined]);
  const forced = await complete({ tools: [weather], tool_choice: { name: "weather" } }).reply();
  expect(llm.requests[1]?.toolChoice).toEqual({ name: "weather" });
  expect(forced.tool_calls).toHaveLength(2);
  const single = { tools: [weather], tool_choice: "required", parallel_tool_calls: false } as const;
  expect((await complete(single).reply()).tool_calls).toHaveLength(1);
  expect(llm.requests[2]).toMatchObject({ toolChoice: "required", parallelToolCalls: false });
});

test("a required call is one of the caller's tools, not of the agent's", async () => {
  const { llm, complete } = await desk(() => ({ calls: [asks] }), {
    tools: [{ tool: "calculator" }],
  });
  await complete({ tools: [weather], tool_choice: "required" }).reply();
  expect(llm.requests[0]?.tools?.map(({ name }) => name)).toEqual(["weather"]);
});

test("the form of an answer is asked for at last, and a call needs none", async () => {
  const schema = { type: "object", properties: { a: { type: "string" } }, required: ["a"] };
  const response_format = { type: "json_schema", json_schema: { name: "x", schema } };
  const { complete, llm } = await desk(({ request }) =>
    request.messages.at(-1)?.role === "tool" ? '{"a":"b"}' : { calls: [asks] },
  );
  const called = await complete({ tools: [weather], response_format }).reply();
  expect([called.response, called.finish_reason]).toEqual(["", "tool_calls"]);
  expect(llm.requests[0]?.responseFormat).toBeUndefined();
  const answered = await complete({ tools: [weather], response_format }, [
    user,
    { role: "assistant", content: "", toolCalls: [{ id: "c", name: "weather", arguments: "{}" }] },
    { role: "tool", toolCallId: "c", content: "sunny" },
  ]).reply();
  expect(answered.output).toEqual({ a: "b" });
});

test("a name that the agent's own tool has is refused with its place, and nothing is charged", async () => {
  const { llm, complete, host } = await desk(() => "x", { tools: [{ tool: "calculator" }] });
  const clashing = { ...weather, name: "calculator" };
  const ended = await complete({ tools: [weather, clashing] }).end();
  expect(ended.outcome).toMatchObject({
    status: "failed",
    error: { code: "INVALID", details: { pointer: "/tools/1" } },
  });
  expect([llm.requests.length, host.balance()]).toEqual([0, 100_000]);
});

test("the built-in answerer takes tools and calls none, and refuses to be made to", async () => {
  const { complete } = await desk(() => "Quoted.", { model_name: "builtin" });
  expect((await complete({ tools: [weather] }).reply()).finish_reason).toBe("stop");
  const forced = await complete({ tools: [weather], tool_choice: "required" }).end();
  expect(forced.outcome).toMatchObject({ error: { details: { pointer: "/tool_choice" } } });
});

test("teams and agents with a graph refuse tools, results and images with their places", async () => {
  const graph_definition = { nodes: [{ id: "a", type: "supervisor" }], edges: [] };
  const { complete } = await desk(() => "x", { graph_definition } as Partial<Agent>);
  const image = { url: "https://a.example/x.png", pointer: "/messages/0/content/0" };
  await expect(complete({ tools: [weather] }).accepted()).rejects.toMatchObject({
    code: "INVALID",
    details: { pointer: "/tools" },
  });
  await expect(
    complete({}, [{ ...user, images: [image] } as PromptMessage]).accepted(),
  ).rejects.toMatchObject({ details: { pointer: image.pointer } });
});

test("images go to the model as they are, and are refused where it takes none", async () => {
  const images = [{ url: "https://a.example/x.png", pointer: "/messages/0/content/1" }];
  const seen = await desk(() => "A cat.");
  await seen.complete({}, [{ role: "user", content: "What is it?", images }]).reply();
  expect(seen.llm.requests[0]?.messages.at(-1)).toMatchObject({ images });
  await host?.stop();
  const blind = await desk(() => "x", { model_name: "blind-1" });
  const ended = await blind.complete({}, [{ role: "user", content: "?", images }]).end();
  expect(ended.outcome).toMatchObject({
    error: { code: "INVALID", details: { pointer: "/messages/0/content/1" } },
  });
  expect(blind.llm.requests).toEqual([]);
});

test("a run that dies at any write ends with its calls all the same, once and charged once", async () => {
  let crashes = 0;
  for (let write = 1; write <= 20; write += 1) {
    const calculates = { name: "calculator", arguments: { expression: "6*7" } };
    const own = await desk(
      ({ request }) =>
        request.messages.at(-1)?.role === "tool"
          ? { text: "Hm.", calls: [asks] }
          : { calls: [calculates] },
      { tools: [{ tool: "calculator" }] },
    );
    own.host.disk.crashAfter(own.host.disk.commits + write);
    const root = newId("cm", Date.now());
    const viewing = own.complete({ tools: [weather] }, [user], root);
    const ended = viewing.end().then(
      () => true,
      () => false,
    );
    if (await Promise.race([own.host.crashed.then(() => false), ended])) {
      await own.host.stop();
      break;
    }
    crashes += 1;
    await own.host.crash();
    await own.host.idle();
    const [head] = viewing.frames;
    if (head?.type === "accepted") {
      const reply = await own.host.follow(head.run ?? "", root).reply();
      expect(reply).toMatchObject({ response: "Hm.", finish_reason: "tool_calls" });
      expect(reply.tool_calls?.map(({ name }) => name)).toEqual(["weather"]);
      expect(own.host.balance()).toBe(99_000);
    }
    await own.host.stop();
  }
  expect(crashes).toBeGreaterThan(2);
  host = undefined;
});

test("a history that is cut keeps the user's last message with all behind it, and no result without its call", () => {
  const long = "word ".repeat(400);
  const calling = (id: string): PromptMessage => ({
    ...{ role: "assistant", content: "" },
    toolCalls: [{ id, name: "weather", arguments: "{}" }],
  });
  const result = (toolCallId: string): PromptMessage => ({
    ...{ role: "tool", content: long, toolCallId },
  });
  const early = [{ ...user, content: long }, calling("a"), result("a"), result("b")];
  const late = [user, calling("c"), result("c")];
  expect(fitSent([...early, ...late], 100)).toEqual(late);
  expect(fitSent([...early, ...late], 1_100)).toEqual(late);
  expect(fitSent([...early, ...late], 10_000)).toEqual([...early, ...late]);
});

const faultOf = (
  overrides: CompletionMessage["overrides"],
  messages: readonly PromptMessage[] = [user],
): readonly unknown[] => {
  try {
    checkClientParts({ overrides, messages });
    return [];
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    return [error.code, error.details?.["pointer"]];
  }
};

test("tools are checked: their number, names, size, schemas and the choice", () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, at) => ({ ...weather, name: `t${at}` }));
  const withSchema = (parameters: Record<string, unknown>) => ({
    tools: [{ ...weather, parameters: { type: "object", ...parameters } }],
  });
  expect(faultOf({ tools: many(limits.clientTools) })).toEqual([]);
  expect(faultOf({ tools: many(limits.clientTools + 1) })).toEqual(["INVALID", "/tools/128"]);
  expect(faultOf({ tools: [weather, weather] })).toEqual(["INVALID", "/tools/1"]);
  expect(faultOf({ tools: [{ ...weather, name: "a b" }] })).toEqual(["INVALID", "/tools/0"]);
  expect(faultOf(withSchema({ type: "string" }))).toEqual(["INVALID", "/tools/0"]);
  expect(faultOf(withSchema({ $ref: "https://a.example/s" }))).toEqual([
    "SCHEMA_INVALID",
    "/tools/0/$ref",
  ]);
  expect(faultOf(withSchema({ title: "x".repeat(limits.schemaBytes) }))[0]).toBe("SCHEMA_INVALID");
  expect(faultOf({ tools: [weather], tool_choice: { name: "other" } })).toEqual([
    "INVALID",
    "/tool_choice",
  ]);
  expect(faultOf({ tool_choice: "required" })).toEqual(["INVALID", "/tool_choice"]);
});

test("every call has its result behind it, and every result its call before it", () => {
  const asking = (...ids: string[]): PromptMessage => ({
    ...{ role: "assistant", content: "" },
    toolCalls: ids.map((id) => ({ id, name: "weather", arguments: "{}" })),
  });
  const result = (toolCallId: string): PromptMessage => ({
    ...{ role: "tool", content: "x", toolCallId },
  });
  expect(faultOf({}, [user, asking("a", "b"), result("b"), result("a")])).toEqual([]);
  expect(faultOf({}, [user, asking("a", "b"), result("a")])).toEqual(["INVALID", "/messages/1"]);
  expect(faultOf({}, [user, asking("a"), user])).toEqual(["INVALID", "/messages/1"]);
  expect(faultOf({}, [user, result("a")])).toEqual(["INVALID", "/messages/1"]);
  expect(faultOf({}, [user, asking("a", "a")])).toEqual(["INVALID", "/messages/1"]);
});

test("images are addresses or data, within their limits", () => {
  const withImages = (...urls: string[]): readonly unknown[] =>
    faultOf({}, [{ ...user, images: urls.map((url) => ({ url })) } as PromptMessage]);
  const data = (chars: number) => `data:image/png;base64,${"A".repeat(chars)}`;
  const refused = ["INVALID", "/messages/0"];
  expect(withImages("https://a.example/x.png", data(4))).toEqual([]);
  expect(withImages("http://a.example/x.png")).toEqual(refused);
  expect(withImages("data:text/html;base64,AAAA")).toEqual(refused);
  const half = Math.floor(limits.imagesDataChars / 2);
  expect(withImages(data(half - 22), data(half - 22))).toEqual([]);
  expect(withImages(data(half), data(half))).toEqual(refused);
  expect(withImages(...Array.from({ length: limits.images + 1 }, () => data(4)))).toEqual(refused);
});
