// Examples teach the router what keywords cannot say.

import { expect, test } from "vitest";
import { trainingInputOf } from "../../../actors/routing/classifier.ts";
import { compile } from "../../../actors/routing/compile.ts";
import { route } from "../../../actors/routing/router.ts";
import { trainingLimits } from "../../../actors/routing/training.ts";
import { agentOf, subAgentOf } from "./supervisors.ts";

const lights = [
  "turn the lamp in the kitchen on",
  "make it brighter in here",
  "switch off everything in the bedroom",
  "dim the living room to half",
];
const music = [
  "play something by the beatles",
  "skip this one",
  "put on my evening playlist",
  "louder please",
];
const alarms = [
  "wake me at seven",
  "set a timer for ten minutes",
  "when will it ring tomorrow",
  "stop that ringing",
];

test.each([
  ["turn off the lamp in the bedroom", "lights"],
  ["could you play my morning playlist", "music"],
  ["wake me up at six tomorrow", "alarms"],
  ["set another timer", "alarms"],
])("%s -> %s, by the examples alone", (message, key) => {
  const home = compile(agentOf(), [
    subAgentOf("lights", "One", { examples: lights }),
    subAgentOf("music", "Two", { examples: music }),
    subAgentOf("alarms", "Three", { examples: alarms }),
  ]);

  expect(route(home, { message })).toMatchObject({ choice: `sa_${key}`, method: "semantic" });
});

test("a message like none of the examples is a doubt", () => {
  const home = compile(agentOf(), [
    subAgentOf("lights", "One", { examples: lights }),
    subAgentOf("music", "Two", { examples: music }),
  ]);

  expect(route(home, { message: "which mushrooms grow in Norway?" }).method).toBe("doubt");
});

test("a sub-agent without examples still wins by what is written about it", () => {
  const home = compile(agentOf(), [
    subAgentOf("lights", "One", { examples: lights }),
    subAgentOf("music", "Two", { examples: music }),
    subAgentOf("bills", "Bills", { description: "Electricity invoices and their payment" }),
  ]);

  expect(route(home, { message: "where is the electricity invoice?" }).choice).toBe("sa_bills");
});

test("of more texts than are trained on, those who have most lose some and nobody all", () => {
  const withExamples = (owner: number, count: number) =>
    subAgentOf(`s${owner}`, `Name ${owner}`, {
      examples: Array.from({ length: count }, (_, at) => `example ${at} of ${owner}`),
    });
  const few = Array.from({ length: 100 }, (_, owner) => withExamples(owner, 2));
  const many = Array.from({ length: 60 }, (_, owner) => withExamples(100 + owner, 150));
  const input = trainingInputOf([...few, ...many]);
  const sizes = new Map<number, number>();
  for (const { owner } of input?.texts ?? []) sizes.set(owner, (sizes.get(owner) ?? 0) + 1);

  // An example is a text, and so is the name.
  expect(sizes.get(0)).toBe(3);
  expect(sizes.get(100)).toBe((trainingLimits.texts - 100 * 3) / 60);
  expect(sizes.get(159)).toBe(sizes.get(100));
  expect(input?.texts).toHaveLength(trainingLimits.texts);
});
