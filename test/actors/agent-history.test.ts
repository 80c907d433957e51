// Which versions of an agent are kept and which one answers a conversation, without a server.

import { expect, test } from "vitest";
import { droppable, historyWith } from "../../actors/agent-history.ts";
import { pinnedVersion } from "../../actors/canary.ts";
import { limits } from "../../actors/limits.ts";
import type { Agent } from "../../actors/records/agent.ts";
import type { AgentHistory, AgentRow } from "../../actors/records/agent-version.ts";
import { newId } from "../../runtime/id.ts";

const row = (version: number, canary?: { version: number; share: number }): AgentRow => ({
  agent: { agent_key: "ag_1", agent_config: canary ? { canary } : null } as unknown as Agent,
  version,
  subAgents: [],
});

const conversations = Array.from({ length: 2_000 }, (_, at) => newId("cv", 1_700_000_000_000 + at));
const canaryOf = (share: number): readonly string[] =>
  conversations.filter((cv) => pinnedVersion(row(3, { version: 2, share }), cv) === 2);

test("a canary of 0 answers nobody, of 0.3 about a third, of 1 everybody", () => {
  expect(canaryOf(0)).toHaveLength(0);
  expect(canaryOf(0.3).length).toBeGreaterThan(2_000 * 0.27);
  expect(canaryOf(0.3).length).toBeLessThan(2_000 * 0.33);
  expect(canaryOf(1)).toHaveLength(2_000);
});

test("a conversation keeps its version, also when the canary's share grows", () => {
  const small = canaryOf(0.3);
  const large = new Set(canaryOf(0.6));

  expect(canaryOf(0.3)).toEqual(small);
  expect(small.every((cv) => large.has(cv))).toBe(true);
});

/** A history of an agent that was changed every `everyMs`. */
function changed(times: number, everyMs: number): { history: AgentHistory; nowMs: number } {
  let history: AgentHistory = { versions: [] };
  for (let version = 1; version <= times; version += 1) {
    const from = version === 1 ? null : row(version - 1);
    const entry = { version, at: "", reason: "changed" } as const;
    history = historyWith(history, { from, to: row(version), entry }, version * everyMs);
  }
  return { history, nowMs: times * everyMs };
}

test("the newest versions are kept, and older ones go a slice at a time", () => {
  const kept = limits.versionsKept;
  const some = changed(kept + 19, limits.versionWaitMs);
  const more = changed(kept + 20, limits.versionWaitMs);

  expect(droppable(some.history, row(kept + 19), some.nowMs)).toEqual([]);
  expect(droppable(more.history, row(kept + 20), more.nowMs).map(({ version }) => version)).toEqual(
    Array.from({ length: 20 }, (_, at) => at + 1),
  );
});

test("a version that runs may still be pinned to is kept, and so is the canary", () => {
  const times = limits.versionsKept + 20;
  const quick = changed(times, 10);
  const slow = changed(times, limits.versionWaitMs);
  const withCanary = row(times, { version: 5, share: 0.1 });

  expect(droppable(quick.history, row(times), quick.nowMs)).toEqual([]);
  expect(
    droppable(slow.history, withCanary, slow.nowMs).map(({ version }) => version),
  ).not.toContain(5);
});

test("a version that a run which waits may need is kept for its time, and while there is room", () => {
  const { versionWaitMs, versionsKept, versionsMax } = limits;
  const dropped = (times: number, everyMs: number): readonly number[] => {
    const { history, nowMs } = changed(times, everyMs);
    return droppable(history, row(times), nowMs).map(({ version }) => version);
  };

  // One version a day: those of the last 400 days are needed, and the newest 200 are among them.
  const days = versionWaitMs / (24 * 3_600_000);
  expect(dropped(days + 10, 24 * 3_600_000)).toEqual(Array.from({ length: 8 }, (_, at) => at + 1));
  expect(dropped(versionsKept + 500, 3_600_000)).toEqual([]);
  // One an hour, for more than there is room for: the oldest go, and no more than a slice.
  expect(dropped(versionsMax - 19, 3_600_000)).toEqual(
    Array.from({ length: 21 }, (_, at) => at + 1),
  );
  // What a run at work may need never goes.
  expect(dropped(versionsMax - 19, 10)).toEqual([]);
});
