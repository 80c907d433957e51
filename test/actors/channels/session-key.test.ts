// Which session something belongs to: all of a place that the scope leaves, and nothing that runs into another.

import { expect, test } from "vitest";
import type { Place } from "../../../actors/channels/inbound.ts";
import { sessionId, sessionKey } from "../../../actors/channels/session-key.ts";

const room: Place = { conversation: "C1", thread: "t1", user: "ann", isDirect: false };
const id = (of: Partial<Place>, scope: "thread" | "conversation" | "user", channel = "ch_1") =>
  sessionId(sessionKey(channel, { ...room, ...of }, scope));

test("a scope takes its parts of a place and no others", () => {
  expect(id({ thread: "t2" }, "thread")).not.toBe(id({}, "thread"));
  expect(id({ user: "bob" }, "thread")).toBe(id({}, "thread"));
  expect(id({ thread: "t2", user: "bob" }, "conversation")).toBe(id({}, "conversation"));
  expect(id({ conversation: "C2", thread: "t2" }, "user")).toBe(id({}, "user"));
  expect(id({ user: "bob" }, "user")).not.toBe(id({}, "user"));
});

test("a person who is known has one session on all channels, by user alone", () => {
  const known = { user: "U1", person: "ann" };
  expect(id(known, "user", "ch_1")).toBe(id({ user: "+43", person: "ann" }, "user", "ch_2"));
  expect(id(known, "thread", "ch_1")).not.toBe(id(known, "thread", "ch_2"));
  // Nobody becomes a person by an id that a platform lets them have.
  expect(id({ user: "ann" }, "user", "ch_1")).not.toBe(id(known, "user", "ch_1"));
});

test("parts do not run into each other", () => {
  expect(id({ conversation: "C1t", thread: "1" }, "thread")).not.toBe(
    id({ conversation: "C1", thread: "t1" }, "thread"),
  );
  expect(id({ conversation: "C1", thread: "" }, "thread")).not.toBe(
    sessionId(sessionKey("ch_1", { conversation: "C1", isDirect: false }, "thread")),
  );
});
