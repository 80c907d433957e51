// A message from a platform to its answer there: door, session, agent, lane, account.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { LaterGateway } from "../../adapters/channels/later-gateway.ts";
import { settleable } from "../../runtime/shared/settleable.ts";
import { lateChannels } from "../support/channels/late-channels.ts";
import { type RelayServer, startRelay } from "../support/channels/relay-server.ts";
import { type HttpHost, startHttpHost } from "../support/http-host.ts";

const SECRET = "the-secret-of-the-relay";
const WITHIN = { timeout: 20_000 };

let host: HttpHost;
let relay: RelayServer;
let gateway: LaterGateway;
let account = "";

beforeAll(async () => {
  relay = await startRelay(SECRET);
  const channels = lateChannels();
  host = await startHttpHost({
    channels: channels.port,
    routes: async ({ services }) => {
      gateway = services.gateway;
      channels.by(gateway.port);
      return [];
    },
  });
  const { body: agent } = await host.call("POST", "/v2/agents", {
    name: "Desk",
    model_name: "m-1",
  });
  const { body: channel } = await host.call("POST", "/v2/channels", {
    ...{ name: "Relay", kind: "relay", agent: agent.id, secrets: { signing_secret: SECRET } },
    settings: { api_url: relay.apiUrl },
  });
  account = channel.id;
});
afterAll(async () => {
  await host.stop();
  await relay.stop();
});
afterEach(() => {
  relay.answer = () => ({ status: 200 });
});

const deliver = (room: string, id: string, text = "How do I export?") =>
  relay.deliver(`${host.url}/gateway/relay/${account}`, { room, id, from: `of ${room}`, text });
const answersIn = (room: string) => relay.sent.filter((one) => one.room === room);

test("a message is answered once, however often it is delivered", async () => {
  const statuses = await Promise.all([1, 2, 3, 4].map(() => deliver("r1", "m1")));
  await expect.poll(() => answersIn("r1").length, WITHIN).toBe(1);
  statuses.push(await deliver("r1", "m1"));
  await deliver("r1", "m2", "And import?");
  await expect.poll(() => answersIn("r1").length, WITHIN).toBe(2);

  expect(statuses).toEqual([200, 200, 200, 200, 200]);
  expect(answersIn("r1").map(({ text }) => text)).toEqual([
    ...["You can export from Settings.", "You can export from Settings."],
  ]);
  expect(new Set(answersIn("r1").map(({ key }) => key)).size).toBe(2);
});

test("a conversation that the platform is slow for holds up no other", async () => {
  const slow = settleable<{ readonly status: number }>();
  relay.answer = ({ room }) => (room === "slow" ? slow.promise : { status: 200 });

  await deliver("slow", "s1");
  await Promise.all(["f1", "f2", "f3"].map((room) => deliver(room, room)));
  for (const room of ["f1", "f2", "f3"]) {
    await expect.poll(() => answersIn(room).length, WITHIN).toBe(1);
  }
  expect(answersIn("slow")).toEqual([]);
  slow.resolve({ status: 200 });

  await expect.poll(() => answersIn("slow").length, WITHIN).toBe(1);
});

test("an account that cannot be opened says why and harms no other", async () => {
  const { body: channel } = await host.call("GET", `/v2/channels/${account}`);
  const { name, kind, agent, settings } = channel;
  const secrets = { signing_secret: "a-secret-of-its-own" };
  const body = { name: `${name} 2`, kind, agent, settings, secrets };
  const { id } = (await host.call("POST", "/v2/channels", body)).body;
  const row = await host.system.tables.get(host.tenant, "channels", id);
  const { record, ...rest } = (row?.value ?? {}) as { readonly record?: object };
  // As a record of an earlier version of the adapter may be.
  const value = { ...rest, record: { ...record, kind: "gone" } };
  await host.system.tables.write(host.tenant, [{ type: "put", table: "channels", id, value }]);
  await gateway.changed(host.tenant, id);

  const status = await host.call("GET", `/v2/channels/${id}/status`);
  const check = await host.call("POST", `/v2/channels/${id}/check`);
  const statuses = [
    await relay.deliver(`${host.url}/gateway/gone/${id}`, {}),
    await deliver("r9", "m9"),
  ];

  expect(status.body).toMatchObject({
    ...{ state: "failed", last_error: { message: expect.stringContaining('"gone"') } },
  });
  expect(check.body).toMatchObject({ ok: false, findings: [{ ok: false }] });
  expect(statuses).toEqual([503, 200]);
  await expect.poll(() => answersIn("r9").length, WITHIN).toBe(1);
});
