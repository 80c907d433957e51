// How agents change: versions grow, what was not sent is unset or kept, prices print cleanly.

import { expect, test } from "vitest";
import {
  newAgent,
  newSubAgent,
  patchAgent,
  patchSubAgent,
  replaceAgent,
  replaceSubAgent,
  withSubAgent,
} from "../../actors/agent-change.ts";
import { chargeOf, costOf, microsOf } from "../../actors/records/price.ts";
import { emptySubAgent } from "../support/agent-records.ts";

const at = "2026-01-01T00:00:00.000Z";
const later = "2026-01-02T00:00:00.000Z";

test("a new agent has every field, unset ones null", () => {
  const { agent } = newAgent({ name: "Desk", temperature: 0.7 }, "ag_1", at);

  expect(agent).toMatchObject({ name: "Desk", temperature: 0.7, agent_type: "supervisor" });
  expect(agent.top_p).toBeNull();
  expect(agent.entry_node).toBeNull();
  expect(Object.keys(agent)).toHaveLength(39);
});

test("a patch keeps what it does not name and null unsets", () => {
  const row = newAgent({ name: "Desk", temperature: 0.7, max_tokens: 5 }, "ag_1", at);

  const next = patchAgent(row, { temperature: null, description: "d" }, later);

  expect(next.version).toBe(2);
  expect(next.agent).toMatchObject({
    version: 2,
    temperature: null,
    max_tokens: 5,
    description: "d",
    created_at: at,
    updated_at: later,
  });
  expect(row.agent.temperature).toBe(0.7);
});

test("a replacement unsets what was not sent", () => {
  const row = newAgent({ name: "Desk", temperature: 0.7 }, "ag_1", at);

  const next = replaceAgent(row, { name: "Other" }, later);

  expect(next.agent).toMatchObject({ name: "Other", temperature: null, agent_key: "ag_1" });
});

test("sub-agents stay in order of creation when they change", () => {
  const empty = newAgent({ name: "Desk" }, "ag_1", at);
  const sub = (key: string, version: number) => ({
    subAgent: { ...emptySubAgent, sub_agent_key: key },
    version,
  });
  const two = withSubAgent(
    withSubAgent(empty, "sa_1", sub("sa_1", 1), at),
    "sa_2",
    sub("sa_2", 1),
    at,
  );

  const changed = withSubAgent(two, "sa_1", sub("sa_1", 2), later);
  const gone = withSubAgent(changed, "sa_1", null, later);

  expect(changed.subAgents.map((one) => `${one.key}.${one.version}`)).toEqual(["sa_1.2", "sa_2.1"]);
  expect(gone.subAgents).toEqual([{ key: "sa_2", version: 1 }]);
  expect(gone.version).toBe(5);
});

test("a sub-agent is active with priority 100 unless it says otherwise", () => {
  const row = newSubAgent({ name: "Docs" }, { agent: "ag_1", subAgent: "sa_1" }, at);

  expect(row.subAgent).toMatchObject({ is_active: true, priority: 100, use_rag: false });
  expect(patchSubAgent(row, { priority: 1 }, later).subAgent).toMatchObject({
    name: "Docs",
    priority: 1,
    updated_at: later,
  });
  expect(replaceSubAgent(row, { name: "New" }, later)).toMatchObject({
    version: 2,
    subAgent: { name: "New", priority: 100, created_at: at, sub_agent_key: "sa_1" },
  });
});

test("amounts are shown without the noise of fractions", () => {
  const cost = costOf(chargeOf(1_000), microsOf(100) - 10 * chargeOf(1_000).micros);

  expect(JSON.stringify(cost)).toBe(
    '{"units":1,"unit_price":0.001,"tokens":0.001,"balance":99.99}',
  );
});
