// Rows of memories.

import { agent, memory } from "../makers.ts";
import { again, type Row, type Rows, withQuery } from "../row.ts";
import type { World } from "../world.ts";

const list = "/v2/memories";
const one = `${list}/{me}`;
const ofMemory = async (world: World) => ({ params: { me: (await memory(world)).me } });
const ofAgent = async (world: World) => ({ query: `agent_key=${(await memory(world)).agent}` });
const longUser = withQuery(`user_key=${"u".repeat(129)}`, {
  ...{ code: "INVALID", parameter: "user_key" },
});
const changed: Row = {
  good: async (world) => ({
    ...(await ofMemory(world)),
    body: { text: "Ann likes long answers." },
  }),
  status: 200,
  shows: { text: "Ann likes long answers.", version: 2 },
};

/** The rows. */
export const memoryRows: Rows = {
  [`GET ${list}`]: {
    good: ofAgent,
    status: 200,
    shows: { data: [{ text: "Ann likes short answers." }] },
    wrong: [longUser, withQuery("q=short", { code: "INVALID", parameter: "agent_key" })],
  },
  [`POST ${list}`]: {
    good: async (world) => ({
      body: { agent_key: await agent(world), user_key: "ann", text: "Ann is in Rome." },
    }),
    status: 201,
    shows: { text: "Ann is in Rome.", written_by: "api" },
  },
  [`DELETE ${list}`]: {
    good: ofAgent,
    status: 200,
    shows: { deleted: 1 },
    wrong: [longUser, withQuery("", { code: "INVALID", parameter: "user_key" })],
    foreign: { status: 200, shows: { deleted: 0 } },
    missing: [
      {
        ...{ what: "an agent that is none", status: 200 },
        sent: () => ({ query: "agent_key=ag_none" }),
      },
    ],
    conflict: "cannot: that all are gone is what was wanted",
  },
  [`GET ${list}/export`]: { good: ofAgent, status: 200, shows: /^\{"id":"me_/, wrong: [longUser] },
  [`GET ${one}`]: { good: ofMemory, status: 200, shows: { user_key: "ann", version: 1 } },
  [`PUT ${one}`]: changed,
  [`PATCH ${one}`]: changed,
  [`DELETE ${one}`]: {
    good: ofMemory,
    status: 204,
    conflict: [again(404, "NOT_FOUND")],
  },
};
