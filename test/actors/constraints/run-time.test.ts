// How long a run may take, as the runtime is told: no run ends by that before its agent's own limit ends it.

import { expect, test } from "vitest";
import { runMsOf } from "../../../actors/constraints/run-time.ts";
import { limits } from "../../../actors/limits.ts";

const target = (agent: object | null) => ({ agent }) as Parameters<typeof runMsOf>[0];
const HOUR_MS = 3_600_000;

test.each([
  ["a team or a workflow", null, undefined, limits.runMs],
  ["an agent without limits", {}, undefined, limits.runMs],
  ["one of which less is asked", {}, 5_000, 5_000],
  ["one with a short limit", { constraints: { max_runtime: 1 } }, undefined, limits.runMs],
  ["one that is to end before its limit", { constraints: { max_runtime: 60 } }, 5_000, 5_000],
] as const)("%s has as long as it may, or as is asked", (_what, agent, asked, ms) => {
  expect(runMsOf(target(agent), asked)).toBe(ms);
});

test("a limit of hours, and the operator's default, are not cut short", () => {
  expect(runMsOf(target({ constraints: { max_runtime: 7_200 } }), undefined)).toBeGreaterThan(
    2 * HOUR_MS,
  );
  expect(runMsOf(target({ origin: "file" }), undefined)).toBeGreaterThan(24 * HOUR_MS);
});
