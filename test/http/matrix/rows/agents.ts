// Rows of agents, their sub-agents and versions.

import { agent, run, subAgent } from "../makers.ts";
import { again, type Row, type Rows, withBody } from "../row.ts";
import type { World } from "../world.ts";

const one = "/v2/agents/{id}";
const sub = `${one}/sub-agents/{sa}`;

const ofAgent = async (world: World) => ({ params: { id: await agent(world) } });
const ofSub = async (world: World) => {
  const { agent: id, sa } = await subAgent(world);
  return { params: { id, sa } };
};

/** An agent at its second version. */
async function twice(world: World): Promise<{ params: { id: string; n: string } }> {
  const id = await agent(world);
  await world.make("PATCH", `/v2/agents/${id}`, { name: "Two" });
  return { params: { id, n: "1" } };
}

/** An agent with a draft. */
async function drafted(world: World): Promise<{ params: { id: string }; draft: number }> {
  const id = await agent(world);
  const { version } = await world.make("POST", `/v2/agents/${id}/versions`, { name: "Draft" });
  return { params: { id }, draft: version };
}

/** An agent whose draft answers a half. */
async function onTrial(world: World): Promise<{ params: { id: string } }> {
  const { params, draft } = await drafted(world);
  await world.make("PUT", `/v2/agents/${params.id}/canary`, { version: draft, share: 0.5 });
  return { params };
}

const changed: Row = {
  good: async (world) => ({ ...(await ofAgent(world)), body: { name: "Two", top_p: 0.5 } }),
  status: 200,
  shows: { name: "Two", top_p: 0.5, version: 2 },
  wrong: [
    withBody(
      "a prompt that is none",
      { prompt_id: "pr_none" },
      {
        ...{ status: 400, pointer: "/prompt_id" },
      },
    ),
  ],
};

/** The rows. */
export const agentRows: Rows = {
  "GET /v2/agents": { good: () => ({ query: "q=desk&limit=2" }), status: 200 },
  "POST /v2/agents": {
    good: () => ({ body: { name: "New", temperature: 0.5 } }),
    status: 201,
    shows: { name: "New", temperature: 0.5, version: 1, prompt_id: null },
  },
  [`GET ${one}`]: { good: ofAgent, status: 200, shows: { name: "Desk" } },
  [`PUT ${one}`]: changed,
  [`PATCH ${one}`]: changed,
  [`DELETE ${one}`]: { good: ofAgent, status: 204, conflict: [again(404, "NOT_FOUND")] },
  [`GET ${one}/sub-agents`]: {
    good: async (world) => ({ params: { id: (await subAgent(world)).agent } }),
    status: 200,
    shows: { data: [{ name: "Docs" }] },
  },
  [`POST ${one}/sub-agents`]: {
    good: async (world) => ({ ...(await ofAgent(world)), body: { name: "Billing" } }),
    status: 201,
    shows: { name: "Billing", priority: 100 },
  },
  [`GET ${sub}`]: { good: ofSub, status: 200, shows: { name: "Docs" } },
  [`PUT ${sub}`]: {
    good: async (world) => ({ ...(await ofSub(world)), body: { name: "New" } }),
    status: 200,
    shows: { name: "New", priority: 100 },
  },
  [`PATCH ${sub}`]: {
    good: async (world) => ({ ...(await ofSub(world)), body: { priority: 7 } }),
    status: 200,
    shows: { name: "Docs", priority: 7 },
  },
  [`DELETE ${sub}`]: { good: ofSub, status: 204, conflict: [again(404, "NOT_FOUND")] },
  [`GET ${one}/versions`]: {
    good: async (world) => ({ params: { id: (await twice(world)).params.id } }),
    status: 200,
    shows: { data: [{ version: 2, is_current: true }, { version: 1 }] },
  },
  [`GET ${one}/versions/{n}`]: {
    good: twice,
    status: 200,
    shows: { name: "Desk", version: 1, sub_agent_records: [] },
  },
  [`POST ${one}/versions`]: {
    good: async (world) => ({ ...(await ofAgent(world)), body: { name: "Draft" } }),
    status: 201,
    shows: { name: "Draft", version: 2 },
  },
  [`POST ${one}/versions/{n}/rollback`]: {
    good: twice,
    status: 200,
    shows: { name: "Desk", version: 3 },
  },
  [`PUT ${one}/canary`]: {
    good: async (world) => {
      const { params, draft } = await drafted(world);
      return { params, body: { version: draft, share: 0.5 } };
    },
    status: 200,
    wrong: [withBody("a version that is none", { version: 99 }, { status: [400, 404] })],
  },
  [`DELETE ${one}/canary`]: { good: onTrial, status: 200, shows: { name: "Desk" } },
  [`POST ${one}/canary/promote`]: {
    good: onTrial,
    status: 200,
    shows: { name: "Draft" },
    conflict: [again(409, "CONFLICT", "a promotion without a canary")],
  },
  [`POST ${one}/route`]: {
    good: async (world) => ({
      params: { id: (await subAgent(world)).agent },
      body: { message: "How do I export?" },
    }),
    status: 200,
    shows: { routing_info: { selected_action: "SUB_AGENT", action_name: "Docs" } },
    missing: [
      withBody("a conversation that is none", { conversation_key: "cv_none" }, { status: 404 }),
    ],
    conflict: "cannot: it changes nothing",
  },
  [`POST ${one}/history/search`]: {
    good: async (world) => ({
      params: { id: (await run(world)).agent },
      body: { query: "export" },
    }),
    status: 200,
    shows: { next_cursor: null },
    wrong: [
      withBody("a cursor that is none", { cursor: "x" }, { status: 400, pointer: "/cursor" }),
    ],
    conflict: "cannot: it changes nothing",
  },
};
