// Rows of what channels have beside their records, and of where platforms deliver.

import { expect, vi } from "vitest";
import { type Delivery, deliveriesTable } from "../../../../actors/channels/delivery-row.ts";
import type { MessageEvent } from "../../../../actors/channels/inbound.ts";
import type { LaneMessage } from "../../../../actors/channels/lane.ts";
import { laneAddress, laneId } from "../../../../actors/channels/session-key.ts";
import { inboundMessage } from "../../../../actors/channels/session-message.ts";
import { park } from "../../../../adapters/channels/parked.ts";
import { addressParts } from "../../../../runtime/address.ts";
import { newId } from "../../../../runtime/id.ts";
import { agent } from "../makers.ts";
import { type Row, type Rows, withBody, withQuery } from "../row.ts";
import type { World } from "../world.ts";

const settings = { api_url: "http://127.0.0.1:9/messages" };

async function channel(world: World): Promise<string> {
  const of = await agent(world);
  const body = { name: "Door", kind: "quiet", agent: of, settings };
  return (await world.make("POST", "/v2/channels", body)).id;
}

/** A channel, and a delivery of it that has not arrived. */
async function undelivered(world: World): Promise<Readonly<Record<"id" | "dv", string>>> {
  const id = await channel(world);
  const dv = newId("dv", Date.now());
  const delivery: Delivery = {
    ...{ id: dv, channel: id, session: null, address: { room: "r" }, outgoing: { text: "hi" } },
    ...{ about: { type: "notice" as const }, createdAtMs: 1_000, deliverByMs: 2_000 },
  };
  const message: LaneMessage = { type: "deliver", delivery, refused: "for this test" };
  const { system, tenant } = world.host;
  await system.send(laneAddress(tenant, laneId(id, dv)), message);
  await vi.waitFor(async () =>
    expect(await system.tables.get(tenant, deliveriesTable, dv)).toBeDefined(),
  );
  return { id, dv };
}

/** A channel, and a session of it in which somebody has spoken. */
async function session(world: World): Promise<Readonly<Record<"id" | "cs", string>>> {
  const id = await channel(world);
  const { system, tenant } = world.host;
  const place = { conversation: "r", user: "u", isDirect: true };
  const sender = { id: "u", isBot: false, isSelf: false, isAutomatic: false, isVerified: true };
  const event: MessageEvent = {
    kind: "message",
    ...{ message: "m", text: "/help", dedupe: ["m"], atMs: 0 },
    ...{ place, sender, address: { room: "r" } },
  };
  const of = { tenant, channel: id, scope: "conversation" } as const;
  const { to, message } = inboundMessage(of, event, { dedupeHours: 1 });
  await system.ask(to, message);
  return { id, cs: addressParts(to).root };
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
  "POST /v2/channels/check": {
    good: async (world) => ({
      body: { name: "Door", kind: "quiet", agent: await agent(world), settings },
    }),
    status: 200,
    shows: { ok: false, findings: [{ text: "Nobody listens.", help: expect.any(String) }] },
    conflict: "cannot: a look changes nothing",
    wrong: [
      withBody(
        "an agent that is not there",
        { agent: "ag_0" },
        { ...{ status: 400, code: "INVALID", pointer: "/agent" } },
      ),
    ],
  },
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
  "GET /v2/channels/{id}/deliveries": {
    good: async (world) => ({
      params: { id: (await undelivered(world)).id },
      query: "status=failed",
    }),
    status: 200,
    shows: { data: [{ status: "failed", reason: "for this test", text: "hi", about: "notice" }] },
    wrong: [withQuery("status=lost", { code: "INVALID", parameter: "status" })],
  },
  "GET /v2/channels/{id}/deliveries/{dv}": {
    good: async (world) => ({ params: await undelivered(world) }),
    status: 200,
    shows: { status: "failed", run_id: null, receipts: [] },
  },
  "POST /v2/channels/{id}/deliveries/{dv}/retry": {
    good: async (world) => ({ params: await undelivered(world) }),
    status: 202,
    shows: { replays: 1 },
    conflict: "cannot: it may have failed again by then; test/actors/channels has one that is sent",
  },
  "POST /v2/channels/{id}/sessions/{cs}/messages": {
    good: async (world) => ({
      params: await session(world),
      body: {
        text: "It is ready.",
        files: [{ name: "a.txt", media_type: "text/plain", data: "aGk=" }],
      },
    }),
    status: 202,
    shows: { delivery: expect.stringMatching(/^dv_/) },
    conflict: "cannot: it is said again",
    wrong: [
      withBody(
        "data that is no base64",
        { files: [{ name: "a", media_type: "text/plain", data: "*" }] },
        {
          ...{ status: 400, code: "INVALID", pointer: "/files/0/data" },
        },
      ),
    ],
  },
  "GET /v2/channels/{id}/parked": {
    good: async (world) => {
      const id = await channel(world);
      const { system, tenant } = world.host;
      await park(system.tables, { tenant, id }, [{ reason: "Not read.", raw: "{}" }], 1_000);
      return { params: { id } };
    },
    status: 200,
    shows: { data: [{ at: "1970-01-01T00:00:01.000Z", reason: "Not read.", raw: "{}" }] },
  },
  "GET /v2/channels/{id}/people": {
    good: async (world) => ({ params: { id: await channel(world) } }),
    status: 200,
    shows: { data: [] },
  },
  "PUT /v2/channels/{id}/people/{sender}": {
    good: async (world) => ({
      params: { id: await channel(world), sender: "U1" },
      body: { person: "ann" },
    }),
    free: ["sender"],
    status: 200,
    shows: { sender: "U1", person: "ann" },
    conflict: "cannot: the last word counts",
  },
  "DELETE /v2/channels/{id}/people/{sender}": {
    good: async (world) => ({ params: { id: await channel(world), sender: "U1" } }),
    free: ["sender"],
    status: 204,
    conflict: "cannot: it is gone already",
  },
  "PUT /v2/gateways/{gateway}/instances/{instance}": {
    good: async () => ({
      params: { gateway: "desk", instance: "one" },
      body: { channels: ["Door"], alone: true },
    }),
    free: ["gateway", "instance"],
    status: 200,
    shows: { known: expect.any(Boolean), gateways: ["desk"], paused: [] },
    conflict: "cannot: the last word counts",
    foreign: "cannot: each tenant has gateways of its own",
  },
  "DELETE /v2/gateways/{gateway}/instances/{instance}": {
    good: async () => ({ params: { gateway: "desk", instance: "one" } }),
    free: ["gateway", "instance"],
    status: 204,
    conflict: "cannot: it is gone already",
    foreign: "cannot: each tenant has gateways of its own",
  },
  "GET /v2/channels/{id}/sessions": {
    good: async (world) => ({ params: { id: await channel(world) } }),
    status: 200,
    shows: { data: [] },
  },
  [`GET ${path}`]: delivery("GET"),
  [`POST ${path}`]: delivery("POST"),
  [`GET ${path}/{rest}`]: delivery("GET", { rest: "a" }),
  [`POST ${path}/{rest}`]: delivery("POST", { rest: "a" }),
  [`GET ${path}/{rest}/{more}`]: delivery("GET", { rest: "a", more: "b" }),
  [`POST ${path}/{rest}/{more}`]: delivery("POST", { rest: "a", more: "b" }),
};
