// Rows of /agents/v1: agents that work by themselves.

import { expect } from "vitest";
import { again, type Rows, withBody } from "../row.ts";
import type { World } from "../world.ts";

const path = "/agents/v1/agents";
const one = `${path}/{id}`;

const body = {
  ...{ name: "Processor", model: "m-1", tools: [{ name: "calculator", permissions: [] }] },
  triggers: [{ type: "schedule", cron: "0 0 1 1 *" }],
  constraints: { max_runtime: 60 },
};

const made = async (world: World): Promise<{ params: { id: string } }> => ({
  params: { id: (await world.make("POST", path, body)).id },
});

const wrongTrigger = withBody(
  "a time that cannot be read",
  { triggers: [{ type: "schedule", cron: "often" }] },
  { status: 400, code: "INVALID", pointer: "/triggers/0/cron" },
);
const remote = withBody(
  "a tool that reaches other machines",
  { tools: [{ name: "web_page" }] },
  { status: 400, code: "INVALID", pointer: "/tools/0/name" },
);

/** The rows. */
export const orchestratedRows: Rows = {
  [`GET ${path}`]: { good: () => ({ query: "limit=2" }), status: 200, shows: { problems: [] } },
  [`POST ${path}`]: {
    good: () => ({ body }),
    status: 201,
    shows: {
      ...{ name: "Processor", model: "m-1", status: "stopped", origin: "agents_v1", file: null },
      tools: [{ name: "calculator", permissions: [] }],
      triggers: [{ type: "schedule", name: "schedule 1", cron: "0 0 1 1 *", is_active: true }],
    },
    wrong: [wrongTrigger, remote],
  },
  [`GET ${one}`]: { good: made, status: 200, shows: { name: "Processor", status: "stopped" } },
  [`PUT ${one}`]: {
    good: async (world) => ({ ...(await made(world)), body: { name: "Two" } }),
    status: 200,
    shows: { name: "Two", version: 2, triggers: [], tools: [] },
    wrong: [wrongTrigger, remote],
  },
  [`DELETE ${one}`]: { good: made, status: 204, conflict: [again(404, "NOT_FOUND")] },
  [`POST ${one}/start`]: {
    good: async (world) => ({ ...(await made(world)), body: { input: "Count." } }),
    status: 202,
    shows: { status: "running", run: { conversation_key: expect.stringMatching(/^cv_/) } },
    conflict: "cannot: one that runs is told to run",
  },
  [`POST ${one}/stop`]: {
    good: made,
    status: 200,
    shows: { status: "stopped", cancelled_runs: [] },
    conflict: "cannot: one that is stopped is told to stop",
  },
  [`GET ${one}/logs`]: { good: made, status: 200, shows: { data: [], truncated: false } },
  "GET /agents/v1/tools": {
    good: () => ({ query: "limit=2" }),
    status: 200,
    shows: { data: [{ name: "calculator" }, { name: "channel_message" }] },
  },
};
