// Rows of what channels have beside their records, and of where platforms deliver.

import { expect } from "vitest";
import { agent } from "../makers.ts";
import type { Row, Rows } from "../row.ts";
import type { World } from "../world.ts";

const settings = { api_url: "http://127.0.0.1:9/messages" };

async function channel(world: World): Promise<string> {
  const of = await agent(world);
  const body = { name: "Door", kind: "quiet", agent: of, settings };
  return (await world.make("POST", "/v2/channels", body)).id;
}

/** Nothing of it is this server's to judge: what an adapter has is its own. */
const delivery = (method: string, below: Readonly<Record<string, string>> = {}): Row => ({
  good: async (world) => ({
    params: { kind: "quiet", account: await channel(world), ...below },
    ...(method === "POST" && { body: {} }),
  }),
  free: ["kind", "account", "rest", "more"],
  status: 200,
  shows: /quiet/,
  conflict: "cannot: what comes again is taken again",
});

const path = "/gateway/{kind}/{account}";

/** The rows. */
export const channelRows: Rows = {
  "POST /v2/channels/{id}/check": {
    good: async (world) => ({ params: { id: await channel(world) } }),
    status: 200,
    shows: { ok: false, findings: [{ help: expect.any(String) }] },
    conflict: "cannot: a look changes nothing",
  },
  "GET /v2/channels/{id}/status": {
    good: async (world) => ({ params: { id: await channel(world) } }),
    status: 200,
    shows: { state: "open", connection: null },
  },
  [`GET ${path}`]: delivery("GET"),
  [`POST ${path}`]: delivery("POST"),
  [`GET ${path}/{rest}`]: delivery("GET", { rest: "a" }),
  [`POST ${path}/{rest}`]: delivery("POST", { rest: "a" }),
  [`GET ${path}/{rest}/{more}`]: delivery("GET", { rest: "a", more: "b" }),
  [`POST ${path}/{rest}/{more}`]: delivery("POST", { rest: "a", more: "b" }),
};
