// The platform's resources through the real door: agents with entity tags, runs, conversations,
// knowledge, and the dry run of the router.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate } from "../../support/scripted-llm.ts";
import type { Json } from "../../support/wire-client.ts";

let host: HttpHost;
let agent = "";
const answer = "You can export from Settings.";

beforeAll(async () => {
  host = await startHttpHost();
  agent = (await host.call("POST", "/v2/agents", { name: "Desk", model_name: "m-1" })).body.id;
  await host.call("POST", `/v2/agents/${agent}/sub-agents`, {
    name: "Docs",
    trigger: { keywords: ["export"] },
    model_name: "m-1",
  });
});
afterAll(() => host.stop());
afterEach(() => {
  host.llm.script = () => answer;
});

test("an agent is a plain resource whose entity tag guards changes", async () => {
  const made = await host.call("POST", "/v2/agents", { name: "One", temperature: 0.5 });
  const path = `/v2/agents/${made.body.id}`;
  const etag = made.headers.get("etag") ?? "";

  const patched = await host.call("PATCH", path, { top_p: 0.5 }, { headers: { "If-Match": etag } });
  const late = await host.call("PATCH", path, { top_p: 0.6 }, { headers: { "If-Match": etag } });
  const put = await host.call("PUT", path, { name: "Two" });
  const got = await host.call("GET", path);
  const gone = await host.call("DELETE", path);
  const after = await host.call("GET", path);

  expect(made.status).toBe(201);
  expect(made.headers.get("location")).toBe(path);
  expect(patched.body).toMatchObject({ name: "One", temperature: 0.5, top_p: 0.5 });
  expect(late.status).toBe(412);
  expect(late.headers.get("content-type")).toContain("application/problem+json");
  expect(late.body).toMatchObject({ status: 412, code: "REVISION_MISMATCH" });
  expect(put.body).toMatchObject({ name: "Two", temperature: null, top_p: null });
  expect(got.headers.get("etag")).toBe(put.headers.get("etag"));
  expect([gone.status, after.status]).toEqual([204, 404]);
});

test("sub-agents are resources under their agent", async () => {
  const made = await host.call("POST", `/v2/agents/${agent}/sub-agents`, { name: "Sub" });
  const path = `/v2/agents/${agent}/sub-agents/${made.body.id}`;

  const patched = await host.call("PATCH", path, { priority: 7 });
  const put = await host.call("PUT", path, { name: "New" });
  const list = await host.call("GET", `/v2/agents/${agent}/sub-agents`);
  const gone = await host.call("DELETE", path);
  const after = await host.call("GET", path);

  expect(made.status).toBe(201);
  expect(patched.body).toMatchObject({ name: "Sub", priority: 7 });
  expect(put.body).toMatchObject({ name: "New", priority: 100 });
  expect(list.body.data.map((one: Json) => one.name)).toEqual(["Docs", "New"]);
  expect([gone.status, after.status]).toEqual([204, 404]);
});

test("a dry run says where a message would go and runs nothing", async () => {
  const before = host.llm.requests.length;

  const path = `/v2/agents/${agent}/route`;
  const { status, body } = await host.call("POST", path, { message: "How do I export?" });

  expect(status).toBe(200);
  expect(body.routing_info).toMatchObject({ selected_action: "SUB_AGENT", action_name: "Docs" });
  expect(body.routing_info.threshold).toBeGreaterThan(0);
  expect(body.why[0]).toMatchObject({
    sub_agent_key: body.routing_info.sub_agent_key,
    keywords: expect.any(Array),
    nearest: { text: expect.any(String), similarity: expect.any(Number) },
  });
  expect(host.llm.requests.length).toBe(before);
});

test("a query parameter that nothing reads is refused, and those that are read are named", async () => {
  const paths = [
    "/v2/runs?status=failed",
    "/v2/runs?limit=1&kinds=supervisor",
    "/v2/agents?nome=Desk",
    `/v2/agents/${agent}/sub-agents?active=true`,
    `/v2/agents/${agent}/versions?from=1`,
    "/v2/conversations?agent=ag_1",
    "/v2/memories?agent=ag_1",
    "/v2/knowledge/collections?name=docs",
    "/v2/knowledge/jobs?status=failed",
  ];

  const answers = await Promise.all(paths.map((path) => host.call("GET", path)));
  const removal = await host.call("DELETE", "/v2/memories?agent_kye=ag_1");
  const taken = await host.call("GET", "/v2/runs?limit=1&kind=supervisor");

  expect(answers.map(({ status }) => status)).toEqual(paths.map(() => 400));
  expect(answers[0]?.body).toMatchObject({
    code: "UNKNOWN_FIELD",
    detail: 'There is no query parameter "status"; those taken here are limit, cursor, kind.',
  });
  expect(removal.status).toBe(400);
  expect(taken.status).toBe(200);
});

test("a run is waited for, looked at and listed", async () => {
  const input = { input: "How do I export?" };

  const made = await host.call("POST", `/v2/agents/${agent}/runs`, input);
  const run = await host.call("GET", `/v2/runs/${made.body.id}`);
  const list = await host.call("GET", "/v2/runs?limit=1");
  const foreign = await host.call("GET", `/v2/runs/${made.body.id}`, undefined, {
    key: host.otherKey,
  });

  expect(made.body).toMatchObject({ status: "completed", response: answer });
  expect(run.body).toMatchObject({
    id: made.body.id,
    status: "completed",
    agent_key: agent,
    conversation_key: made.body.conversation_key,
    result: { response: answer },
  });
  expect(list.body.data[0].id).toBe(made.body.id);
  expect(foreign.status).toBe(404);
});

test("events of a run are frames with ids, from the start or after one", async () => {
  const made = await host.call("POST", `/v2/agents/${agent}/runs`, { input: "export?" });
  const path = `/v2/runs/${made.body.id}/events`;

  const all = await (await host.events("GET", path)).rest();
  const middle = all.at(-2)?.id ?? "";
  const rest = await (
    await host.events("GET", `${path}?after=${encodeURIComponent(middle)}`)
  ).rest();
  const byHeader = await (
    await host.events("GET", path, undefined, { headers: { "Last-Event-ID": middle } })
  ).rest();

  expect(all.at(-1)?.event).toBe("end");
  expect(JSON.parse(all.at(-1)?.data ?? "{}").reply.response).toBe(answer);
  expect(rest.map((event) => event.event)).toEqual(["end"]);
  expect(byHeader.map((event) => event.id)).toEqual(rest.map((event) => event.id));
});

test("tokens and money look alike in a run, its last event and its messages", async () => {
  const made = await host.call("POST", `/v2/agents/${agent}/runs`, { input: "export?" });
  const { id, conversation_key, usage, cost } = made.body;

  const run = await host.call("GET", `/v2/runs/${id}`);
  const events = await (await host.events("GET", `/v2/runs/${id}/events`)).rest();
  const reply = JSON.parse(events.at(-1)?.data ?? "{}").reply;
  const messages = await host.call("GET", `/v2/conversations/${conversation_key}/messages`);

  expect(usage).toEqual({
    prompt_tokens: expect.any(Number),
    completion_tokens: expect.any(Number),
    total_tokens: expect.any(Number),
    spend: 0,
  });
  expect(cost).toMatchObject({ units: 1, unit_price: 0.001, tokens: 0.001 });
  for (const one of [run.body.result, reply]) {
    expect(one.usage).toEqual(usage);
    expect(one.cost).toMatchObject({ units: 1, unit_price: 0.001, tokens: 0.001 });
  }
  expect(messages.body.data[1].usage).toEqual(usage);
  expect(JSON.stringify([run.body, reply, messages.body])).not.toMatch(/[a-z]Tokens|[mM]icros/);
});

test("a conversation is listed while its first answer is still being written", async () => {
  const gate = createGate();
  host.llm.script = async () => {
    await gate.opened;
    return answer;
  };
  const made = await host.call("POST", `/v2/agents/${agent}/runs`, {
    input: "export?",
    mode: "background",
  });

  const listed = await host.call("GET", "/v2/conversations");
  gate.open();

  const keys = listed.body.data.map((row: Json) => row.conversation_key);
  expect(keys).toContain(made.body.conversation_key);
});

test("a streamed run begins with its accept", async () => {
  const path = `/v2/agents/${agent}/runs`;

  const stream = await host.events("POST", path, { input: "export?", mode: "stream" });
  const events = await stream.rest();

  expect(events[0]?.event).toBe("accepted");
  expect(events.map((event) => event.event)).toContain("text-end");
  expect(events.at(-1)?.event).toBe("end");
});

test("a run in the background is cancelled by its id", async () => {
  const gate = createGate();
  host.llm.script = async ({ signal }) => {
    await gate.wait(signal);
    return answer;
  };
  const made = await host.call("POST", `/v2/agents/${agent}/runs`, {
    input: "export?",
    mode: "background",
  });
  await gate.reached;

  const cancel = await host.call("POST", `/v2/runs/${made.body.run_id}/cancel`);
  const events = await (await host.events("GET", `/v2/runs/${made.body.run_id}/events`)).rest();
  const again = await host.call("POST", `/v2/runs/${made.body.run_id}/cancel`);

  expect([made.status, cancel.status]).toEqual([202, 202]);
  expect(JSON.parse(events.at(-1)?.data ?? "{}").outcome.status).toBe("cancelled");
  expect(again.status).toBe(409);
});

test("a conversation is cancelled as a whole", async () => {
  const gate = createGate();
  host.llm.script = async ({ signal }) => {
    await gate.wait(signal);
    return answer;
  };
  const made = await host.call("POST", `/v2/agents/${agent}/runs`, {
    input: "export?",
    mode: "background",
  });
  await gate.reached;
  const { conversation_key } = made.body;

  const shown = await host.call("GET", `/v2/conversations/${conversation_key}`);
  const cancel = await host.call("POST", `/v2/conversations/${conversation_key}/cancel`);
  const events = await (await host.events("GET", `/v2/runs/${made.body.run_id}/events`)).rest();

  expect(shown.body.running_run_id).toBe(made.body.run_id);
  expect(cancel.status).toBe(202);
  expect(JSON.parse(events.at(-1)?.data ?? "{}").outcome.status).toBe("cancelled");
});

test("conversations are pages, their messages too", async () => {
  const made = await host.call("POST", `/v2/agents/${agent}/runs`, { input: "export?" });
  const path = `/v2/conversations/${made.body.conversation_key}`;

  const list = await host.call("GET", `/v2/conversations?agent_key=${agent}&limit=1`);
  const one = await host.call("GET", `${path}/messages?limit=1`);
  const two = await host.call("GET", `${path}/messages?limit=1&cursor=${one.body.next_cursor}`);
  const foreign = await host.call("GET", path, undefined, { key: host.otherKey });
  const gone = await host.call("DELETE", path);

  expect(list.body.data[0].id).toBe(made.body.conversation_key);
  expect(one.body.data[0].role).toBe("user");
  expect(two.body.data[0].role).toBe("assistant");
  expect([foreign.status, gone.status]).toEqual([404, 204]);
});

test("a collection takes documents, finds passages and is deleted", async () => {
  const collections = "/v2/knowledge/collections";
  const { id } = (await host.call("POST", collections, { name: "Docs" })).body;
  const path = `${collections}/${id}`;

  const one = await host.call("POST", `${path}/documents`, {
    title: "Export",
    text: "To export your data, open Settings and choose Export.",
  });
  const many = await host.call("POST", `${path}/documents`, [
    { id: "billing", text: "Invoices are sent on the first day of the month." },
  ]);
  const list = await host.call("GET", `${path}/documents`);
  const shown = await host.call("GET", `${path}/documents/billing`);
  const found = await host.call("POST", `${path}/search`, { query: "export data", top_k: 1 });
  const foreign = await host.call("POST", `${path}/search`, { query: "x" }, { key: host.otherKey });
  const removed = await host.call("DELETE", `${path}/documents/billing`);
  const gone = await host.call("DELETE", path);
  const after = await host.call("GET", path);

  expect(one.status).toBe(201);
  expect(one.body).toMatchObject({ status: "created", chunks: 1 });
  expect(many.body.data).toHaveLength(1);
  expect(list.body.data).toHaveLength(2);
  expect(shown.body.text).toContain("Invoices");
  expect(found.body.data[0]).toMatchObject({ document_id: one.body.id, title: "Export" });
  expect([foreign.status, removed.status, gone.status, after.status]).toEqual([404, 204, 204, 404]);
});

test("a search wants a query and a bounded number of hits", async () => {
  const { id } = (await host.call("POST", "/v2/knowledge/collections", { name: "x" })).body;
  const path = `/v2/knowledge/collections/${id}/search`;

  const empty = await host.call("POST", path, { query: "" });
  const many = await host.call("POST", path, { query: "x", top_k: 1_000 });

  expect([empty.status, empty.body.pointer]).toEqual([400, "/query"]);
  expect([many.status, many.body.pointer]).toEqual([400, "/top_k"]);
});

test("a search can be narrowed by what is said of documents, and says where a filter is wrong", async () => {
  const { id } = (await host.call("POST", "/v2/knowledge/collections", { name: "x" })).body;
  const path = `/v2/knowledge/collections/${id}`;
  const text = "Export your data from the settings page.";
  const documents = ["en", "de"].map((lang, year) => ({
    ...{ id: lang, text: `${text} ${lang}`, metadata: { lang, by: [{ year: 2024 + year }] } },
  }));
  await host.call("POST", `${path}/documents?wait=true`, documents);
  const search = (filter: unknown) =>
    host.call("POST", `${path}/search`, { query: "export data", filter });
  const found = async (filter: unknown) =>
    (await search(filter)).body.data.map((hit: { document_id: string }) => hit.document_id);

  expect(await found({ lang: "de" })).toEqual(["de"]);
  expect(await found({ "by.year": { lt: 2025 } })).toEqual(["en"]);
  expect(await found({ not: { document_id: "en" } })).toEqual(["de"]);
  expect(await found({ lang: "fr" })).toEqual([]);
  expect([...(await found(null))].sort()).toEqual(["de", "en"]);
  const [array, unknown, deep] = [
    await search([]),
    await search({ lang: { like: "d" } }),
    await search({ or: [{ lang: "de" }, { created_at: { in: [null] } }] }),
  ];
  expect([array.status, array.body.pointer]).toEqual([400, "/filter"]);
  expect([unknown.status, unknown.body.pointer]).toEqual([400, "/filter/lang/like"]);
  expect([deep.status, deep.body.pointer]).toEqual([400, "/filter/or/1/created_at/in/0"]);

  await host.call("PUT", `${path}/documents/de`, { text, metadata: { lang: "fr" } });
  await host.call("DELETE", `${path}/documents/en`);
  expect([await found({ lang: "de" }), await found({ lang: "en" })]).toEqual([[], []]);
  expect(await found({ lang: { in: ["fr", "en"] } })).toEqual(["de"]);
});
