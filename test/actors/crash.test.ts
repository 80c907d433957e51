// An engine that dies in the middle of a chat turn, and stateless completions.

import { afterEach, expect, test } from "vitest";
import type { LedgerRow } from "../../actors/records/conversation.ts";
import { type Address, address } from "../../runtime/address.ts";
import {
  type AgentsHost,
  newAgent,
  newConversation,
  startAgents,
  tenant,
} from "../support/agents-host.ts";
import { createGate, createScriptedLlm } from "../support/scripted-llm.ts";

let host: AgentsHost | undefined;
afterEach(async () => {
  await host?.stop();
  host = undefined;
});

test("a crash during the answer gives one answer, one charge, and repeats only the call in flight", async () => {
  const gate = createGate();
  const llm = createScriptedLlm(async ({ request, signal, call, write }) => {
    if (request.temperature === 0) return '{"choice":1,"intent":"x"}';
    if (call === 2) {
      write("Lost ");
      await gate.wait(signal);
    }
    return "The answer.";
  });
  host = await startAgents({ llm });
  await host.setBalance(10_000);
  const agent = newAgent();
  const cv = newConversation();
  await host.putAgent({ agent_key: agent }, [
    { sub_agent_key: "sa_a", name: "Docs", trigger: { description: "how the product works" } },
    { sub_agent_key: "sa_b", name: "Billing", trigger: { description: "invoices, refunds" } },
  ]);

  const { run } = await host.chat(cv, "the thing from last week looks odd", { agent }).accepted();
  await gate.reached;
  await host.crash();
  const viewing = host.follow(run, cv);
  const reply = await viewing.reply();

  expect(reply.response).toBe("The answer.");
  expect(viewing.text()).toBe("The answer.");
  expect(llm.requests.filter(({ temperature }) => temperature === 0)).toHaveLength(1);
  expect(llm.requests).toHaveLength(3);
  expect(host.messages(cv).map(({ content }) => content)).toEqual([
    "the thing from last week looks odd",
    "The answer.",
  ]);
  const ledger = host.rows("ledger-fresh") as LedgerRow[];
  const [lost, charged] = ["repeated", "completed"].map((outcome) =>
    ledger.filter((row) => row.outcome === outcome),
  );
  expect(charged).toHaveLength(1);
  // The call that was in flight is booked at its reservation, and charged to nobody.
  expect(lost).toHaveLength(1);
  expect(lost?.[0]?.charge.micros).toBe(0);
  expect(lost?.[0]?.spend).toMatchObject({ estimated: true });
  expect(lost?.[0]?.spend?.promptTokens).toBeGreaterThan(0);
  expect(host.balance()).toBe(9_000);
});

test("what waits survives a crash and is answered in order", async () => {
  const gate = createGate();
  const llm = createScriptedLlm(async ({ request, signal, call }) => {
    if (call === 1) await gate.wait(signal);
    return `re: ${request.messages.at(-1)?.content}`;
  });
  host = await startAgents({ llm });
  await host.setBalance(10_000);
  const agent = newAgent();
  const cv = newConversation();
  await host.putAgent({ agent_key: agent });

  host.chat(cv, "one", { agent });
  await gate.reached;
  const waiting = await host.chat(cv, "two", { agent }).accepted();
  await host.crash();
  await host.follow(waiting.run, cv).reply();

  expect(host.messages(cv).map(({ content }) => content)).toEqual([
    "one",
    "re: one",
    "two",
    "re: two",
  ]);
  expect(host.balance()).toBe(8_000);
});

const completionAt = (root: string): Address => address({ kind: "completion", tenant, root });

test("a completion sends the messages as they are, with its overrides, and keeps nothing of them", async () => {
  const llm = createScriptedLlm(() => "Answer.");
  host = await startAgents({ llm });
  await host.setBalance(10_000);
  const agent = newAgent();
  await host.putAgent({ agent_key: agent, system_message: "SYSTEM", temperature: 1 }, [
    { name: "Billing", trigger: { keywords: ["invoice"] } },
  ]);
  const to = completionAt("cp_1");

  const viewing = host.send(to, {
    type: "complete",
    agent,
    messages: [
      { role: "system", content: "Be brief." },
      { role: "user", content: "hi" },
      { role: "assistant", content: "hello" },
      { role: "user", content: "my invoice?" },
    ],
    stream: true,
    overrides: { temperature: 0.2, stop: ["END"] },
    priceMicros: 1_000,
    service: "chat-completions",
  });
  const reply = await viewing.reply();

  expect(reply).toMatchObject({ response: "Answer.", conversation_key: null });
  expect(reply.routing_info.action_name).toBe("Billing");
  expect(llm.requests[0]).toMatchObject({ temperature: 0.2, stop: ["END"] });
  const [system, ...rest] = llm.requests[0]?.messages ?? [];
  expect(system?.content).toMatch(/^SYSTEM[\s\S]*Be brief\.$/);
  expect(rest.map(({ content }) => content)).toEqual(["hi", "hello", "my invoice?"]);
  expect(host.disk.rows.filter(({ key }) => key.includes("/r/"))).toEqual([]);
  expect(host.balance()).toBe(9_000);
  expect(host.rows("ledger-fresh")).toHaveLength(1);
});
