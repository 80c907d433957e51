// Explanations: what a message has in common with a sub-agent, read once for all of them.

import { expect, test } from "vitest";
import { compile } from "../../../actors/routing/compile.ts";
import { explainer } from "../../../actors/routing/explain.ts";
import { agentRecord, subAgentRecord } from "../../../bench/routing-records.ts";

const router = compile(agentRecord(), [
  subAgentRecord("money", "Money", {
    keywords: ["refund"],
    examples: ["I want my money back", "the parcel was broken, pay me back", "cancel my order"],
  }),
  subAgentRecord("travel", "Travel", {
    examples: ["book a flight to Rome", "which hotel is near the beach", "change my seat"],
  }),
]);

test("the nearest of each sub-agent's texts is named, the more alike the higher", () => {
  const explain = explainer(router, "please book a flight to Oslo");

  const travel = explain({ key: "sa_travel" });
  expect(travel.nearest?.text).toBe("book a flight to Rome");
  expect(travel.nearest?.similarity).toBeGreaterThan(0.4);
  expect(explain({ key: "sa_money" }).nearest?.similarity ?? 0).toBeLessThan(
    travel.nearest?.similarity ?? 0,
  );
});

test("a text of the sub-agent itself is like the message wholly, and keywords are told as written", () => {
  const explain = explainer(router, "which hotel is near the beach");
  expect(explain({ key: "sa_travel" }).nearest).toEqual({
    ...{ text: "which hotel is near the beach", similarity: 1 },
  });
  expect(explainer(router, "a REFUND please")({ key: "sa_money" }).keywords).toEqual(["refund"]);
});

test("messages are explained alike in whatever order they are asked for", () => {
  const first = explainer(router, "cancel the order");
  const second = explainer(router, "is there a hotel");
  const before = [first({ key: "sa_money" }), second({ key: "sa_travel" })];

  expect([first({ key: "sa_money" }), second({ key: "sa_travel" })]).toEqual(before);
  expect(first({ key: "sa_money" }).nearest?.text).toBe("cancel my order");
});

test("nothing is said of a sub-agent that is not there, nor of what has nothing in common", () => {
  const explain = explainer(router, "zzz");

  expect(explain({ key: "sa_gone" })).toEqual({ keywords: [], words: [], nearest: null });
  expect(explain({ key: "sa_travel" }).nearest).toBeNull();
});
