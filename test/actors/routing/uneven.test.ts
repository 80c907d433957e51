// One sub-agent with one example beside one with fifty: the small one is found, and the large one
// does not take what is not its.

import { expect, test } from "vitest";
import { compile } from "../../../actors/routing/compile.ts";
import { route } from "../../../actors/routing/router.ts";
import { agentOf, subAgentOf } from "./supervisors.ts";

const THINGS = "table chair lamp sofa shelf carpet mirror cupboard desk bed".split(" ");
const WISHES = [
  "where is the THING that i ordered last week",
  "when will you bring my new THING",
  "the THING has not arrived yet",
  "can you deliver the THING on another day",
  "please tell me how long the THING takes",
];
/** Fifty, in words that the others need too. */
const orders = THINGS.flatMap((thing) => WISHES.map((wish) => wish.replace("THING", thing)));

const shop = compile(agentOf({ fallback: "sa_orders" }), [
  subAgentOf("orders", "One", { examples: orders }),
  subAgentOf("returns", "Two", { examples: ["i want to give the chair back and have my money"] }),
  subAgentOf("jobs", "Three", { examples: ["are you looking for carpenters or drivers"] }),
  subAgentOf("care", "Four", {
    examples: ["how do i clean a stain off the sofa", "which oil is good for oak"],
  }),
]);
const reversed = compile(agentOf(), [...shop.active].reverse());

test.each([
  ["i want my money back for the lamp", "returns"],
  ["give the new mirror back", "returns"],
  ["do you need carpenters", "jobs"],
  ["looking for work as drivers", "jobs"],
  ["a stain on the carpet that i ordered", "care"],
  ["what oil for a desk of oak", "care"],
  ["when will the mirror arrive", "orders"],
  ["my bed has not been delivered", "orders"],
])("%s -> %s", (message, key) => {
  expect(route(shop, { message }).candidates[0]?.key).toBe(`sa_${key}`);
  expect(route(reversed, { message }).candidates[0]?.key).toBe(`sa_${key}`);
});

test("the share of the large one in what nobody handles is no certainty", () => {
  for (const message of ["sing me a song", "how deep is the ocean", "hedgehogs in winter"]) {
    expect(route(shop, { message }).candidates[0]?.score ?? 0).toBeLessThan(0.5);
  }
});
