// Socket Mode: envelopes are acknowledged when they are stored and not before, connections follow each other,
// and a refused token is the end.

import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { Inbound } from "../../../../actors/channels/inbound.ts";
import type { Sink } from "../../../../adapters/channels/adapter.ts";
import { openAccount } from "../../../support/channels/slack-account.ts";
import { envelopeOf, messageOf } from "../../../support/channels/slack-sender.ts";
import { type SlackServer, startSlack } from "../../../support/channels/slack-server.ts";

let fake: SlackServer;
beforeAll(async () => {
  fake = await startSlack();
});
afterAll(async () => await fake.stop());

let running: { stop(): void; readonly ended: Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running) one.stop();
  await Promise.allSettled(running.map(({ ended }) => ended));
  running = [];
  await connected(0);
});

/** An account that listens, and what it has stored. */
function listening(appToken = "xapp-fake-1") {
  const { account, environment } = openAccount(fake, { app_token: appToken });
  const stored: Inbound[] = [];
  const states: string[] = [];
  const gate = { store: async (): Promise<void> => undefined };
  const sink: Sink = {
    cursor: async () => null,
    async commit(events) {
      await gate.store();
      stored.push(...events);
    },
    status: (state, detail) => states.push(detail === undefined ? state : `${state}: ${detail}`),
  };
  const stop = new AbortController();
  const ended = account.source?.(sink, stop.signal) ?? Promise.resolve();
  running.push({ ended, stop: () => stop.abort() });
  return { account, environment, stored, states, gate, ended };
}

/** The machine may be busy: what is waited for has its time. */
const until = (check: () => void) => vi.waitFor(check, { timeout: 20_000, interval: 5 });

const acknowledged = (id: string) => fake.acknowledged.find((one) => one.envelope_id === id);
const connected = async (count = 1) => await until(() => expect(fake.sockets.length).toBe(count));

test("events are acknowledged when they are stored, commands in words, presses in silence", async () => {
  const one = listening();
  await connected();
  let release = (): void => undefined;
  const begun = new Promise<void>((begin) => {
    one.gate.store = () => {
      begin();
      return new Promise((resolve) => {
        release = resolve;
      });
    };
  });

  const event = fake.deliver("events_api", envelopeOf(messageOf()));
  await begun;
  expect(acknowledged(event)).toBeUndefined();
  one.gate.store = async () => undefined;
  release();
  const command = fake.deliver("slash_commands", {
    ...{ command: "/status", text: "", team_id: "TTEAM1", channel_id: "CROOM1" },
    ...{ channel_name: "general", user_id: "UANNA1", trigger_id: "1.2.z" },
  });
  const press = fake.deliver("interactive", {
    ...{ type: "block_actions", team: { id: "TTEAM1" }, user: { id: "UANNA1" } },
    ...{ channel: { id: "CROOM1" }, message: { ts: "1700000000.000200" } },
    actions: [{ type: "button", action_id: "troupe_0", value: "ap_1.reject", action_ts: "1.1" }],
  });
  const other = fake.deliver("events_api", envelopeOf({ type: "reaction_added" }));
  await until(() => expect(acknowledged(other)).toBeDefined());

  expect(acknowledged(event)).toEqual({ envelope_id: event });
  expect(acknowledged(command)?.payload).toEqual({ response_type: "ephemeral", text: "On it." });
  expect(acknowledged(press)).toEqual({ envelope_id: press });
  expect(one.stored.map(({ kind }) => kind)).toEqual(["message", "command", "action"]);
});

test("what could not be stored is not acknowledged; who gave a command is told", async () => {
  const one = listening();
  await connected();
  one.gate.store = () => Promise.reject(new Error("The disk is full."));

  const event = fake.deliver("events_api", envelopeOf(messageOf()));
  const command = fake.deliver("slash_commands", {
    ...{ command: "/new", team_id: "TTEAM1", channel_id: "CROOM1" },
    ...{ user_id: "UANNA1", trigger_id: "1.2.y" },
  });
  await until(() => expect(acknowledged(command)).toBeDefined());

  expect(acknowledged(event)).toBeUndefined();
  expect(acknowledged(command)?.payload).toMatchObject({
    text: expect.stringContaining("try again"),
  });
  one.gate.store = async () => undefined;
  const again = fake.deliver("events_api", envelopeOf(messageOf()), { retry_attempt: 1 });
  await until(() => expect(acknowledged(again)).toBeDefined());
  expect(one.stored).toHaveLength(1);
});

test("the next connection is open before the last one goes, and one that breaks is opened again", async () => {
  const one = listening();
  await connected();
  const [first] = fake.sockets;

  first?.send(JSON.stringify({ type: "disconnect", reason: "warning" }));
  await connected(2);
  // What was on its way still comes by the old one.
  first?.send(
    JSON.stringify({ envelope_id: "old", type: "events_api", payload: envelopeOf(messageOf()) }),
  );
  await until(() => expect(acknowledged("old")).toBeDefined());
  first?.close();
  await connected(1);
  fake.sockets[0]?.terminate();
  await until(() => expect(one.states.at(-1)).toBe("connected"));
  await until(() => expect(fake.sockets.length).toBe(1));

  expect(one.stored).toHaveLength(1);
});

test("another server with the same app is told of (72)", async () => {
  const one = listening();
  await connected();
  const two = listening();
  await connected(2);

  await until(() => expect(two.states.at(-1)).toMatch(/^connected: Slack counts 2 .* 1 are open/));
  expect(one.states).toEqual(["connected"]);
});

test("frames that nobody understands change nothing", async () => {
  listening();
  await connected();
  for (const frame of ["", "{", "null", "[]", '{"type":"events_api"}', '{"__proto__":1}']) {
    fake.sockets[0]?.send(frame);
  }

  const event = fake.deliver("events_api", envelopeOf(messageOf()));
  await until(() => expect(acknowledged(event)).toBeDefined());
});

test("a refused token ends it; Slack being away does not", async () => {
  const wrong = listening("xapp-wrong");
  await expect(wrong.ended).rejects.toMatchObject({ code: "UNAUTHENTICATED" });

  fake.fault("apps.connections.open", { status: 503, body: "<html>" });
  const one = listening();
  await connected();

  expect(one.states[0]).toContain("disconnected: Slack's apps.connections.open: status 503");
  expect(one.states.join()).not.toContain("xapp");
});

test("the ticket of a connection is given to Slack's hosts alone", async () => {
  const address = { ok: true, url: "wss://wss-primary.slack.com.evil.example/link?ticket=t" };
  fake.fault("apps.connections.open", { body: JSON.stringify(address) });

  const one = listening();
  await connected();

  expect(one.states[0]).toContain("is not opened here");
});
