// Examples teach the router what keywords cannot say.

import { expect, test } from "vitest";
import { compile } from "../../../actors/routing/compile.ts";
import { route } from "../../../actors/routing/router.ts";
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
