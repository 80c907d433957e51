// Rows of A2A.

import { expect } from "vitest";
import { agent, fresh, run, workflow } from "../makers.ts";
import type { Refusal, Row, Rows } from "../row.ts";
import type { Sent } from "../sent.ts";
import type { World } from "../world.ts";

const headers = { "A2A-Version": "1.0" };
const one = "/a2a/{agent}";
const task = `${one}/tasks/{task}`;
const pushes = `${task}/pushNotificationConfigs`;
const card = "/.well-known/agent-card.json";
const url = "https://hooks.example.com/a2a";

const named = async (world: World): Promise<Sent> => ({
  ...{ params: { agent: await agent(world) }, headers },
});
const message = (text = "How do I export?") => ({
  message: { messageId: fresh("message"), role: "ROLE_USER", parts: [{ text }] },
});
const ended = async (world: World): Promise<Sent> => {
  const made = await run(world);
  return { params: { agent: made.agent, task: made.run }, headers };
};
const going = async (world: World): Promise<Sent> => {
  const flow = await workflow(world);
  const body = { input: { order: 7 }, mode: "background" };
  const { id } = await world.make("POST", `/v2/workflows/${flow}/runs`, body);
  return { params: { agent: flow, task: `${id}:cancel` }, headers };
};
const pushed = async (world: World): Promise<Sent> => {
  const { params = {} } = await going(world);
  const of = { agent: params["agent"] ?? "", task: (params["task"] ?? "").replace(":cancel", "") };
  const path = `/a2a/${of.agent}/tasks/${of.task}/pushNotificationConfigs`;
  const made = await world.host.call("POST", path, { url, id: "mine" }, { headers });
  expect(made.status).toBe(201);
  return { params: { ...of, config: "mine" }, headers };
};
const ofPush = async (world: World): Promise<Sent> => {
  const { params = {} } = await pushed(world);
  const { config: _, ...of } = params;
  return { params: of, headers };
};
/** The same message id with other words. */
const reused: Refusal = {
  ...{ what: "another message by the same id", status: 400 },
  sent: (good) => ({
    ...good,
    body: JSON.stringify(good.body).replace("export", "import"),
  }),
};
const shownCard: Partial<Row> = { status: 200, shows: { name: "Desk", skills: expect.any(Array) } };

/** The rows. */
export const a2aRows: Rows = {
  [`GET ${card}`]: {
    good: async (world) => ({ query: `agent=${await agent(world)}`, headers }),
    ...{ status: 200, shows: { name: "Desk" } },
  },
  [`GET ${one}${card}`]: { good: named, status: 200, ...shownCard },
  [`GET ${one}/extendedAgentCard`]: { good: named, status: 200, ...shownCard },
  [`POST ${one}`]: {
    good: async (world) => ({
      ...(await named(world)),
      body: { jsonrpc: "2.0", id: 1, method: "SendMessage", params: message() },
    }),
    status: 200,
    shows: { id: 1, result: { task: { status: { state: "TASK_STATE_COMPLETED" } } } },
    conflict: "cannot: JSON-RPC says so with status 200 (server.test.ts)",
  },
  [`POST ${one}/message:send`]: {
    good: async (world) => ({ ...(await named(world)), body: message() }),
    status: 200,
    shows: { task: { status: { state: "TASK_STATE_COMPLETED" } } },
    conflict: [reused],
  },
  [`POST ${one}/message:stream`]: {
    good: async (world) => ({ ...(await named(world)), body: message() }),
    status: 200,
    shows: /TASK_STATE_COMPLETED/,
    conflict: [reused],
  },
  [`GET ${one}/tasks`]: {
    good: named,
    status: 200,
    shows: { tasks: [], totalSize: 0, nextPageToken: "" },
  },
  [`GET ${task}`]: {
    good: ended,
    status: 200,
    shows: { status: { state: "TASK_STATE_COMPLETED" } },
  },
  [`POST ${task}`]: {
    good: going,
    status: 200,
    shows: { status: { state: "TASK_STATE_CANCELED" } },
    conflict: [{ what: "once more", status: [400, 409], sent: (good) => good }],
  },
  [`POST ${pushes}`]: {
    good: async (world) => {
      const { params = {} } = await ofPush(world);
      return { params, headers, body: { url, id: "next" } };
    },
    status: 201,
    shows: { id: "next", url },
    conflict: "cannot: the same configuration takes its own place",
  },
  [`GET ${pushes}`]: { good: ofPush, status: 200, shows: { configs: [{ id: "mine" }] } },
  [`GET ${pushes}/{config}`]: { good: pushed, status: 200, shows: { id: "mine" } },
  [`DELETE ${pushes}/{config}`]: {
    good: pushed,
    status: 204,
    free: ["config"],
    conflict: "cannot: what is gone is as it was wanted",
  },
};
