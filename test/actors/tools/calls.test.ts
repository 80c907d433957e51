// The calls of a round: which run side by side, how long they may take, and how much of what they give
// reaches the model.

import { expect, test } from "vitest";
import type { ToolUse } from "../../../actors/records/tool.ts";
import type { Web, WebRequest } from "../../../actors/web.ts";
import {
  type AgentsHost,
  newAgent,
  newConversation,
  startAgents,
  type Viewing,
} from "../../support/agents-host.ts";
import { createGate, createScriptedLlm, type ScriptedLlm } from "../../support/scripted-llm.ts";

const urls = ["https://a.example/1", "https://a.example/2"] as const;
const granted: NonNullable<ToolUse["permissions"]> = ["network", "read", "write"];

interface Round {
  readonly host: AgentsHost;
  readonly llm: ScriptedLlm;
  readonly viewing: Viewing;
  /** What the model was told of each call. */
  told(): readonly string[];
}

/** A run whose model asks for both addresses at once. */
async function begin(
  web: Web["request"],
  { use = {}, method = "GET", windowTokens = 128_000 }: Partial<Wanted>,
): Promise<Round> {
  const calls = urls.map((url) => ({ name: "http_request", arguments: { url, method } }));
  const llm = createScriptedLlm(({ call }) => (call === 1 ? { calls } : "Done."), windowTokens);
  const host = await startAgents({ llm, web: { request: web } });
  await host.setBalance(100_000);
  const agent = newAgent();
  const tools = [{ tool: "http_request", permissions: granted, ...use }];
  await host.putAgent({ agent_key: agent, tools });
  const viewing = host.chat(newConversation(), "Go.", { agent });
  const told = () =>
    (llm.requests[1]?.messages ?? []).flatMap(({ role, content }) =>
      role === "tool" ? [content] : [],
    );
  return { host, llm, viewing, told };
}

interface Wanted {
  readonly use: Partial<ToolUse>;
  readonly method: string;
  readonly windowTokens: number;
}

const answer = (body: string) => ({ status: 200, headers: {}, body, isCut: false });

test("calls of one round are under way at once", async () => {
  const gates = [createGate(), createGate()] as const;
  const web = async ({ url, signal }: WebRequest) => {
    const gate = gates[url === urls[0] ? 0 : 1];
    await gate.wait(signal);
    return answer(url);
  };
  const { host, viewing, told } = await begin(web, {});
  await Promise.all(gates.map(({ reached }) => reached));
  gates[1].open();
  gates[0].open();
  await viewing.reply();
  expect(told().map((text) => /example\/\d/.exec(text)?.[0])).toEqual(["example/1", "example/2"]);
  await host.stop();
});

test("calls of a serial tool follow each other in the order of the model", async () => {
  const order: string[] = [];
  const web = async ({ url }: WebRequest) => {
    order.push(`begin ${url}`);
    await new Promise((resolve) => setImmediate(resolve));
    order.push(`end ${url}`);
    return answer("x");
  };
  const { host, viewing } = await begin(web, { use: { serial: true } });
  await viewing.reply();
  expect(order).toEqual(urls.flatMap((url) => [`begin ${url}`, `end ${url}`]));
  await host.stop();
});

test("a call that takes too long is told, and of one that changes something that it may have happened", async () => {
  const web = ({ signal }: WebRequest) =>
    new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  const { host, viewing, told } = await begin(web, { use: { timeout_ms: 30 }, method: "POST" });
  expect((await viewing.reply()).response).toBe("Done.");
  expect(told()).toHaveLength(2);
  for (const text of told()) {
    expect(text).toContain("DEADLINE");
    expect(text).toContain("took longer than 30 ms. It may have happened and was not repeated");
  }
  await host.stop();
});

test("results together take half of the model's window, and those cut say so", async () => {
  const windowTokens = 8_000;
  const { host, viewing, told } = await begin(async () => answer("x".repeat(15_000)), {
    windowTokens,
  });
  await viewing.reply();
  const [first = "", second = ""] = told();
  expect(first).not.toContain('"cut":true');
  expect(second).toMatch(
    /"cut":true,"note":"The result has \d+ characters; these are the first \d+./,
  );
  expect(first.length + second.length).toBeLessThan((windowTokens / 2) * 4 + 500);
  await host.stop();
});

test("a permission that is missing is told, and nothing is asked", async () => {
  const asked: string[] = [];
  const web = async ({ url }: WebRequest) => {
    asked.push(url);
    return answer("x");
  };
  const use: Partial<ToolUse> = { permissions: ["network", "write"] };
  const { host, viewing, told } = await begin(web, { use });
  await viewing.reply();
  expect(told()[0]).toContain(
    'GET needs the permission \\"read\\", which this tool does not have.',
  );
  expect(asked).toEqual([]);
  await host.stop();
});
