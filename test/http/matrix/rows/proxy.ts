// Rows of document 001's surface and of OpenAI's own protocol.

import { expect } from "vitest";
import { agent, run, subAgent, waitingGraph } from "../makers.ts";
import {
  again,
  type Cannot,
  type Fields,
  type Row,
  type Rows,
  withBody,
  withQuery,
} from "../row.ts";
import type { Sent } from "../sent.ts";
import type { World } from "../world.ts";

const path = "/v1/proxy/core-agent";
const newest: Cannot = "cannot: it changes the newest version, whichever that is";
const listed = { status: "success", data: expect.any(Array) };
const gone = [again(404, "NOT_FOUND")];
const wrongPage = [
  withQuery("limit=0", { code: "INVALID", parameter: "limit" }),
  withQuery("cursor=x", { code: "INVALID", parameter: "cursor" }),
];

const ofAgent = async (world: World) => ({ params: { agent_key: await agent(world) } });
const ofSub = async (world: World) => {
  const { agent: agent_key, sa: sub_agent_key } = await subAgent(world);
  return { params: { agent_key, sub_agent_key } };
};

const update: Row = {
  good: async (world) => ({ ...(await ofAgent(world)), body: { name: "Two", temperature: 0.2 } }),
  status: 200,
  shows: { status: "success", data: { name: "Two", temperature: 0.2 }, cost: { tokens: 0.5 } },
  conflict: newest,
};
const updateSub: Row = {
  good: async (world) => ({ ...(await ofSub(world)), body: { priority: 7 } }),
  status: 200,
  shows: { data: { name: "Docs", priority: 7 } },
  conflict: newest,
};

const messageTo = async (world: World): Promise<Fields> => ({
  model: `agent:${await agent(world)}`,
  messages: [{ role: "user", content: "export?" }],
});
const wrongMessages = [
  withBody(
    "a role that is none",
    { messages: [{ role: "oracle", content: "a" }] },
    { status: 400, code: "INVALID", pointer: "/messages/0/role" },
  ),
  withBody(
    "a block that has no text",
    { messages: [{ role: "user", content: [{ type: "search_result" }] }] },
    { status: 400, code: "INVALID", pointer: "/messages/0/content/0/type" },
  ),
  {
    ...{ what: "a version that is none", status: 400, code: "INVALID" },
    sent: (good: Sent): Sent => ({ ...good, headers: { "anthropic-version": "2020-01-01" } }),
  },
];

/** The rows. */
export const proxyRows: Rows = {
  [`POST ${path}-create`]: {
    good: () => ({ body: { name: "Support", agent_type: "supervisor" } }),
    status: 200,
    shows: { status: "success", data: { name: "Support" }, cost: { tokens: 1 } },
  },
  [`GET ${path}s`]: { good: () => ({}), status: 200, shows: listed, wrong: wrongPage },
  [`GET ${path}-details/{agent_key}`]: {
    good: ofAgent,
    status: 200,
    shows: { data: { name: "Desk", graph_definition: null } },
  },
  [`DELETE ${path}-delete/{agent_key}`]: {
    good: ofAgent,
    status: 200,
    shows: { data: { deleted: true, sub_agents_deleted: 0 } },
    conflict: gone,
  },
  [`PUT ${path}-update/{agent_key}`]: update,
  [`PATCH ${path}-update/{agent_key}`]: update,
  [`PUT ${path}-graph/{agent_key}`]: {
    good: async (world) => ({
      ...(await ofAgent(world)),
      body: { graph_definition: waitingGraph, entry_node: "wait" },
    }),
    status: 200,
    shows: { data: { entry_node: "wait" } },
    wrong: [
      withBody("a node that is none", { entry_node: "no" }, { status: 400, code: "GRAPH_INVALID" }),
    ],
    conflict: newest,
  },
  [`GET ${path}-subagents/{agent_key}`]: {
    good: async (world) => ({ params: { agent_key: (await subAgent(world)).agent } }),
    status: 200,
    shows: { data: [{ name: "Docs" }] },
  },
  [`POST ${path}-subagent-create/{agent_key}`]: {
    good: async (world) => ({ ...(await ofAgent(world)), body: { name: "Billing" } }),
    status: 200,
    shows: { data: { name: "Billing" } },
  },
  [`PUT ${path}-subagent-update/{agent_key}/{sub_agent_key}`]: updateSub,
  [`PATCH ${path}-subagent-update/{agent_key}/{sub_agent_key}`]: updateSub,
  [`DELETE ${path}-subagent-delete/{agent_key}/{sub_agent_key}`]: {
    good: ofSub,
    status: 200,
    shows: { data: { deleted: true } },
    conflict: gone,
  },
  [`POST ${path}-chat`]: {
    good: async (world) => ({ body: { agent_key: await agent(world), message: "export?" } }),
    status: 200,
    shows: { data: { response: "You can export from Settings." } },
  },
  [`GET ${path}-conversations`]: {
    good: async (world) => ({ query: `agent_key=${(await run(world)).agent}` }),
    status: 200,
    shows: { status: "success", data: [{ conversation_key: expect.stringMatching(/^cv_/) }] },
    wrong: [withQuery("", { code: "INVALID", parameter: "agent_key" })],
    missing: [withQuery("agent_key=ag_none", { status: 404, code: "NOT_FOUND" })],
  },
  [`GET ${path}-conversation-details/{conversation_key}`]: {
    good: async (world) => ({ params: { conversation_key: (await run(world)).cv } }),
    status: 200,
    shows: { data: { messages: [{ role: "user" }, { role: "assistant" }] } },
  },
  [`DELETE ${path}-conversation-delete/{conversation_key}`]: {
    good: async (world) => ({ params: { conversation_key: (await run(world)).cv } }),
    status: 200,
    shows: { data: { deleted: true } },
    conflict: gone,
  },
  "POST /v1/chat/completions": {
    good: async (world) => ({
      body: {
        model: `agent:${await agent(world)}`,
        messages: [{ role: "user", content: "export?" }],
      },
    }),
    status: 200,
    shows: { object: "chat.completion", choices: [{ message: { role: "assistant" } }] },
    wrong: [
      withBody(
        "a role that is none",
        { messages: [{ role: "oracle" }] },
        {
          ...{ status: 400, pointer: "/messages[0]/role" },
        },
      ),
    ],
  },
  "POST /v1/messages": {
    good: async (world) => ({
      body: { ...(await messageTo(world)), max_tokens: 100 },
    }),
    status: 200,
    shows: { type: "message", role: "assistant", stop_reason: "end_turn" },
    wrong: [
      ...wrongMessages,
      withBody(
        "a top_k that is no number",
        { top_k: "many" },
        { status: 400, code: "INVALID", pointer: "/top_k" },
      ),
    ],
  },
  "POST /v1/messages/count_tokens": {
    good: async (world) => ({ body: await messageTo(world) }),
    status: 200,
    shows: { input_tokens: expect.any(Number) },
    wrong: wrongMessages,
    conflict: "cannot: it changes nothing",
  },
  "POST /v1/embeddings": {
    good: () => ({ body: { model: "embedder:builtin", input: ["one", "two"] } }),
    status: 200,
    shows: { object: "list", data: [{ index: 0 }, { index: 1 }] },
    conflict: "cannot: it changes nothing",
    wrong: [
      withBody("tokens", { input: [1, 2] }, { status: 400, pointer: "/input" }),
      withBody("other dimensions", { dimensions: 7 }, { status: 400, pointer: "/dimensions" }),
    ],
    missing: [
      withBody("an unknown model", { model: "embedder:none" }, { status: 404, pointer: "/model" }),
    ],
  },
  "GET /v1/models": { good: () => ({}), status: 200, shows: { object: "list" } },
  "GET /v1/models/{id}": {
    good: async (world) => ({ params: { id: `agent:${await agent(world)}` } }),
    status: 200,
    shows: { object: "model", name: "Desk" },
  },
};
