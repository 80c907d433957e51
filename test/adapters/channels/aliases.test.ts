// Ids that change: the session that knew the old one goes on (case 45).

import { expect, test } from "vitest";
import type { IdentityEvent, Inbound } from "../../../actors/channels/inbound.ts";
import { aliasesOf } from "../../../adapters/channels/aliases.ts";
import { createSerial } from "../../../adapters/serial.ts";
import { memoryTables } from "../../http/memory-tables.ts";

const sender = { id: "x", isBot: false, isSelf: false, isAutomatic: true, isVerified: true };

function change(from: string, to: string, of: IdentityEvent["of"] = "user"): IdentityEvent {
  const place = { conversation: from, user: from, isDirect: true };
  const event = { dedupe: [`${from}>${to}`], place, address: {}, sender, atMs: 0 };
  return { kind: "identity", of, from, to, ...event };
}

function said(user: string, isDirect = true): Inbound {
  const place = { conversation: isDirect ? user : "room", user, isDirect };
  const of = { dedupe: ["m"], place, address: {}, sender, atMs: 0 };
  return { kind: "message", message: "m", text: "", ...of };
}

const open = (tables = memoryTables(), id = "ch_1") =>
  aliasesOf({ tables, serial: createSerial() }, { tenant: "tn_a", id });

test("what comes under a new id is of the session that knows the old one, over several changes", async () => {
  const tables = memoryTables();
  const aliases = open(tables);
  await aliases.learn(change("a", "b"));
  await aliases.learn(change("b", "c"));

  for (const user of ["a", "b", "c"]) {
    expect((await aliases.resolved(said(user))).place).toMatchObject({
      conversation: "a",
      user: "a",
    });
  }
  expect((await open(tables).resolved(said("c"))).place.user).toBe("a");
  expect((await aliases.resolved(said("c", false))).place).toMatchObject({
    ...{ conversation: "room", user: "a" },
  });
});

test("no order of changes makes a circle", async () => {
  const aliases = open();
  for (const [from, to] of [
    ["a", "b"],
    ["b", "a"],
    ["c", "a"],
    ["a", "c"],
    ["b", "c"],
    ["a", "a"],
  ] as const) {
    await aliases.learn(change(from, to));
  }

  const roots = new Set<string | undefined>();
  for (const user of ["a", "b", "c"]) roots.add((await aliases.resolved(said(user))).place.user);
  expect(roots.size).toBe(1);
});

test("another account knows nothing of it, and a conversation's alias is none of a user", async () => {
  const tables = memoryTables();
  await open(tables).learn(change("room", "room2", "conversation"));

  const event: Inbound = {
    ...said("u", false),
    place: { conversation: "room2", user: "room2", isDirect: false },
  };
  expect((await open(tables).resolved(event)).place).toEqual({
    ...{ conversation: "room", user: "room2", isDirect: false },
  });
  expect((await open(tables, "ch_2").resolved(event)).place.conversation).toBe("room2");
});
