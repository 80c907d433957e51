// Every call of a tool leaves one audit row, with the end of its run, whatever came of it and however often
// the engine died meanwhile; none has what was said in it.

import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { AuditRow } from "../../../actors/records/audit.ts";
import type { ToolUse } from "../../../actors/records/tool.ts";
import type { Web } from "../../../actors/web.ts";
import {
  type AgentsHost,
  newAgent,
  newConversation,
  startAgents,
  type Viewing,
} from "../../support/agents-host.ts";
import { createScriptedLlm } from "../../support/scripted-llm.ts";

const url = "https://a.example/planted-in-the-arguments";
const calls = [
  { name: "calculator", arguments: { expression: "2 + 2" } },
  { name: "calculator", arguments: { expression: "2 +" } },
  { name: "http_request", arguments: { url, method: "GET" } },
  { name: "http_request", arguments: { url, method: "POST" } },
  { name: "nobody", arguments: {} },
];

interface Turn {
  readonly host: AgentsHost;
  readonly viewing: Viewing;
}

async function begin(web: Web["request"]): Promise<Turn> {
  const llm = createScriptedLlm(({ call }) => (call === 1 ? { calls } : "Done."), 128_000);
  const host = await startAgents({ llm, web: { request: web } });
  await host.setBalance(100_000);
  const agent = newAgent();
  const http = { tool: "http_request", permissions: granted };
  await host.putAgent({ agent_key: agent, tools: [{ tool: "calculator" }, http] });
  return { host, viewing: host.chat(newConversation(), "Go.", { agent }) };
}

const told = (host: AgentsHost): readonly AuditRow[] =>
  (host.rows("audit") as AuditRow[]).filter(({ action }) => action === "tool.call");
const granted: NonNullable<ToolUse["permissions"]> = ["network", "read"];
const answer = { status: 200, headers: {}, body: "planted-in-the-answer", isCut: false };

test("each call has a row: which tool, what came of it, and its arguments as a hash", async () => {
  const { host, viewing } = await begin(async () => answer);
  const { run_id } = await viewing.reply();
  await host.idle();

  const rows = told(host);
  const said = rows.map(({ subject, outcome, details }) => [subject, outcome, details["code"]]);
  expect(said.sort()).toEqual([
    ["calculator", "done", null],
    ["calculator", "failed", "INVALID"],
    ["http_request", "done", null],
    ["http_request", "refused", "FORBIDDEN"],
    ["nobody", "failed", "NOT_FOUND"],
  ]);
  expect(new Set(rows.map((row) => row.run_id))).toEqual(new Set([run_id]));
  const hash = createHash("sha256").update(JSON.stringify(calls[0]?.arguments)).digest("hex");
  expect(rows.map(({ details }) => details["arguments_sha256"])).toContain(hash);
  expect(JSON.stringify(rows)).not.toContain("planted");
  await host.stop();
});

test("an engine that dies in a call leaves one row for it when its run has ended", async () => {
  let asked = 0;
  const { host, viewing } = await begin(async ({ signal }) => {
    asked += 1;
    if (asked > 1) return answer;
    return await new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  });
  const { run } = await viewing.accepted();
  await expect.poll(() => asked, { timeout: 5_000 }).toBe(1);
  expect(told(host)).toEqual([]);

  await host.crash();
  await host.idle();

  expect(told(host)).toHaveLength(calls.length);
  expect(new Set(told(host).map((row) => row.run_id))).toEqual(new Set([run]));
  await host.stop();
});
