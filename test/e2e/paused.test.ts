// A caller that waits for the whole answer, while the run, or the one before it in its conversation,
// comes to wait for a person, an event or a time: it is told what is waited for, on every surface in
// its own words, and the run goes on without it.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { CHAT, type Product, startProduct } from "../support/product.ts";
import type { Answer, Json } from "../support/wire-client.ts";

const ENDED_MS = 15_000;
const sum = { name: "sum", arguments: { expression: "6*7" } };

let product: Product;
/** Multiplies when a person agrees. */
let agent: string;

beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "2" } });
  const tool = await make("/v2/tools", calculator({ requires_confirmation: true }));
  agent = await newAgent([{ tool }]);
});
afterEach(() => product.provider.reset());
afterAll(() => product.end());

const make = async (path: string, body: object): Promise<string> => {
  const made = await product.call("POST", path, body);
  expect(made.body).toMatchObject({ id: expect.any(String) });
  return String(made.body.id);
};
const calculator = (more: object): object => ({ name: "sum", type: "calculator", ...more });
const newAgent = (tools: readonly object[]): Promise<string> =>
  make("/v2/agents", { name: "Desk", model_name: "gpt-4o-mini", tools });
const newWorkflow = (node: object): Promise<string> =>
  make("/v2/workflows", {
    name: "One",
    graph_definition: {
      nodes: [
        { id: "one", ...node },
        { id: "end", type: "end" },
      ],
      edges: [{ from: "one", to: "end" }],
    },
    state_schema: { properties: { answer: {} } },
    output: "answer",
  });
/** The model calls its tool, and says how it went. */
const calling = (name: string, given: object): void => {
  product.provider.when((call) => !call.prompt.includes("Result of "), {
    tools: [{ name, arguments: given }],
  });
  product.provider.otherwise({ text: "Done." });
};
const start = (kind: string, id: string, body: object): Promise<Answer> =>
  product.call("POST", `/v2/${kind}s/${id}/runs`, body);
const approve = async (approvals: readonly Json[]): Promise<void> => {
  for (const { id } of approvals) {
    const path = `/v2/approvals/${id}/decide`;
    const decided = await product.call("POST", path, { decision: "approve" });
    expect(decided.status).toBe(200);
  }
};
const ended = async (run: string): Promise<Json> => {
  const read = async (): Promise<Json> => (await product.call("GET", `/v2/runs/${run}`)).body;
  await expect.poll(async () => (await read()).ended_at, { timeout: ENDED_MS }).not.toBeNull();
  return await read();
};
/** It is answered as one that waits, with what `/v2/approvals` shows of it. */
const expectWaiting = async (answer: Answer): Promise<Json> => {
  expect(answer.status, JSON.stringify(answer.body)).toBe(202);
  const { run_id: run, approvals } = answer.body;
  expect(answer.body).toMatchObject({ id: run, status: "waiting" });
  expect(answer.headers.get("location")).toBe(`/v2/runs/${run}`);
  const listed = await product.call("GET", `/v2/approvals?status=pending&run_id=${run}`);
  expect(listed.body.data).toHaveLength(approvals.length);
  expect(approvals).toEqual(listed.body.data);
  expect(approvals.length).toBeGreaterThan(0);
  return answer.body;
};

test("a caller that waits is told what is to be decided, and the run ends by itself afterwards", async () => {
  calling("sum", sum.arguments);
  const more = { headers: { "Idempotency-Key": "one" } };
  const path = `/v2/agents/${agent}/runs`;

  const answer = await product.call("POST", path, { input: "How much?", mode: "wait" }, more);

  const { run_id: run, approvals, conversation_key } = await expectWaiting(answer);
  expect(approvals).toMatchObject([{ tool: "sum", arguments: sum.arguments, status: "pending" }]);
  expect(conversation_key).toMatch(/^cv_/);
  // Sent again it waits for the same run, also after the decision.
  const again = await product.call("POST", path, { input: "How much?", mode: "wait" }, more);
  expect((await expectWaiting(again)).run_id).toBe(run);
  await approve(approvals);
  expect((await ended(run)).status).toBe("completed");
  const last = await product.call("POST", path, { input: "How much?", mode: "wait" }, more);
  expect([last.status, last.body.run_id, last.body.response]).toEqual([200, run, "Done."]);
  expect(await product.history(conversation_key)).toEqual([
    ["user", "How much?"],
    ["assistant", "Done."],
  ]);
});

test("what a delegated task waits for is told to who waits for the run above it", async () => {
  const desk = await newAgent([{ tool: "delegate", name: "ask", config: { agent } }]);
  const has = (name: string) => (call: { readonly tools: readonly { name: string }[] }) =>
    call.tools.some((tool) => tool.name === name);
  const asks = { tools: [{ name: "ask", arguments: { task: "Multiply." } }], times: 1 };
  product.provider.when(has("ask"), asks);
  product.provider.when(has("sum"), { tools: [sum], times: 1 });
  product.provider.otherwise({ text: "Done." });

  const { run_id: run, approvals } = await expectWaiting(
    await start("agent", desk, { input: "?" }),
  );

  expect(approvals).toMatchObject([{ root_run_id: run, agent_key: agent }]);
  expect(approvals[0].run_id).not.toBe(run);
  await approve(approvals);
  expect((await ended(run)).result.response).toBe("Done.");
});

test("a workflow and a run forked from it are answered so; one that sleeps for a moment is waited for", async () => {
  const asks = { type: "approval", reason: "It costs.", arguments: "{}" };
  const inner = await newWorkflow({ ...asks, save: "answer" });
  const flow = await newWorkflow({ type: "sub_workflow", ref: inner, save: "answer" });

  const first = await expectWaiting(await start("workflow", flow, { input: {}, mode: "wait" }));
  await approve(first.approvals);
  expect((await ended(first.run_id)).status).toBe("completed");
  const path = `/v2/runs/${first.run_id}/fork`;
  const forked = await expectWaiting(await product.call("POST", path, { node: "one" }));
  expect(forked.run_id).not.toBe(first.run_id);
  await approve(forked.approvals);
  expect((await ended(forked.run_id)).status).toBe("completed");

  const sleeps = await newWorkflow({ type: "sleep", ms: 1_500 });
  const slept = await start("workflow", sleeps, { input: {}, mode: "wait" });
  expect([slept.status, slept.body.status]).toEqual([200, "completed"]);
});

test("calls that wait side by side are told together", async () => {
  const tools = [sum, { name: "sum", arguments: { expression: "1+1" } }];
  product.provider.when((call) => !call.prompt.includes("Result of "), { tools });
  product.provider.otherwise({ text: "Done." });

  const { run_id: run, approvals } = await expectWaiting(
    await start("agent", agent, { input: "?" }),
  );

  expect(approvals).toHaveLength(2);
  await approve(approvals);
  expect((await ended(run)).status).toBe("completed");
});

test("a call that a rule approves is waited for as any other", async () => {
  const rule = { requires_confirmation: true, approve_when: 'args.expression == "6*7"' };
  const quick = await newAgent([{ tool: await make("/v2/tools", calculator(rule)) }]);
  calling("sum", sum.arguments);

  const answer = await start("agent", quick, { input: "How much?", mode: "wait" });

  expect([answer.status, answer.body.response]).toEqual([200, "Done."]);
});

test("document 001's chat says it in its envelope", async () => {
  calling("sum", sum.arguments);

  const answer = await product.call("POST", CHAT, { agent_key: agent, message: "How much?" });

  const { status, data } = answer.body;
  expect([answer.status, status]).toEqual([202, "success"]);
  expect(data).toMatchObject({ agent_key: agent, status: "waiting", approvals: [{ tool: "sum" }] });
  expect(answer.headers.get("location")).toBe(`/v2/runs/${data.run_id}`);
  await approve(data.approvals);
  expect((await ended(data.run_id)).result.response).toBe("Done.");
});

test("a response is the same error, and in the background in_progress until it is decided", async () => {
  calling("sum", sum.arguments);
  const body = { model: `agent:${agent}`, input: "How much?" };
  const path = "/v1/responses";

  const refused = await product.call("POST", path, body);
  const { id, run_id } = (await product.call("POST", path, { ...body, background: true })).body;
  const asked = async () => (await product.call("GET", `/v2/approvals?run_id=${run_id}`)).body.data;
  await expect.poll(async () => (await asked()).length, { timeout: 10_000 }).toBe(1);
  const waiting = await product.call("GET", `${path}/${id}`);
  await approve(await asked());
  await ended(run_id);

  expect([refused.status, refused.body.error.code]).toEqual([400, "approval_required"]);
  expect(refused.headers.get("x-should-retry")).toBe("false");
  expect(waiting.body).toMatchObject({ status: "in_progress", output: [] });
  const done = await product.call("GET", `${path}/${id}`);
  expect(done.body).toMatchObject({
    status: "completed",
    output: [{ content: [{ text: "Done." }] }],
  });
});

test("OpenAI's protocol has an error for it, which its clients do not send again", async () => {
  calling("sum", sum.arguments);
  const messages = [{ role: "user", content: "How much?" }];
  const body = { model: `agent:${agent}`, messages };

  const answer = await product.call("POST", "/v1/chat/completions", body);

  expect(answer.status).toBe(400);
  expect(answer.headers.get("x-should-retry")).toBe("false");
  const { error } = answer.body;
  expect(error).toMatchObject({ code: "approval_required", type: "invalid_request_error" });
  const [run = ""] = /rn_[0-9a-z]+/.exec(error.message) ?? [];
  const [id = ""] = /ap_[0-9a-z]+/.exec(error.message) ?? [];
  await approve([{ id }]);
  expect((await ended(run)).result.response).toBe("Done.");
});

test("a stream stays open and has the answer after the decision", async () => {
  calling("sum", sum.arguments);
  const body = { input: "How much?", mode: "stream" };
  const stream = await product.events("POST", `/v2/agents/${agent}/runs`, body);
  let id = "";
  while (id === "") {
    const { event } = JSON.parse((await stream.next())?.data ?? "null");
    if (event?.type === "approval_requested") id = event.id;
  }
  await expect
    .poll(async () => (await product.call("GET", `/v2/approvals/${id}`)).status, {
      timeout: ENDED_MS,
    })
    .toBe(200);

  await approve([{ id }]);

  const rest = await stream.rest();
  const end = JSON.parse(rest.at(-1)?.data ?? "{}");
  expect(end).toMatchObject({ type: "end", outcome: { status: "completed" } });
});

const DAY_MS = 24 * 3_600_000;
const waitsForPaid = { type: "event", event: "paid", timeout_ms: DAY_MS, save: "answer" };
/** Told of waits: 202, where the run is, and what it waits for. */
const expectHeldUp = (answer: Answer, status: string, waits: readonly object[]): Json => {
  expect(answer.status, JSON.stringify(answer.body)).toBe(202);
  expect(answer.body).toMatchObject({ status, waits });
  expect(answer.body.waits).toHaveLength(waits.length);
  expect(answer.headers.get("location")).toBe(`/v2/runs/${answer.body.run_id}`);
  return answer.body;
};
const inOneDay = (until: string): void => {
  const ms = Date.parse(until) - Date.now();
  expect(ms).toBeGreaterThan(DAY_MS - 60_000);
  expect(ms).toBeLessThanOrEqual(DAY_MS);
};

test("a caller whose run waits for an event is told its name and where to tell it", async () => {
  const inner = await newWorkflow(waitsForPaid);
  const flow = await newWorkflow({ type: "sub_workflow", ref: inner, save: "answer" });

  const answer = await start("workflow", flow, { input: {} });

  const wait = { kind: "event", event: "paid" };
  const { run_id: run, waits, approvals } = expectHeldUp(answer, "waiting", [wait]);
  expect(approvals).toEqual([]);
  inOneDay(waits[0].until);
  expect(waits[0].url).toBe(`/v2/runs/${waits[0].run_id}/events/paid`);
  expect((await product.call("POST", waits[0].url, { euros: 5 })).status).toBe(202);
  expect((await ended(run)).result.output).toEqual({ euros: 5 });
});

test("a caller whose run sleeps for long is told until when", async () => {
  const flow = await newWorkflow({ type: "sleep", ms: DAY_MS });

  const answer = await start("workflow", flow, { input: {} });

  const { run_id: run, waits } = expectHeldUp(answer, "waiting", [{ kind: "sleep", event: null }]);
  inOneDay(waits[0].until);
  const shown = await product.call("GET", `/v2/runs/${run}`);
  expect([shown.status, shown.body.ended_at]).toEqual([200, null]);
  await product.call("POST", `/v2/runs/${run}/cancel`);
  expect((await ended(run)).status).toBe("cancelled");
});

test("who is queued behind a run that waits is told of it, and its run goes on by itself", async () => {
  product.provider.when(
    (call) => call.prompt.includes("How much?") && !call.prompt.includes("Result of "),
    {
      tools: [sum],
      times: 1,
    },
  );
  product.provider.otherwise({ text: "Done." });
  const first = await expectWaiting(await start("agent", agent, { input: "How much?" }));
  const { conversation_key } = first;

  const behind = { input: "And then?", conversation_key };
  const [second, third] = await Promise.all([
    start("agent", agent, behind),
    product.call("POST", CHAT, { agent_key: agent, message: "Well?", conversation_key }),
  ]);

  const waits = [
    { kind: "queue", run_id: first.run_id, url: `/v2/runs/${first.run_id}` },
    { kind: "approval", url: `/v2/approvals/${first.approvals[0].id}` },
  ];
  const { run_id: run, approvals } = expectHeldUp(second, "queued", waits);
  expect(run).not.toBe(first.run_id);
  expect(approvals).toEqual(first.approvals);
  expect([third.status, third.body.data]).toMatchObject([202, { status: "queued", waits }]);
  expect((await product.call("GET", `/v2/runs/${run}`)).body.status).toBe("queued");
  await approve(approvals);
  for (const one of [run, third.body.data.run_id]) {
    expect((await ended(one)).status).toBe("completed");
  }
  expect((await product.history(conversation_key)).map(([role]) => role)).toEqual([
    "user",
    "assistant",
    "user",
    "assistant",
    "user",
    "assistant",
  ]);
});

test("who is queued is told when the run before it begins to wait, and of the one after that", async () => {
  const flow = await make("/v2/workflows", {
    name: "Late",
    graph_definition: {
      nodes: [
        { id: "nap", type: "sleep", ms: "input.nap" },
        { id: "wait", ...waitsForPaid },
        { id: "end", type: "end" },
      ],
      edges: [
        { from: "nap", to: "wait", when: "input.nap > 0" },
        { from: "nap", to: "end" },
        { from: "wait", to: "end" },
      ],
    },
    state_schema: { properties: { answer: {} } },
    output: "answer",
  });
  const opened = await start("workflow", flow, { input: { nap: 0 } });
  const { conversation_key } = opened.body;
  const asks = (nap: number, mode: string) =>
    start("workflow", flow, { input: { nap }, conversation_key, mode });
  const first = await asks(1_000, "background");
  const second = await asks(2_000, "background");
  expect([first.body.status, second.body.status]).toEqual(["running", "queued"]);

  const third = asks(0, "wait");
  const tell = (run: string): Promise<Answer> =>
    product.call("POST", `/v2/runs/${run}/events/paid`, {});
  // Told before it waits: the run before the last goes on without a wait of its own.
  expect((await tell(first.body.run_id)).status).toBe(202);

  const waits = [
    { kind: "queue", run_id: second.body.run_id },
    { kind: "event", run_id: second.body.run_id, event: "paid" },
  ];
  const { run_id: run } = expectHeldUp(await third, "queued", waits);
  expect((await tell(second.body.run_id)).status).toBe(202);
  expect((await ended(run)).status).toBe("completed");
});

test("OpenAI's protocol says of an event and of a queue what is waited for", async () => {
  const graph_definition = {
    nodes: [
      { id: "wait", ...waitsForPaid },
      { id: "say", type: "supervisor", output: true },
      { id: "end", type: "end" },
    ],
    edges: [
      { from: "wait", to: "say" },
      { from: "say", to: "end" },
    ],
  };
  const state_schema = { properties: { answer: {} } };
  const waiter = await make("/v2/agents", {
    ...{ name: "Waiter", model_name: "gpt-4o-mini", graph_definition, state_schema },
  });
  product.provider.otherwise({ text: "Done." });
  const opened = await start("agent", waiter, { input: "?" });
  const { conversation_key } = opened.body;
  const messages = [{ role: "user", content: "?" }];
  const asks = (more: object): Promise<Answer> =>
    product.call("POST", "/v1/chat/completions", { model: `agent:${waiter}`, messages, ...more });

  const alone = await asks({});
  const queued = await asks({ metadata: { conversation_key } });

  for (const { status, headers, body } of [alone, queued]) {
    expect([status, headers.get("x-should-retry")]).toEqual([400, "false"]);
    expect(body.error).toMatchObject({ code: "run_waiting", type: "invalid_request_error" });
    expect(body.error.message).toMatch(/waits .*for the event paid until 20.*GET \/v2\/runs\/rn_/);
  }
  expect(queued.body.error.message).toContain(`behind run ${opened.body.run_id}`);
});
