// Discord's Gateway: messages are heard in order, a lost connection and a restart lose none, what could not be
// stored comes again, and a refusal that nothing helps is the end.

import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { ChannelData, Inbound } from "../../../../actors/channels/inbound.ts";
import type { Sink } from "../../../../adapters/channels/adapter.ts";
import { openDiscord } from "../../../support/channels/discord-account.ts";
import {
  BOT,
  commandOf,
  type DiscordServer,
  newId,
  startDiscord,
} from "../../../support/channels/discord-server.ts";

let fake: DiscordServer;
beforeAll(async () => {
  fake = await startDiscord();
});
afterAll(async () => await fake.stop());

let running: { stop(): void; readonly ended: Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running) one.stop();
  await Promise.allSettled(running.map(({ ended }) => ended));
  running = [];
  await until(() => expect(fake.gateway.sockets).toHaveLength(0));
  Object.assign(fake.gateway, { heartbeatMs: 41_250, answersBeats: true, closesWith: null });
  fake.gateway.heard.length = 0;
});

/** The machine may be busy: what is waited for has its time. */
const until = (check: () => void) => vi.waitFor(check, { timeout: 20_000, interval: 5 });

/** An account that listens, and what it has stored. @param cursor of an account before it. */
function listening(settings: object = {}, cursor: ChannelData | null = null) {
  const { account, environment } = openDiscord(fake, { gateway: true, ...settings });
  const stored: Inbound[] = [];
  const states: string[] = [];
  const disk = { cursor, store: async (): Promise<void> => undefined };
  const sink: Sink = {
    cursor: async () => disk.cursor,
    async commit(events, next) {
      await disk.store();
      stored.push(...events);
      disk.cursor = next;
    },
    status: (state, detail) => states.push(detail === undefined ? state : `${state}: ${detail}`),
  };
  const stop = new AbortController();
  const ended = account.source?.(sink, stop.signal) ?? Promise.resolve();
  ended.catch(() => undefined);
  const one = { ended, stop: () => stop.abort() };
  running.push(one);
  const texts = () => stored.map((event) => ("text" in event ? event.text : event.kind));
  return { ...one, environment, stored, states, disk, texts };
}

const connected = async () => await until(() => expect(fake.gateway.sockets).toHaveLength(1));
const anna = { id: "700", username: "anna", global_name: "Anna" };
const message = (content: string, more: object = {}) => ({
  ...{ id: newId(), channel_id: "500", guild_id: "400", type: 0, author: anna, content },
  ...{ mentions: [], attachments: [], ...more },
});
const ops = () => fake.gateway.heard.map(({ op }) => op);

test("messages, edits and deletions are heard as what they are", async () => {
  const { stored } = listening();
  await connected();
  const us = { id: BOT.id, username: "troupe" };
  const file = { id: "9", url: "https://cdn.discordapp.com/attachments/1/2/a.pdf", filename: "a" };
  const named = message(`<@${BOT.id}> hello <@701> <:wave:123>`, {
    ...{ mentions: [us, { id: "701", username: "ben" }], attachments: [file] },
  });
  const tell = (name: string, data: object) => fake.gateway.tell(name, data);

  tell("MESSAGE_CREATE", named);
  tell("MESSAGE_CREATE", message("to nobody"));
  tell("MESSAGE_CREATE", message("reply", { type: 19, referenced_message: { author: us } }));
  tell("MESSAGE_CREATE", message("direct", { guild_id: undefined }));
  tell("MESSAGE_CREATE", message("echo", { author: { ...us, bot: true } }));
  tell("MESSAGE_CREATE", message("pinned", { type: 6 }));
  tell("MESSAGE_UPDATE", { ...named, embeds: [{}], edited_timestamp: null });
  tell("MESSAGE_UPDATE", {
    ...named,
    content: "changed",
    edited_timestamp: "2026-01-01T00:00:00Z",
  });
  tell("MESSAGE_DELETE", { id: named.id, channel_id: "500", guild_id: "400" });
  tell("MESSAGE_DELETE_BULK", { ids: ["1", "2"], channel_id: "500", guild_id: "400" });
  await until(() => expect(stored).toHaveLength(9));

  const kinds = stored.map(({ kind }) => kind);
  expect(kinds.slice(5)).toEqual(["edit", "delete", "delete", "delete"]);
  expect(stored.slice(0, 5)).toMatchObject([
    { text: "hello @ben :wave:", isMention: true, files: [{ id: "9" }], sender: { name: "Anna" } },
    { text: "to nobody", isMention: false, place: { conversation: "500", isDirect: false } },
    { text: "reply", isMention: true },
    { text: "direct", place: { isDirect: true } },
    { text: "echo", sender: { isSelf: true, isBot: true } },
  ]);
  expect(stored[5]).toMatchObject({ text: "changed", message: named.id });
  expect(stored[6]).toMatchObject({ message: named.id, sender: { id: "700" } });
  const said = fake.gateway.heard.find(({ op }) => op === 2)?.d;
  expect(said).toMatchObject({ intents: (1 << 9) | (1 << 12) });
});

test("a lost connection and a restart go on behind the last message that was stored", async () => {
  const one = listening();
  await connected();
  fake.gateway.tell("MESSAGE_CREATE", message("first"));
  await until(() => expect(one.texts()).toEqual(["first"]));
  const [lost] = fake.gateway.sockets;
  lost?.terminate();
  fake.gateway.tell("MESSAGE_CREATE", message("meanwhile"));
  await until(() => expect(one.texts()).toEqual(["first", "meanwhile"]));
  one.stop();
  await one.ended;
  await until(() => expect(fake.gateway.sockets).toHaveLength(0));
  fake.gateway.tell("MESSAGE_CREATE", message("while it was down"));
  const two = listening({}, one.disk.cursor);
  await until(() => expect(two.texts()).toEqual(["while it was down"]));

  expect(ops().filter((op) => op === 2)).toHaveLength(1);
  expect(ops().filter((op) => op === 6)).toHaveLength(2);
});

test("what could not be stored comes again, and nothing overtakes it", async () => {
  const one = listening();
  await connected();
  let refusals = 0;
  one.disk.store = async () => {
    refusals += 1;
    if (refusals === 1) throw new Error("The disk is full.");
  };

  fake.gateway.tell("MESSAGE_CREATE", message("one"));
  fake.gateway.tell("MESSAGE_CREATE", message("two"));
  await until(() => expect(one.texts()).toEqual(["one", "two"]));
});

test("a session that is forgotten is begun anew, and beats when it is asked to", async () => {
  listening();
  await connected();
  fake.gateway.forget();
  fake.gateway.sockets[0]?.terminate();
  await until(() => expect(ops().filter((op) => op === 2)).toHaveLength(2));
  await connected();

  fake.gateway.sockets[0]?.send('{"op":1,"d":null}');
  await until(() => expect(ops()).toContain(1));
});

test("a connection that has fallen silent is left, and the session goes on", async () => {
  Object.assign(fake.gateway, { heartbeatMs: 60, answersBeats: false });
  const one = listening();
  await until(() => expect(one.states.join()).toContain("fallen silent"));
  fake.gateway.answersBeats = true;
  fake.gateway.tell("MESSAGE_CREATE", message("still here"));
  await until(() => expect(one.texts()).toEqual(["still here"]));

  expect(ops().filter((op) => op === 2)).toHaveLength(1);
});

test("connections that are over at once are opened again ever later, the session goes on", async () => {
  const began = Date.now();
  const one = listening();
  for (let i = 0; i < 3; i += 1) {
    await connected();
    fake.gateway.sockets[0]?.terminate();
    await until(() =>
      expect(one.states.filter((state) => state !== "connected")).toHaveLength(i + 1),
    );
  }
  await connected();

  // One at once, then after 1 s and 2 s.
  expect(Date.now() - began).toBeGreaterThan(2_900);
  expect(ops().filter((op) => op === 2)).toHaveLength(1);
});

test("frames that nobody understands change nothing", async () => {
  const one = listening();
  await connected();
  const frames = ["", "{", "null", "[]", '{"op":0}', '{"op":"x"}', '{"op":0,"t":"MESSAGE_CREATE"}'];
  for (const frame of frames) fake.gateway.sockets[0]?.send(frame);

  fake.gateway.tell("MESSAGE_CREATE", message("half \ud83d"));
  await until(() => expect(one.texts()).toEqual(["half \ufffd"]));
});

test("without an endpoint commands come by the Gateway, and are taken by a call", async () => {
  const one = listening({ public_key: undefined });
  await connected();
  fake.gateway.tell("INTERACTION_CREATE", commandOf("ask", "Well?"));
  await until(() => expect(one.texts()).toEqual(["Well?"]));
  const callbacks = () => fake.calls.filter(({ path }) => path.endsWith("/callback"));
  await until(() => expect(callbacks()).toHaveLength(1));
  one.disk.store = () => Promise.reject(new Error("The disk is full."));
  fake.gateway.tell("INTERACTION_CREATE", commandOf("stop"));
  await until(() => expect(callbacks()).toHaveLength(2));

  expect(callbacks().map(({ body }) => body["type"])).toEqual([5, 4]);
});

test("a refusal that nothing helps is the end, and says what to do", async () => {
  const wrong = listening({ bot_token: "MTIz.wrong" });
  await expect(wrong.ended).rejects.toMatchObject({ code: "UNAUTHENTICATED" });

  fake.gateway.closesWith = 4_014;
  const intents = listening({ message_content: true });
  await expect(intents.ended).rejects.toMatchObject({
    message: expect.stringContaining("Message Content Intent"),
  });

  expect(JSON.stringify([wrong.states, wrong.environment.lines])).not.toContain("MTIz.wrong");
});
