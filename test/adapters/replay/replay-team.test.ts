// A recorded run of a team with something swapped: another model for all, another version of one
// member. What is not touched by it is taken from the record, what makes no sense is refused.

import { afterEach, expect, test } from "vitest";
import { defaultPrices } from "../../../actors/money/catalogue.ts";
import type { Ports } from "../../../actors/ports.ts";
import { createBuiltinEmbedder } from "../../../adapters/embed/builtin.ts";
import { createEmbedders } from "../../../adapters/embed/embedders.ts";
import { compareReplays } from "../../../adapters/replay/compare.ts";
import { replayWith } from "../../../adapters/replay/replay.ts";
import type { Swap } from "../../../adapters/replay/swap.ts";
import type { RunRecord } from "../../../runtime/testkit/recording.ts";
import {
  noChannels,
  noCredentials,
  noFiles,
  noIngest,
  noLaunches,
  noMcp,
  noReembed,
  noRemovals,
  noWeb,
  noWebhooks,
} from "../../support/no-ingest.ts";
import { noMemories } from "../../support/no-memories.ts";
import { recordedRuns } from "../../support/recorded-runs.ts";
import type { ScriptedLlm } from "../../support/scripted-llm.ts";
import { membersOf, nameOf, startTeam, type TeamTalk, voices } from "../../support/team-test.ts";

let talk: TeamTalk | undefined;
afterEach(async () => {
  await talk?.host.stop();
  talk = undefined;
});

/** Everybody says by which model; Ben's second version has another name. */
async function recorded(mode: "coordinate" | "supervisor") {
  const task = (member: string) => ({ id: member, member, task: "A part.", after: [] });
  const plan = JSON.stringify({ reason: "Parts.", tasks: [task("Ann"), task("Ben")] });
  const llm = voices((name, { request }) => {
    const isPlan = request.responseFormat?.type === "schema";
    return isPlan ? plan : `${name} by ${request.model}`;
  });
  talk = await startTeam(llm, {
    agents: ["Ann", "Ben", "Lee"],
    team: (id) => ({ mode, members: membersOf(id, "Ann", "Ben"), leader: id("Lee") }),
    agent: { model_name: "first" },
  });
  const ben = talk.agents.get("Ben") ?? "";
  await talk.chat("Go.").reply();
  const other = { name: "Ben", system_message: "#Benno", model_name: "first" };
  await talk.host.putAgent({ agent_key: ben, ...other, version: 2 });
  await talk.host.idle();
  const [record] = await recordedRuns(talk.host, 2, ben);
  if (record === undefined) throw new Error("Nothing was recorded.");
  return { llm, ben, record, before: llm.requests.length };
}

function outside(llm: ScriptedLlm): Ports {
  return {
    ...{ llm, ingest: noIngest, memories: noMemories, reembed: noReembed, removals: noRemovals },
    ...{
      webhooks: noWebhooks,
      channels: noChannels,
      files: noFiles,
      launches: noLaunches,
      mcp: noMcp,
      credentials: noCredentials,
      web: noWeb,
      compute: { run: async () => undefined },
    },
    prices: defaultPrices,
    retriever: { search: () => Promise.reject(new Error("Nothing is searched.")) },
    embedder: createBuiltinEmbedder(),
    embedders: createEmbedders(createBuiltinEmbedder()),
  };
}

const replay = (record: RunRecord, swap: Swap, llm: ScriptedLlm, isDry = false) =>
  replayWith(record, swap, { ports: outside(llm), isDry });

test.each(["coordinate", "supervisor"] as const)(
  "in mode %s another model is asked for all members and the leader, by the same plan of work",
  async (mode) => {
    const { llm, record, before } = await recorded(mode);

    const both = await replay(record, { model: "second" }, llm);

    expect(both.base.replay.divergence).toBeNull();
    expect(both.swapped.replay.outcome).toMatchObject({
      status: "completed",
      result: { text: "Lee by second" },
    });
    const asked = llm.requests.slice(before);
    const plan = mode === "supervisor" ? ["Lee"] : [];
    expect(asked.map(nameOf)).toEqual([...plan, "Ann", "Ben", "Lee"]);
    expect(new Set(asked.map(({ model }) => model))).toEqual(new Set(["second"]));
    const { changes } = compareReplays(both);
    const pins = changes.filter(({ key }) => key.startsWith("pin:"));
    expect(pins.map(({ status }) => status)).toEqual(["same", "same", "same"]);
  },
);

test("a member on another version speaks anew, and only who hears it after it does too", async () => {
  const { llm, ben, record, before } = await recorded("coordinate");

  const both = await replay(record, { version: 2, target: ben }, llm);

  expect(llm.requests.slice(before).map(nameOf)).toEqual(["Benno", "Lee"]);
  const { changes } = compareReplays(both);
  const pin = changes.find(({ key }) => key === `pin:${ben}`);
  expect(pin).toMatchObject({ status: "changed", after: `${ben}, version 2` });
  const models = changes.filter(({ key }) => key === "model:1");
  expect(models.map(({ status, before: was, after }) => [status, was, after])).toEqual([
    ["same", "Ann by first", "Ann by first"],
    ["changed", "Ben by first", "Benno by first"],
    ["changed", "Lee by first", "Lee by first"],
  ]);
});

test("a dry replay of a team asks nobody and says whom it would", async () => {
  const { llm, record, before } = await recorded("coordinate");

  const both = await replay(record, { model: "second" }, llm, true);

  expect(llm.requests).toHaveLength(before);
  const would = compareReplays(both).changes.filter(({ status }) => status === "would");
  expect(would.map(({ key, after }) => [key, after])).toEqual([["model:1", "would call second"]]);
});

test("swaps that make no sense of a team are refused, with those that do", async () => {
  const { llm, ben, record, before } = await recorded("coordinate");
  const refused = (swap: Swap) => replay(record, swap, llm).catch((error: Error) => error.message);

  expect(await refused({ systemMessage: "Hi." })).toContain("has no system message");
  expect(await refused({ version: 2 })).toMatch(/agent=AGENT\.VERSION for one of them: ag_/);
  expect(await refused({ version: 2 })).toContain(ben);
  expect(await refused({ version: 1, target: "ag_none" })).toContain("took no part in this run");
  expect(await refused({ version: 7, target: ben })).toContain(`${ben}.7`);
  expect(llm.requests).toHaveLength(before);
});
