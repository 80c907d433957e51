// The official client of AG-UI, unchanged, pointed at this server: `HttpAgent` with its own checks of every
// event, messages, tools of both kinds, interrupts, errors, and what closing means.

import { type AgentSubscriber, HttpAgent, type RunAgentParameters } from "@ag-ui/client";
import type { BaseEvent, Message } from "@ag-ui/core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate } from "../../support/scripted-llm.ts";

let host: HttpHost;
let agent = "";
let careful = "";
let users = 0;

beforeAll(async () => {
  host = await startHttpHost();
  const make = async (body: object): Promise<string> =>
    (await host.call("POST", "/v2/agents", { model_name: "m-1", ...body })).body.id;
  const sum = { name: "sum", type: "calculator", requires_confirmation: true };
  const { body } = await host.call("POST", "/v2/tools", sum);
  agent = await make({ name: "Desk", tools: [{ tool: "calculator" }] });
  careful = await make({ name: "Careful", tools: [{ tool: body.id }] });
});
afterAll(() => host.stop());
beforeEach(() => {
  host.llm.script = () => "You can export from Settings.";
});

const clientOf = (threadId: string, of = agent, key = host.key): HttpAgent =>
  new HttpAgent({
    url: `${host.url}/v2/agents/${of}/ag-ui`,
    headers: { "X-API-Key": key },
    threadId,
  });

interface Ran {
  readonly types: readonly string[];
  readonly events: readonly BaseEvent[];
  readonly added: readonly Message[];
  readonly result: unknown;
  readonly error: Error | undefined;
}

/** Runs it, with a message of the user if there is one. */
async function ran(
  client: HttpAgent,
  content: string | null,
  parameters: RunAgentParameters = {},
  subscriber: AgentSubscriber = {},
): Promise<Ran> {
  users += 1;
  if (content !== null) client.addMessage({ id: `user-${users}`, role: "user", content });
  const events: BaseEvent[] = [];
  let error: Error | undefined;
  const onEvent: AgentSubscriber["onEvent"] = ({ event }) => void events.push(event);
  const done = await client
    .runAgent(parameters, { onEvent, ...subscriber })
    .catch((thrown: Error) => {
      error = thrown;
      return { result: undefined, newMessages: [] };
    });
  const types = events.map(({ type }) => String(type));
  return { types, events, added: done.newMessages, result: done.result, error };
}

const sumOnce = (name: string, then: string): void => {
  host.llm.script = ({ request }) =>
    request.messages.at(-1)?.role === "tool"
      ? then
      : { text: "Let me see. ", calls: [{ name, arguments: { expression: "2+2" } }] };
};
const statusOf = async (run: string): Promise<string> =>
  (await host.call("GET", `/v2/runs/${run}`)).body.status;
const runIn = ({ events }: Pick<Ran, "events">): string => {
  const custom = events.find((event) => "name" in event && event["name"] === "run");
  return (custom as unknown as { readonly value: { readonly run_id: string } }).value.run_id;
};

test("a thread is one conversation that is kept here, and its events are those of a run", async () => {
  const client = clientOf("thread-1");
  const first = await ran(client, "How do I export?");
  host.llm.script = ({ request }) => `Told: ${request.messages.map(({ content }) => content)}`;
  const second = await ran(client, "And then?");

  expect(first.types).toEqual([
    ...["RUN_STARTED", "CUSTOM", "STEP_STARTED", "CUSTOM"],
    ...["TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END"],
    ...["STEP_FINISHED", "RUN_FINISHED"],
  ]);
  expect(first.added).toMatchObject([
    { role: "assistant", content: "You can export from Settings." },
  ]);
  expect(first.events.at(-1)).toMatchObject({
    outcome: { type: "success" },
    usage: [{ model: "m-1", inputTokens: 10, outputTokens: 5, totalTokens: 15 }],
  });
  expect(second.added[0]?.content).toContain("You can export from Settings.");
  const { conversation_key } = second.result as { readonly conversation_key: string };
  const kept = await host.call("GET", `/v2/conversations/${conversation_key}/messages`);
  expect(kept.body.data).toHaveLength(4);
});

test("the routing is a step of who answers, and its reason is told", async () => {
  const of = await host.call("POST", "/v2/agents", { name: "Front", model_name: "m-1" });
  const sub = { name: "Export", trigger: { keywords: ["export"] } };
  await host.call("POST", `/v2/agents/${of.body.id}/sub-agents`, sub);
  const { events } = await ran(clientOf("routed", of.body.id), "How do I export?");

  expect(events.filter(({ type }) => type.startsWith("STEP"))).toMatchObject([
    { type: "STEP_STARTED", stepName: "Export" },
    { type: "STEP_FINISHED", stepName: "Export" },
  ]);
  expect(events.find((event) => "name" in event && event["name"] === "routing")).toMatchObject({
    value: { action_name: "Export", reason: expect.any(String) },
  });
});

test("the agent's own call is told with its result", async () => {
  sumOnce("calculator", "It is 4.");
  const { added } = await ran(clientOf("own-tool"), "2+2?");

  const [said, told, last] = added;
  const call = said?.role === "assistant" ? said.toolCalls?.[0] : undefined;
  expect(said).toMatchObject({ role: "assistant", content: "Let me see. " });
  expect(call?.function).toEqual({ name: "calculator", arguments: '{"expression":"2+2"}' });
  expect(told).toMatchObject({ role: "tool", toolCallId: call?.id });
  expect(told?.content).toContain("4");
  expect(last).toMatchObject({ role: "assistant", content: "It is 4." });
});

test("a client's tools are called together and answered with their results, beside the agent's own", async () => {
  host.llm.script = ({ request }) => {
    const told = request.messages.filter(({ role }) => role === "tool");
    if (told.length === 0)
      return { calls: [{ name: "calculator", arguments: { expression: "1+1" } }] };
    if (told.length > 1) return `Told: ${told.map(({ content }) => content).join(" | ")}`;
    const weather = (city: string) => ({ name: "weather", arguments: { city } });
    return { text: "I ask. ", calls: [weather("Rome"), weather("Oslo")] };
  };
  const parameters = { type: "object", properties: { city: { type: "string" } } };
  const tools = [{ name: "weather", description: "The weather.", parameters }];
  const client = clientOf("client-tool");
  const first = await ran(client, "Weather?", { tools });
  const calls = client.messages.flatMap((message) =>
    message.role === "assistant"
      ? (message.toolCalls ?? []).filter(({ function: { name } }) => name === "weather")
      : [],
  );
  for (const [at, { id }] of calls.entries()) {
    const content = at === 0 ? "clear" : "rain";
    client.addMessage({ id: `told-${at}`, role: "tool", toolCallId: id, content });
  }
  const second = await ran(client, null, { tools });

  expect(first.events.at(-1)).toMatchObject({
    outcome: { type: "success", pendingToolCallIds: calls.map(({ id }) => id) },
  });
  expect(calls).toHaveLength(2);
  const text = String(second.added.at(-1)?.content);
  expect(text).toMatch(/^Told: Result of calculator.*\| .*clear.*\| .*rain/s);
});

test("context and state of the application are told to the agent", async () => {
  host.llm.script = ({ request }) => JSON.stringify(request.messages);
  const client = clientOf("context");
  client.setState({ page: "billing" });
  const context = [{ description: "The plan", value: "enterprise" }];
  const { added } = await ran(client, "Which plan?", { context });

  expect(String(added[0]?.content)).toContain("The plan: enterprise");
  expect(String(added[0]?.content)).toContain("billing");
});

test.each([
  { approved: true, seen: /^4$|"?4/, status: "approved" },
  { approved: false, seen: /FORBIDDEN/, status: "rejected" },
])("an interrupt is resolved, and the same run goes on: %o", async ({ approved, seen, status }) => {
  sumOnce("sum", "That is all.");
  const client = clientOf(`interrupt-${approved}`, careful);
  const first = await ran(client, "2+2?");
  const [interrupt] = client.pendingInterrupts;
  expect(first.events.at(-1)).toMatchObject({
    type: "RUN_FINISHED",
    outcome: { type: "interrupt" },
  });
  const call = client.messages.flatMap((message) =>
    message.role === "assistant" ? (message.toolCalls ?? []) : [],
  )[0];
  expect(interrupt).toMatchObject({
    ...{ id: expect.stringMatching(/^ap_/), reason: "tool_call", toolCallId: call?.id },
    metadata: { tool: "sum", arguments: { expression: "2+2" } },
  });

  const payload = { approved, note: "As agreed." };
  const id = interrupt?.id ?? "";
  const resume = [{ interruptId: id, status: "resolved" as const, payload }];
  const second = await ran(client, null, { resume });

  expect(runIn(second)).toBe(runIn(first));
  expect(second.types).not.toContain("TOOL_CALL_START");
  expect(client.messages[1]?.content).toBe("Let me see. ");
  expect(second.added.map(({ role }) => role)).toEqual(["tool", "assistant"]);
  expect(String(second.added[0]?.content)).toMatch(seen);
  expect(second.added[1]?.content).toBe("That is all.");
  expect(client.messages.map(({ role }) => role)).toEqual([
    "user",
    "assistant",
    "tool",
    "assistant",
  ]);
  expect(client.pendingInterrupts).toEqual([]);
  const { body } = await host.call("GET", `/v2/approvals/${id}`);
  expect(body).toMatchObject({ status, note: "As agreed." });
});

test("a cancelled interrupt rejects, and a payload that says nothing is refused with its place", async () => {
  sumOnce("sum", "That is all.");
  const client = clientOf("interrupt-cancelled", careful);
  await ran(client, "2+2?");
  const interruptId = client.pendingInterrupts[0]?.id ?? "";
  const empty = await host.call("POST", `/v2/agents/${careful}/ag-ui`, {
    ...{ threadId: "interrupt-cancelled", runId: "empty", messages: [] },
    resume: [{ interruptId, status: "resolved", payload: {} }],
  });
  const done = await ran(client, null, { resume: [{ interruptId, status: "cancelled" }] });

  expect([empty.status, empty.body.pointer]).toEqual([400, "/resume/0/payload"]);
  expect(done.added.at(-1)?.content).toBe("That is all.");
  expect((await host.call("GET", `/v2/approvals/${interruptId}`)).body.status).toBe("rejected");
});

test("only who may decide resumes, and only what this agent asks", async () => {
  sumOnce("sum", "That is all.");
  const client = clientOf("interrupt-foreign", careful);
  await ran(client, "2+2?");
  const interruptId = client.pendingInterrupts[0]?.id ?? "";
  const resume = [{ interruptId, status: "resolved", payload: { approved: true } }];
  const body = { threadId: "interrupt-foreign", runId: "other", messages: [], resume };
  const send = (of: string, key: string) =>
    host.call("POST", `/v2/agents/${of}/ag-ui`, body, { key });
  const [weak, other, foreign] = [
    await send(careful, await host.makeKey(["ui"])),
    await send(agent, host.key),
    await send(careful, host.otherKey),
  ];

  expect([weak.status, other.status, foreign.status]).toEqual([403, 404, 404]);
  expect((await host.call("GET", `/v2/approvals/${interruptId}`)).body.status).toBe("pending");
});

test("what fails is RUN_ERROR without the server's secrets", async () => {
  host.llm.script = () => {
    throw new Error("a secret of the server");
  };
  const { events, types } = await ran(clientOf("failing"), "How do I export?");

  expect(types.at(-1)).toBe("RUN_ERROR");
  expect(events.at(-1)).toMatchObject({ code: "INTERNAL" });
  expect(JSON.stringify(events)).not.toContain("secret");
});

test("aborting cancels the run, unless its agent goes on without its callers", async () => {
  const gate = createGate();
  host.llm.script = async ({ write, signal }) => {
    write("The first half, ");
    await gate.wait(signal);
    return "The first half, the second half.";
  };
  const body = { name: "Steady", model_name: "m-1", agent_config: { on_disconnect: "continue" } };
  const steady = await host.call("POST", "/v2/agents", body);
  const runs: string[] = [];
  for (const of of [agent, steady.body.id]) {
    const client = clientOf("aborted", of);
    const running = ran(
      client,
      "Both halves?",
      {},
      {
        onTextMessageContentEvent: () => client.abortRun(),
      },
    );
    runs.push(runIn(await running));
  }
  await expect.poll(() => statusOf(runs[0] ?? ""), { timeout: 10_000 }).toBe("cancelled");
  expect(await statusOf(runs[1] ?? "")).toBe("running");
  gate.open();
  await expect.poll(() => statusOf(runs[1] ?? ""), { timeout: 5_000 }).toBe("completed");
});

test("aborting a resumed run cancels it too, and an interrupt alone does not", async () => {
  const gate = createGate();
  host.llm.script = async ({ request, write, signal }) => {
    if (request.messages.at(-1)?.role !== "tool") {
      return { calls: [{ name: "sum", arguments: { expression: "2+2" } }] };
    }
    write("Half of it ");
    await gate.wait(signal);
    return "Half of it and more.";
  };
  const client = clientOf("aborted-later", careful);
  const first = await ran(client, "2+2?");
  const interruptId = client.pendingInterrupts[0]?.id ?? "";
  const resume = [{ interruptId, status: "resolved" as const, payload: { approved: true } }];
  await ran(client, null, { resume }, { onTextMessageContentEvent: () => client.abortRun() });

  await expect.poll(() => statusOf(runIn(first)), { timeout: 10_000 }).toBe("cancelled");
  gate.open();
});

test("a run whose stream an interrupt has ended is not cancelled by that, not the second time either", async () => {
  host.llm.script = ({ request }) => {
    const told = request.messages.filter(({ role }) => role === "tool").length;
    return { calls: [{ name: "sum", arguments: { expression: `${told}+1` } }] };
  };
  const once = clientOf("asked-once", careful);
  const first = await ran(once, "Sums?");
  const twice = clientOf("asked-twice", careful);
  await ran(twice, "Sums?");
  const interruptId = twice.pendingInterrupts[0]?.id ?? "";
  const resume = [{ interruptId, status: "resolved" as const, payload: { approved: true } }];
  const second = await ran(twice, null, { resume });
  expect(twice.pendingInterrupts).toHaveLength(1);

  // A run whose client leaves after those were left is cancelled after their time too.
  const gate = createGate();
  host.llm.script = async ({ write, signal }) => {
    write("The first half, ");
    await gate.wait(signal);
    return "The first half, the second half.";
  };
  const left = clientOf("left");
  const later = await ran(left, "Both?", {}, { onTextMessageContentEvent: () => left.abortRun() });
  await expect.poll(() => statusOf(runIn(later)), { timeout: 10_000 }).toBe("cancelled");
  gate.open();

  expect([await statusOf(runIn(first)), await statusOf(runIn(second))]).toEqual([
    "waiting",
    "waiting",
  ]);
});

test("a client that comes with nothing is shown the thread, and what is under way in it", async () => {
  const gate = createGate();
  await ran(clientOf("shown"), "How do I export?");
  host.llm.script = async ({ write, signal }) => {
    write("The first half, ");
    await gate.wait(signal);
    return "The first half, the second half.";
  };
  const writing = ran(clientOf("shown"), "Both halves?");
  await gate.reached;
  const late = clientOf("shown");
  const watching = ran(late, null, {}, { onTextMessageContentEvent: () => gate.open() });
  const [, watched] = [await writing, await watching];
  const after = clientOf("shown");
  const idle = await ran(after, null);
  const nobody = clientOf("never-seen");
  const nothing = await ran(nobody, null);

  const texts = [
    ...["How do I export?", "You can export from Settings."],
    ...["Both halves?", "The first half, the second half."],
  ];
  expect(watched.types).toContain("MESSAGES_SNAPSHOT");
  expect(late.messages.map(({ content }) => content)).toEqual(texts);
  expect(after.messages.map(({ content }) => content)).toEqual(texts);
  expect(idle.types).toEqual(["RUN_STARTED", "MESSAGES_SNAPSHOT", "RUN_FINISHED"]);
  expect([nothing.error, nobody.messages]).toEqual([undefined, []]);
});

test("a request that is sent twice runs once, and other words under its id are refused", async () => {
  const before = await host.balance();
  const body = {
    ...{ threadId: "twice", runId: "run-1" },
    messages: [{ id: "m1", role: "user", content: "Hello?" }],
  };
  const path = `/v2/agents/${agent}/ag-ui`;
  const send = async () =>
    (await (await host.events("POST", path, body)).rest()).map(({ data }) => data);
  const [first, second] = [await send(), await send()];
  const other = { ...body, messages: [{ id: "m1", role: "user", content: "Else?" }] };

  expect(second).toEqual(first);
  expect(before - (await host.balance())).toBe(1_000);
  expect((await host.call("POST", path, other)).body.code).toBe("KEY_REUSED");
});
