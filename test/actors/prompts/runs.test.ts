// Agents with prompts on a real engine: a crash and a replay find the prompt that the run began with.

import { afterEach, expect, test } from "vitest";
import { defaultPrices } from "../../../actors/money/catalogue.ts";
import type { Ports } from "../../../actors/ports.ts";
import { versionId } from "../../../actors/records/agent-version.ts";
import { createBuiltinEmbedder } from "../../../adapters/embed/builtin.ts";
import { createEmbedders } from "../../../adapters/embed/embedders.ts";
import { replayRecord, replayWith } from "../../../adapters/replay/replay.ts";
import {
  type AgentsHost,
  newAgent,
  newConversation,
  startAgents,
} from "../../support/agents-host.ts";
import { resultOf } from "../../support/find.ts";
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
import { createGate, createScriptedLlm, type ScriptedLlm } from "../../support/scripted-llm.ts";

let host: AgentsHost | undefined;
afterEach(async () => {
  await host?.stop();
  host = undefined;
});

function portsOf(llm: ScriptedLlm): Ports {
  const embedder = createBuiltinEmbedder();
  return {
    ...{ llm, embedder, embedders: createEmbedders(embedder) },
    retriever: { search: async () => resultOf([]) },
    ...{ ingest: noIngest, memories: noMemories, reembed: noReembed, removals: noRemovals },
    ...{
      channels: noChannels,
      files: noFiles,
      launches: noLaunches,
      mcp: noMcp,
      credentials: noCredentials,
      web: noWeb,
      webhooks: noWebhooks,
      compute: { run: async () => undefined },
    },
    prices: defaultPrices,
  };
}

async function putPrompt(
  agents: AgentsHost,
  version: number,
  template: string,
  id = "pr_1",
): Promise<void> {
  const at = "2026-01-01T00:00:00.000Z";
  const stamp = { id, version, created_at: at, updated_at: at };
  const variables = [{ name: "who", type: "string" }];
  const row = { record: { name: "P", template, variables, ...stamp }, version };
  await agents.putRow("prompts", id, row);
  await agents.putRow("prompts-versions", versionId(id, version), row);
}

test("after a crash in a run, and in its replays, the prompt is the one it began with", async () => {
  const gate = createGate();
  const systems: string[] = [];
  const llm = createScriptedLlm(async ({ request, signal }) => {
    systems.push(String(request.messages[0]?.content));
    await gate.wait(signal);
    return "ok";
  });
  host = await startAgents({ llm });
  await host.setBalance(100_000);
  await putPrompt(host, 1, "First, {{who}}.");
  const agent = newAgent();
  await host.putAgent({ agent_key: agent, prompt_id: "pr_1", prompt_variables: { who: "me" } });
  const cv = newConversation();
  const accepted = await host.chat(cv, "Tell me about it", { agent }).accepted();
  await gate.reached;

  await putPrompt(host, 2, "Second, {{who}}.");
  await host.crash();
  gate.open();
  await host.follow(accepted.run ?? "", cv).end();
  await host.idle();

  const calls = llm.requests.length;
  const [record] = await recordedRuns(host);
  if (record === undefined) throw new Error("There is no record.");
  const { replay } = await replayRecord(record);

  expect(systems.length).toBeGreaterThan(1);
  expect(systems.every((text) => text.includes("First, me."))).toBe(true);
  expect(replay.divergence).toBeNull();
  expect(llm.requests.length).toBe(calls);

  // Another model is asked with the same prompt; another system message takes its place.
  const outside = { ports: portsOf(llm), isDry: false };
  const before = systems.length;
  await replayWith(record, { model: "other" }, outside);
  const sameSystem = systems.slice(before);
  await replayWith(record, { systemMessage: "Instead." }, outside);
  const otherSystem = systems.slice(before + sameSystem.length);

  expect(sameSystem.length).toBeGreaterThan(0);
  expect(sameSystem.every((text) => text.includes("First, me."))).toBe(true);
  expect(otherSystem.some((text) => text.includes("Instead."))).toBe(true);
  expect(otherSystem.some((text) => text.includes("First, me."))).toBe(false);
});

test("a replay with another version of the agent is asked by the prompt of that version", async () => {
  const llm = createScriptedLlm(() => "ok");
  host = await startAgents({ llm });
  await host.setBalance(100_000);
  await putPrompt(host, 1, "First, {{who}}.");
  await putPrompt(host, 3, "Second, {{who}}.", "pr_2");
  const agent = newAgent();
  const fields = { agent_key: agent, prompt_variables: { who: "me" } };
  await host.putAgent({ ...fields, prompt_id: "pr_1" });
  await host.chat(newConversation(), "Tell me about it", { agent }).end();
  await host.putAgent({ ...fields, prompt_id: "pr_2", version: 2 });
  await host.idle();

  const [record] = await recordedRuns(host, 2);
  if (record === undefined) throw new Error("There is no record.");
  const before = llm.requests.length;
  const outside = { ports: portsOf(llm), isDry: false };
  const { base, swapped } = await replayWith(record, { version: 2 }, outside);

  expect(base.replay.divergence).toBeNull();
  expect(swapped.replay.outcome).toMatchObject({ status: "completed" });
  const systems = llm.requests.slice(before).map(({ messages }) => String(messages[0]?.content));
  expect(systems.length).toBeGreaterThan(0);
  expect(systems.every((text) => text.includes("Second, me."))).toBe(true);
});
