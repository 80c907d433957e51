// An agent elsewhere that goes on when somebody has signed in there: as a member and in a node the run waits for
// it with the link, is shown so to A2A clients of ours, and goes on by itself.

import { TaskState } from "@a2a-js/sdk";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { type RemoteAgent, startRemoteAgent } from "../../support/remote-agent.ts";
import type { Json } from "../../support/wire-client.ts";

const WITHIN = { timeout: 10_000, interval: 20 };
const PUBLIC_URL = "https://troupe.example.com";
const LOGIN = "https://login.example.com/start?ticket=7";

let host: HttpHost;
let remote: RemoteAgent;
let tool: string;

beforeAll(async () => {
  remote = await startRemoteAgent();
  host = await startHttpHost({ webHosts: ["127.0.0.1"], publicUrl: PUBLIC_URL });
  const config = { url: remote.url };
  tool = (await made("POST", "/v2/tools", { name: "far", type: "remote_agent", config })).id;
});
afterAll(async () => {
  await host.stop();
  await remote.stop();
});
beforeEach(() => {
  remote.reset();
  remote.state = TaskState.TASK_STATE_AUTH_REQUIRED;
  remote.say = () => `Please sign in at ${LOGIN}.`;
});

const headers = { "a2a-version": "1.0" };
async function made(method: string, path: string, body?: unknown): Promise<Json> {
  const more = path.startsWith("/a2a/") ? { headers } : {};
  const answer = await host.call(method, path, body, more);
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
  return answer.body;
}
const statusOf = async (id: string): Promise<string> =>
  (await made("GET", `/v2/runs/${id}`)).status;
async function eventsOf(id: string): Promise<readonly Json[]> {
  const events = await (await host.events("GET", `/v2/runs/${id}/events`)).rest();
  return events.map(({ data }) => JSON.parse(data) as Json).map((frame) => frame["event"] ?? frame);
}
const team = async (): Promise<string> => {
  const body = { name: "Desk", mode: "coordinate", members: [{ agent: tool }] };
  return (await made("POST", "/v2/teams", body)).id;
};
const node = async (): Promise<string> => {
  const nodes = [
    { id: "ask", type: "agent", ref: tool, input: "'Go.'" },
    { id: "end", type: "end" },
  ];
  const graph_definition = { nodes, edges: [{ from: "ask", to: "end" }] };
  return (await made("POST", "/v2/workflows", { name: "Line", graph_definition })).id;
};
const signedIn = async (): Promise<void> => {
  await remote.goOn(TaskState.TASK_STATE_COMPLETED, "All done.");
};

test.each([
  ["a member of a team", "teams", team],
  ["the agent of a node", "workflows", node],
])(
  "as %s it is waited for, with the link that it names, and goes on by itself",
  async (_, path, make) => {
    const of = await make();
    const waiting = await host.call("POST", `/v2/${path}/${of}/runs`, { input: "Go." });
    expect([waiting.status, waiting.body.waits]).toMatchObject([
      202,
      [{ kind: "auth", url: LOGIN }],
    ]);
    const { id } = waiting.body;
    expect(await statusOf(id)).toBe("waiting");
    const untilMs = Date.parse(waiting.body.waits[0].until) - Date.now();
    expect(untilMs).toBeGreaterThan(23 * 3_600_000);

    await signedIn();
    await expect.poll(() => statusOf(id), WITHIN).toBe("completed");

    expect(JSON.stringify((await made("GET", `/v2/runs/${id}`)).result)).toContain("All done.");
    const shown = await eventsOf(id);
    const required = shown.find(({ type }) => type === "auth_required");
    expect(required).toMatchObject({ url: LOGIN, remote: true });
    expect(required?.["integration"]).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(required?.["reason"]).toContain("The agent “Remote” elsewhere waits for a sign-in.");
    const settled = shown.find(({ type }) => type === "auth_settled");
    expect(settled).toMatchObject({ id: required?.["id"], outcome: "connected" });
    expect([remote.messages.length, remote.cancelled]).toEqual([1, []]);
  },
);

test("A2A clients of ours see auth-required with the link, in the task, in lists and in streams", async () => {
  const of = await team();
  const { id } = (await host.call("POST", `/v2/teams/${of}/runs`, { input: "Go." })).body;
  const path = `/a2a/${of}/tasks`;
  const named = (state: string) => made("GET", `${path}?status=${state}`);

  const task = await made("GET", `${path}/${id}`);
  expect(task.status.state).toBe("TASK_STATE_AUTH_REQUIRED");
  const said = JSON.stringify(task.status.message.parts);
  expect(said).toContain(LOGIN);
  expect((await named("TASK_STATE_AUTH_REQUIRED")).tasks.map((one: Json) => one.id)).toEqual([id]);
  expect((await named("TASK_STATE_INPUT_REQUIRED")).tasks).toEqual([]);
  expect((await named("TASK_STATE_WORKING")).tasks).toEqual([]);
  const stream = await host.events("GET", `${path}/${id}:subscribe`, undefined, { headers });
  const states: unknown[] = [];
  for (;;) {
    const event = JSON.parse((await stream.next())?.data ?? "{}");
    const { state } = event.statusUpdate?.status ?? event.task?.status ?? {};
    if (event.statusUpdate !== undefined) states.push(state);
    if (event.statusUpdate !== undefined && state === "TASK_STATE_AUTH_REQUIRED") break;
  }
  stream.cut();
  await signedIn();
  await expect.poll(() => statusOf(id), WITHIN).toBe("completed");
  expect((await named("TASK_STATE_AUTH_REQUIRED")).tasks).toEqual([]);
});

test("our own missing account is waited for by a member, and A2A clients are given an address", async () => {
  remote.state = TaskState.TASK_STATE_COMPLETED;
  await made("PUT", "/v2/integrations/far-away", {
    ...{ type: "oauth2", issuer: "https://login.example.com", client_id: "troupe" },
    allowed_hosts: ["127.0.0.1"],
  });
  const config = { url: remote.url, auth: { token: "far-away" } };
  const own = await made("POST", "/v2/tools", { name: "own", type: "remote_agent", config });
  const members = [{ agent: own.id }];
  const of = (await made("POST", "/v2/teams", { name: "Own", mode: "coordinate", members })).id;

  const waiting = await host.call("POST", `/v2/teams/${of}/runs`, {
    input: "Go.",
    user_key: "ann",
  });

  expect([waiting.status, waiting.body.waits[0].kind]).toEqual([202, "auth"]);
  const link: string = waiting.body.waits[0].url;
  expect(link).toMatch(/^\/v2\/tokens\/connect\//);
  const task = await made("GET", `/a2a/${of}/tasks/${waiting.body.id}`);
  expect(task.status.state).toBe("TASK_STATE_AUTH_REQUIRED");
  expect(JSON.stringify(task.status.message.parts)).toContain(`${PUBLIC_URL}${link}`);
  expect(remote.methods).toEqual([]);
  await made("POST", `/v2/runs/${waiting.body.id}/cancel`, {});
  await expect.poll(() => statusOf(waiting.body.id), WITHIN).toBe("cancelled");
  expect((await fetch(host.url + link)).status).toBe(404);
});

test("a run that is cancelled while it waits cancels the task there, and waits no more", async () => {
  const of = await team();
  const { id } = (await host.call("POST", `/v2/teams/${of}/runs`, { input: "Go." })).body;

  await made("POST", `/v2/runs/${id}/cancel`, {});

  await expect.poll(() => statusOf(id), WITHIN).toBe("cancelled");
  await expect.poll(() => remote.cancelled.length, WITHIN).toBe(1);
  const waits = () =>
    host.system.tables.list(host.tenant, "token-waits-run", { prefix: id, limit: 10 });
  await expect.poll(waits, WITHIN).toEqual([]);
});

test("a member that goes on working after the sign-in is waited for no more", async () => {
  const of = await team();
  const { id, waits } = (await host.call("POST", `/v2/teams/${of}/runs`, { input: "Go." })).body;
  const rows = () =>
    host.system.tables.list(host.tenant, "token-waits-run", { prefix: id, limit: 10 });
  expect([waits.length, (await rows()).length, await statusOf(id)]).toEqual([1, 1, "waiting"]);

  await remote.goOn(TaskState.TASK_STATE_WORKING, "On it.");

  await expect.poll(rows, WITHIN).toEqual([]);
  expect(await statusOf(id)).toBe("running");
  await signedIn();
  await expect.poll(() => statusOf(id), WITHIN).toBe("completed");
});

test.each([
  ["its words", "javascript:alert(1)", undefined],
  ["its data", "Sign in.", { url: "javascript:alert(1)" }],
  ["its data, written otherwise", "Sign in.", { url: " JavaScript:alert(1)" }],
])("an address in %s that runs something in a browser is not told on", async (_, words, data) => {
  remote.say = () => words;
  remote.data = data;
  const of = await team();
  const { body } = await host.call("POST", `/v2/teams/${of}/runs`, { input: "Go." });
  expect(body.waits).toMatchObject([{ kind: "auth", url: `/v2/runs/${body.id}` }]);
  await signedIn();
  await expect.poll(() => statusOf(body.id), WITHIN).toBe("completed");
});
