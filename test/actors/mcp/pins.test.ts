// What was said of tools when they were first offered, and what is said now.

import { expect, test } from "vitest";
import { comparePins, type Pins } from "../../../actors/mcp/pins.ts";

const pin = (hash: string) => ({ description: "", parameters: {}, hash });
const now = (hash: string, version = 1) => ({ version, tools: { add: pin(hash) } });

test("what is first said is kept; the same again changes nothing", () => {
  const first = comparePins(undefined, now("a"), "refuse");
  const again = comparePins(first.pins, now("a"), "refuse");

  expect(first).toMatchObject({ isNew: true, refused: [], told: [] });
  expect(again).toEqual({ pins: first.pins, isNew: false, refused: [], told: [] });
});

test("another word is refused and told once, until the record is saved again", () => {
  const { pins } = comparePins(undefined, now("a"), "refuse");
  const changed = comparePins(pins, now("b"), "refuse");
  const later = comparePins(changed.pins, now("b"), "refuse");
  const back = comparePins(changed.pins, now("a"), "refuse");
  const third = comparePins(changed.pins, now("c"), "refuse");
  const saved = comparePins(changed.pins, now("b", 2), "refuse");

  expect(changed).toMatchObject({
    refused: ["add"],
    told: [{ tool: "add", before: "a", after: "b" }],
  });
  expect(later).toMatchObject({ refused: ["add"], told: [], isNew: false });
  expect(back).toMatchObject({ refused: [], told: [] });
  expect(third.told).toEqual([{ tool: "add", before: "a", after: "c" }]);
  expect(saved).toMatchObject({
    refused: [],
    told: [],
    pins: { version: 2, tools: { add: pin("b") } },
  });
});

test("a record that allows changes takes them, and they are told of all the same", () => {
  const { pins } = comparePins(undefined, now("a"), "allow");
  const changed = comparePins(pins, now("b"), "allow");

  expect(changed).toMatchObject({ refused: [], isNew: true, pins: now("b") });
  expect(changed.told).toHaveLength(1);
});

test("a tool by the name of something that every object has is like any other", () => {
  const tools = { constructor: pin("a") };

  const first = comparePins(undefined, { version: 1, tools } as Pins, "refuse");

  expect(first.refused).toEqual([]);
  expect(Object.hasOwn(first.pins.tools, "constructor")).toBe(true);
});
