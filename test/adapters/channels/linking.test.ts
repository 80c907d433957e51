// A code said on two channels makes both senders one person, once, and nobody else does.

import { expect, test } from "vitest";
import type { ChannelInput } from "../../../actors/channels/channel.ts";
import type { Inbound, MessageEvent } from "../../../actors/channels/inbound.ts";
import { type Linking, linkingOf, linkLimits } from "../../../adapters/channels/linking.ts";
import { link, linkId, type People, peopleOf } from "../../../adapters/channels/people.ts";
import { channelTables } from "../../../adapters/channels/tables.ts";
import { createSerial } from "../../../adapters/serial.ts";
import { memoryTables } from "../../http/memory-tables.ts";

const tenant = "tn_a";
let events = 0;

interface Channel {
  readonly say: (sender: string, text: string, more?: Partial<MessageEvent>) => Promise<string>;
  readonly personOf: (sender: string) => Promise<string | undefined>;
}

/** Two channels of a tenant, and the clock. */
function world() {
  const tables = memoryTables();
  const serial = createSerial();
  let nowMs = 1_000_000;
  const people = new Map<string, People>();
  const open = (id: string, kind = "slack", record: Partial<ChannelInput> = {}): Channel => {
    const kept = new Map<string, string>();
    const linking: Linking = linkingOf(
      {
        ...{ tables, serial, nowMs: () => nowMs },
        kept: {
          get: async (name) => kept.get(name) ?? null,
          update: async (name, change) => {
            const value = await change(kept.get(name) ?? null);
            kept.set(name, value);
            return value;
          },
        },
        forgetPeople: (channel) => people.get(channel)?.forget(),
      },
      { tenant, id, kind },
      { name: id, kind, agent: "ag_1", ...record },
    );
    people.set(id, peopleOf(tables, { tenant, id }));
    return {
      say: async (sender, text, more = {}) =>
        String(await linking.answer(said(sender, text, more))),
      personOf: async (sender) =>
        (await people.get(id)?.known(said(sender, "hello")))?.place.person,
    };
  };
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { tables, open, pass, slack: open("ch_slack"), mail: open("ch_mail") };
}

function said(user: string, text: string, more: Partial<MessageEvent> = {}): Inbound {
  events += 1;
  const sender = { id: user, isBot: false, isSelf: false, isAutomatic: false, isVerified: true };
  return {
    ...{ kind: "message", message: `m${events}`, text, dedupe: [`e${events}`], atMs: 0 },
    ...{ place: { conversation: user, user, isDirect: true }, address: {}, sender },
    ...more,
  };
}

const codeOf = (text: string): string => /`\/link ([0-9A-Z-]{11})`/.exec(text)?.[1] ?? "none";

test("a code said on another channel makes both senders one person, and /unlink undoes it", async () => {
  const { slack, mail, tables } = world();
  expect(await slack.personOf("ann")).toBeUndefined();
  const code = codeOf(await slack.say("ann", "/link"));
  const rows = JSON.stringify(await tables.list(tenant, channelTables.linkCodes, { limit: 9 }));

  expect(await mail.say("ann@example.test", `/link ${code.toLowerCase()}`)).toContain("one person");

  const person = await slack.personOf("ann");
  expect(person).toMatch(/^pn_/);
  expect(await mail.personOf("ann@example.test")).toBe(person);
  expect(rows).not.toContain(code.replace("-", ""));
  expect(await mail.say("ann@example.test", "/unlink")).toContain("on your own");
  expect(await mail.personOf("ann@example.test")).toBeUndefined();
  expect(await slack.personOf("ann")).toBe(person);
});

test("a code is used once, is over in time, and is none of its own channel", async () => {
  const { slack, mail, pass } = world();
  const first = codeOf(await slack.say("ann", "/link"));
  expect(await slack.say("ann", `/link ${first}`)).toContain("the channel that the code is of");
  expect(await slack.say("eve", `/link ${first}`)).toContain("the channel that the code is of");
  expect(await mail.say("a@x", `/link ${first}`)).toContain("one person");
  expect(await mail.say("eve@x", `/link ${first}`)).toContain("wrong, was used");
  expect(await mail.personOf("eve@x")).toBeUndefined();

  const late = codeOf(await slack.say("bob", "/link"));
  pass(linkLimits.codeMs);
  expect(await mail.say("b@x", `/link ${late}`)).toContain("is over");
  expect(await mail.personOf("b@x")).toBeUndefined();
});

test("what a platform delivers again is answered as before", async () => {
  const { slack, mail } = world();
  const asked = { dedupe: ["again"] };
  const code = codeOf(await slack.say("ann", "/link", asked));
  expect(codeOf(await slack.say("ann", "/link", asked))).toBe(code);
  const used = { dedupe: ["used"] };
  expect(await mail.say("a@x", `/link ${code}`, used)).toContain("one person");
  expect(await mail.say("a@x", `/link ${code}`, used)).toContain("one person");
  expect(codeOf(await slack.say("ann", "/link", asked))).toBe(code);
  expect(await mail.say("eve@x", `/link ${code}`)).toContain("wrong");
});

test("whoever guesses is not looked at any more, and a channel full of guessers neither", async () => {
  const { slack, mail, pass } = world();
  const code = codeOf(await slack.say("ann", "/link"));
  for (let at = 0; at < linkLimits.senderTries; at += 1) {
    expect(await mail.say("eve@x", `/link AAAAA-AAA${at}A`)).toContain("wrong");
  }
  expect(await mail.say("eve@x", `/link ${code}`)).toContain("Too many wrong codes");
  expect(await mail.say("a@x", "/link nonsense")).toContain("wrong");

  for (let at = linkLimits.senderTries + 1; at < linkLimits.channelTries; at += 1) {
    await mail.say(`eve${at}@x`, "/link AAAAA-AAAAA");
  }
  expect(await mail.say("new@x", `/link ${code}`)).toContain("Too many wrong codes");
  pass(linkLimits.triesMs);
  const fresh = codeOf(await slack.say("ann", "/link"));
  expect(await mail.say("a@x", `/link ${fresh}`)).toContain("one person");
}, 30_000);

test("before others nothing is linked, and a code that was said there is worth nothing", async () => {
  const { slack, mail } = world();
  const room = { place: { conversation: "room", user: "ann", isDirect: false } };
  expect(await slack.say("ann", "/link", room)).toContain("to me alone");
  const code = codeOf(await slack.say("ann", "/link"));
  expect(await mail.say("ann", `/link ${code}`, room)).toContain("to me alone");
  expect(await mail.say("ann", `/link ${code}`)).toContain("wrong");
});

test("who is not vouched for is not linked, nor on a channel where it is off", async () => {
  const { open, slack, mail, tables } = world();
  const nobody = said("x", "").sender;
  const forged = { sender: { ...nobody, isVerified: false } };
  expect(await mail.say("a@x", "/link", forged)).toContain("does not vouch");
  expect(await open("ch_sms", "sms").say("+1", "/link")).toBe("null");
  expect(await open("ch_sms", "sms", { linking: true }).say("+1", "/link")).toContain("`/link ");
  expect(await open("ch_off", "slack", { linking: false }).say("x", "/link")).toBe("null");
  expect(await slack.say("ann", "what is /link ?")).toBe("null");

  await link(tables, { tenant, channel: "ch_slack" }, { sender: "ann", person: "Ann" });
  expect(await slack.say("ann", "/unlink")).toContain("Your operator has linked you");
  const code = codeOf(await slack.say("ann", "/link"));
  await link(tables, { tenant, channel: "ch_mail" }, { sender: "b@x", person: "Ben" });
  expect(await mail.say("b@x", `/link ${code}`)).toContain("two people already");
  expect(await mail.say("a@x", `/link ${code}`)).toContain("one person");
  const row = await tables.get(tenant, channelTables.people, linkId("ch_mail", "a@x"));
  expect(row?.value).toEqual({ sender: "a@x", person: "Ann", by: "sender" });
});
