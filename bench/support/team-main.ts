// Turns of members, one team at a time, with a model that answers at once: what is left is our own work,
// stored on a real disk. `team-main MEMBERS COUNT`: median and 99th percentile of a team's turn, and its
// CPU on all threads, in us.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { catalog } from "../../actors/catalog.ts";
import type { Llm, Ports } from "../../actors/ports.ts";
import type { Agent } from "../../actors/records/agent.ts";
import { agentTables, versionId } from "../../actors/records/agent-version.ts";
import type { ChatMessage } from "../../actors/records/conversation.ts";
import { resourceTables } from "../../actors/records/resource.ts";
import { teamKind } from "../../actors/records/team.ts";
import { createBuiltinEmbedder } from "../../adapters/embed/builtin.ts";
import { createEmbedders } from "../../adapters/embed/embedders.ts";
import { address } from "../../runtime/address.ts";
import { newId } from "../../runtime/id.ts";
import { silentLog } from "../../runtime/log.ts";
import { type RunningSystem, startSystem } from "../../runtime/pool.ts";
import { endWithTheBench } from "./program-end.ts";
import { latencies } from "./workload.ts";

const TENANT = "tn_bench";
const WARM = 200;

endWithTheBench();
const [members = 1, count = 1_000] = process.argv.slice(2).map(Number);
const folder = mkdtempSync(join(tmpdir(), "bench-team-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

/** Answers without waiting for anything. */
const llm: Llm = {
  windowOf: () => 128_000,
  isBuiltin: () => false,
  takesImages: () => true,
  async complete(request, { onEvent }) {
    const text = `Here is what I found on the ${request.messages.length} messages before.`;
    onEvent?.({ type: "text", text });
    return {
      text,
      toolCalls: [],
      finishReason: "stop",
      usage: { promptTokens: 100, completionTokens: 12 },
      provider: "none",
      model: request.model,
    };
  },
};

const embedder = createBuiltinEmbedder();
const ports: Partial<Ports> = { llm, embedder, embedders: createEmbedders(embedder) };
const system = await startSystem({
  folder,
  workerUrl: new URL("./unused.js", import.meta.url),
  loadHost: () => ({ definitions: catalog, createPorts: () => ports }),
  config: { workers: 0 },
  log: silentLog,
  exit: (code) => process.exit(code),
});
const team = await putTeam(system, members);
await latencies(WARM, turn);
const before = process.cpuUsage();
const figures = await latencies(count, turn);
const { user, system: inSystem } = process.cpuUsage(before);
process.stdout.write(`${JSON.stringify({ ...figures, cpu: (user + inSystem) / count })}\n`);
await system.stop(1_000);
process.exit(0);

/** A message to the team in a new conversation, until its run has ended. */
async function turn(): Promise<void> {
  const message: ChatMessage = {
    type: "chat",
    agent: team,
    text: "What should we do about the refund?",
    stream: true,
    priceMicros: 0,
    service: "teams",
  };
  const to = address({ kind: "conversation", tenant: TENANT, root: newId("cv", Date.now()) });
  for await (const frames of system.stream(to, message)) {
    const last = frames.at(-1);
    if (last?.type !== "end") continue;
    if (last.outcome.status !== "completed") throw new Error(JSON.stringify(last.outcome));
  }
}

async function putTeam({ tables }: RunningSystem, many: number): Promise<string> {
  const { current, versions } = resourceTables(teamKind);
  const put = async (table: string, id: string, value: unknown): Promise<void> => {
    await tables.write(TENANT, [{ type: "put", table, id, value }]);
  };
  const agents: string[] = [];
  for (let at = 1; at <= many; at += 1) {
    const key = newId("ag", Date.now());
    const agent = { agent_key: key, name: `Member ${at}`, version: 1, model_name: "m" };
    const row = { agent: agent as Agent, version: 1, subAgents: [] };
    await put(agentTables.agents, key, row);
    await put(agentTables.agentVersions, versionId(key, 1), row);
    agents.push(key);
  }
  const id = newId("tm", Date.now());
  const record = {
    ...{ id, version: 1, name: "Desk", mode: "coordinate", max_rounds: 1 },
    members: agents.map((agent) => ({ agent, role: "has a part in it" })),
  };
  await put(current, id, { record, version: 1 });
  await put(versions, versionId(id, 1), { record, version: 1 });
  return id;
}
