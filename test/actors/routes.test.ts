// Who answers: doubt and its model call, messages of several parts, escalation, the built-in
// answerer.

import { expect, test } from "vitest";
import type { SubAgent } from "../../actors/records/sub-agent.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { askOnce } from "../support/agents-test.ts";
import { createScriptedLlm, type ScriptedLlm } from "../support/scripted-llm.ts";

const billing: Partial<SubAgent> = { name: "Billing", trigger: { keywords: ["invoice"] } };
const systemOf = (llm: ScriptedLlm, at = 0): string => llm.requests[at]?.messages[0]?.content ?? "";

const three = [
  {
    sub_agent_key: "sa_a",
    name: "Docs",
    trigger: { description: "how the product works, features, setup" },
  },
  {
    sub_agent_key: "sa_b",
    name: "Billing",
    trigger: { description: "invoices, refunds, payment" },
  },
  {
    sub_agent_key: "sa_c",
    name: "Technical",
    trigger: { description: "errors, crashes, outages" },
  },
];

test("in doubt one small call chooses, and both calls together stay under 235 tokens", async () => {
  const llm = createScriptedLlm(({ call }) =>
    call === 1 ? '{"choice":2,"intent":"money"}' : "Sure.",
  );

  const reply = await askOnce(llm, "the thing from last week looks odd to my colleague", {
    agent: {
      name: "Support Supervisor",
      system_message:
        "You route questions to the right sub-agent. Use small-talk only for greetings.",
    },
    subAgents: three,
  });

  expect(reply.routing_info).toMatchObject({ method: "model", action_name: "Billing" });
  expect(llm.requests[0]).toMatchObject({ temperature: 0, stream: false });
  expect(reply.usage).toMatchObject({ promptTokens: 20, completionTokens: 10 });
  const bytes = llm.requests
    .flatMap(({ messages }) => messages)
    .reduce((sum, { content }) => sum + content.length, 0);
  expect(bytes / 4).toBeLessThan(235);
});

test("a provider that is down while routing leaves the best guess and says so", async () => {
  const llm = createScriptedLlm(({ request }) => {
    if (request.temperature === 0) throw new RuntimeError("PROVIDER_FAILED", "No.");
    return "Answered.";
  });

  const reply = await askOnce(llm, "the thing from last week looks odd to my colleague", {
    agent: { agent_config: { fallback: "sa_c" } },
    subAgents: three,
  });

  expect(reply.response).toBe("Answered.");
  expect(reply.routing_info.reason).toContain("PROVIDER_FAILED");
  expect(reply.routing_info.method).not.toBe("model");
});

test("a message of two parts is answered by two agents and concluded by the supervisor", async () => {
  const llm = createScriptedLlm(({ request }) => {
    const system = request.messages[0]?.content ?? "";
    if (system.includes("specialists")) return "Both done.";
    return system.includes("Billing") ? "Refunded." : "Restarted.";
  });

  const reply = await askOnce(llm, "Please send my invoice again and then fix the login crash", {
    subAgents: [
      {
        sub_agent_key: "sa_a",
        name: "Billing",
        trigger: { keywords: ["invoice"], description: "invoices" },
      },
      {
        sub_agent_key: "sa_b",
        name: "Technical",
        trigger: { keywords: ["crash", "login"], description: "errors" },
      },
    ],
  });

  expect(reply.routing_info.parts?.map((part) => part.action_name)).toEqual([
    "Billing",
    "Technical",
  ]);
  expect(reply.response).toBe("Both done.");
  expect(reply.seen).toBe("Both done.");
  const conclusion = systemOf(llm, 2);
  expect(conclusion).toContain("Refunded.");
  expect(conclusion).toContain("Restarted.");
});

test("an escalating sub-agent hands over: an event, the supervisor's own answer, and who took it", async () => {
  const llm = createScriptedLlm(({ request }) =>
    request.messages[0]?.content.includes("CHIEF") ? "chief" : "clerk",
  );

  const reply = await askOnce(llm, "my invoice", {
    agent: { system_message: "CHIEF" },
    subAgents: [{ ...billing, action: { escalate: "supervisor" } }],
  });

  expect(reply).toMatchObject({ response: "chief", escalated_to: "supervisor" });
  expect(reply.events).toContainEqual(
    expect.objectContaining({ type: "escalated", to: "supervisor" }),
  );
});

test("the built-in answerer says what it is, gets the agent's texts and asks for what is missing", async () => {
  const llm = createScriptedLlm(() => "From our texts.");

  const reply = await askOnce(llm, "my invoice", {
    agent: {
      model_name: "builtin",
      required_parameters: {
        properties: { order_number: { type: "string", pattern: "^[A-Z]{9}$" } },
      },
    },
    subAgents: [
      {
        ...billing,
        description: "Everything about bills.",
        action: { goal: { instruction: "Be exact." } },
      },
    ],
  });

  expect(reply).toMatchObject({ builtin: true, model: "builtin" });
  expect(reply.events).toContainEqual(expect.objectContaining({ type: "notice" }));
  expect(llm.requests[0]?.grounding).toMatchObject({
    question: "my invoice",
    // As in a prompt, an instruction says more than the description and stands in for it.
    texts: ["Be exact."],
    usesCollection: false,
  });
  expect(reply.response).toBe("From our texts.\n\nPlease tell me: order number.");
});
