// The cascade's rules: order of the ways, ties, priority, fallback, compound messages, limits.

import { describe, expect, test } from "vitest";
import { compile } from "../../../actors/routing/compile.ts";
import type { Decision } from "../../../actors/routing/decision.ts";
import { toRoutingInfo } from "../../../actors/routing/decision.ts";
import { promptOfDoubt, settleByModel } from "../../../actors/routing/doubt.ts";
import { route } from "../../../actors/routing/router.ts";
import { agentOf, subAgentOf, supportDesk, supportSubAgents } from "./supervisors.ts";

describe("the reason and the intent", () => {
  test("name the words that hit", () => {
    const decision = route(supportDesk(), { message: "How to read the documentation?" });

    expect(decision.reason).toBe(
      "Question fits the Docs Agent trigger (keywords: how to, documentation).",
    );
    expect(decision.intent).toBe("docs_how_to");
  });

  test("are a snake_case label and one sentence for every kind of message", () => {
    const messages = ["hi", "refund", "charged twice?", "a poem please", "退款", "x".repeat(9_000)];
    for (const message of messages) {
      const { intent, reason } = route(supportDesk(), { message });

      expect(intent).toMatch(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/);
      expect(reason).toMatch(/^[A-Z].*\.$/);
      expect(reason.length).toBeLessThan(600);
    }
  });

  test("become routing_info as the API shows it", () => {
    const info = toRoutingInfo(route(supportDesk(), { message: "refund" }));

    expect(info).toMatchObject({
      selected_action: "SUB_AGENT",
      action_name: "Billing Agent",
      sub_agent_key: "sa_billing",
      method: "keyword",
      threshold: 0.5,
    });
    expect(info.candidates[0]).toMatchObject({ key: "sa_billing" });
  });
});

describe("ties", () => {
  const twins = (first: number, second: number) =>
    compile(agentOf(), [
      subAgentOf("one", "One", { keywords: ["order"] }, { priority: first }),
      subAgentOf("two", "Two", { keywords: ["order"] }, { priority: second }),
    ]);

  test("the lower priority number wins between equals", () => {
    expect(route(twins(1, 2), { message: "my order" }).choice).toBe("sa_one");
    expect(route(twins(2, 1), { message: "my order" }).choice).toBe("sa_two");
    expect(route(twins(2, 1), { message: "my order" }).method).toBe("keyword");
  });

  test("equals of one priority are a doubt for the model", () => {
    const decision = route(twins(1, 1), { message: "my order" });

    expect(decision.method).toBe("doubt");
    expect(decision.candidates.map(({ score }) => score)).toHaveLength(2);
  });

  test("priority does not beat clearly stronger words", () => {
    const router = compile(agentOf(), [
      subAgentOf("a", "A", { keywords: ["card"] }, { priority: 0 }),
      subAgentOf("b", "B", { keywords: ["lost credit card"] }, { priority: 900 }),
    ]);

    expect(route(router, { message: "I lost credit card no 4" }).choice).toBe("sa_b");
  });
});

describe("who may be chosen", () => {
  test("an inactive sub-agent never is", () => {
    const router = compile(
      agentOf({ fallback: "sa_billing" }),
      supportSubAgents.map((row) =>
        row.sub_agent_key === "sa_billing" ? { ...row, is_active: false } : row,
      ),
    );

    for (const message of ["refund my invoice", "billing", "tell me about penguins"]) {
      const decision = route(router, { message });
      expect(decision.choice).not.toBe("sa_billing");
      expect(decision.candidates.map(({ key }) => key)).not.toContain("sa_billing");
    }
  });

  test("no active sub-agent leaves the supervisor, the only one there is", () => {
    expect(route(compile(agentOf(), []), { message: "refund" })).toMatchObject({
      choice: null,
      method: "only",
      confidence: 1,
    });
  });

  test("a single sub-agent takes what is not small talk", () => {
    const router = compile(agentOf(), supportSubAgents.slice(0, 1));

    expect(route(router, { message: "tell me about penguins" })).toMatchObject({
      choice: "sa_docs",
      method: "only",
    });
    expect(route(router, { message: "hello" }).choice).toBeNull();
  });

  test("the fallback takes what fits nobody, and small talk stays with the supervisor", () => {
    const router = supportDesk({ fallback: "sa_docs" });

    expect(route(router, { message: "tell me about penguins" })).toMatchObject({
      choice: "sa_docs",
      method: "doubt",
      intent: "out_of_scope",
    });
    expect(route(router, { message: "hello" }).choice).toBeNull();
  });

  test("a keyword that is a greeting beats small talk", () => {
    const router = compile(agentOf(), [
      subAgentOf("greeter", "Greeter", { keywords: ["hello"] }),
      ...supportSubAgents,
    ]);

    expect(route(router, { message: "hello" }).choice).toBe("sa_greeter");
  });
});

describe("compound messages", () => {
  const partsOf = (decision: Decision) => decision.parts?.map(({ text, choice }) => [text, choice]);

  test("are cut where different sub-agents are asked", () => {
    const decision = route(supportDesk(), {
      message: "refund my invoice and how do I export data?",
    });

    expect(partsOf(decision)).toEqual([
      ["refund my invoice", "sa_billing"],
      ["how do I export data?", "sa_docs"],
    ]);
    expect(decision.choice).toBe("sa_billing");
  });

  test.each([
    ["The app crashes on start. Also I need a refund.", ["sa_technical", "sa_billing"]],
    ["Ich will eine Rückerstattung und wie kann ich Daten exportieren?", ["sa_billing", "sa_docs"]],
    ["我要退款，另外登录不了", ["sa_billing", "sa_technical"]],
    [
      "Where is my invoice? I get an error at login. Where is the documentation?",
      ["sa_billing", "sa_technical", "sa_docs"],
    ],
  ])("%s", (message, keys) => {
    expect(route(supportDesk(), { message }).parts?.map(({ choice }) => choice)).toEqual(keys);
  });

  test.each([
    "Can I get a refund and a new invoice?",
    "I love your product. Can I get a refund?",
    "My invoice is wrong. It is twice the payment.",
    "Hi! Thanks for the help. I need a refund, please.",
    "I want to cancel my subscription and get my money back",
    "The app crashes and shows an error",
  ])("one intent stays one: %s", (message) => {
    expect(route(supportDesk(), { message }).parts).toBeUndefined();
  });

  test("have at most max_routes parts, and none when it is 1", () => {
    const message = "Where is my invoice? I get an error at login. Where is the documentation?";

    expect(route(supportDesk({ max_routes: 2 }), { message }).parts).toHaveLength(2);
    expect(route(supportDesk({ max_routes: 1 }), { message }).parts).toBeUndefined();
  });
});

describe("short messages", () => {
  test("are read together with the one before", () => {
    const decision = route(supportDesk(), {
      message: "and for last month?",
      previous: "Where is my invoice?",
    });

    expect(decision).toMatchObject({ choice: "sa_billing", method: "semantic" });
  });

  test("stay with who answered before when they only follow up", () => {
    const router = supportDesk();

    expect(route(router, { message: "yes", previousChoice: "sa_docs" }).choice).toBe("sa_docs");
    expect(route(router, { message: "yes" }).choice).toBeNull();
    expect(route(router, { message: "thanks", previousChoice: "sa_docs" }).choice).toBeNull();
  });

  test("a clear message does not care about the one before", () => {
    const decision = route(supportDesk(), { message: "refund", previous: "The app crashes" });

    expect(decision.choice).toBe("sa_billing");
  });
});

describe("a doubt", () => {
  const desk = supportDesk();
  const doubt = route(desk, { message: "tell me about penguins" });

  test("is asked in at most 235 tokens for three sub-agents", () => {
    const { messages, schema } = promptOfDoubt(desk, "x".repeat(90));
    const sent = messages.map(({ content }) => content).join("\n");
    const chars = sent.length + JSON.stringify(schema.schema).length;

    // English and JSON take about 4 characters a token; 3.6 leaves a margin.
    expect(chars / 3.6).toBeLessThanOrEqual(235);
    expect(sent).toContain("Billing Agent");
  });

  test("is settled by the model's number", () => {
    const decision = settleByModel(desk, '{"choice":2,"intent":"Refund Request"}', doubt);

    expect(decision).toMatchObject({
      choice: "sa_billing",
      method: "model",
      intent: "refund_request",
    });
  });

  test.each(["2", "Billing Agent", '```json\n{"choice": 2, "intent": "x"}\n```', '{"choice":"2"}'])(
    "takes a careless answer: %s",
    (answer) => {
      expect(settleByModel(desk, answer, doubt).choice).toBe("sa_billing");
    },
  );

  test("0 means the fallback, else the supervisor", () => {
    const withFallback = supportDesk({ fallback: "sa_docs" });

    expect(settleByModel(desk, '{"choice":0}', doubt)).toMatchObject({
      choice: null,
      method: "model",
    });
    expect(settleByModel(withFallback, '{"choice":0}', doubt).choice).toBe("sa_docs");
  });

  test.each(["", "no idea", '{"choice":99}', "[]", "9".repeat(5_000)])(
    "keeps its best guess when the answer names nobody: %s",
    (answer) => {
      expect(settleByModel(desk, answer, doubt)).toMatchObject({ choice: null });
    },
  );
});

describe("limits", () => {
  test("a message of 100 KB is read at both ends and not between them", () => {
    const desk = supportDesk();
    const filler = "lorem ipsum dolor sit amet ".repeat(4_000);

    expect(route(desk, { message: `refund ${filler}` }).choice).toBe("sa_billing");
    expect(route(desk, { message: `${filler} refund` }).choice).toBe("sa_billing");
    expect(route(desk, { message: `${filler} refund ${filler}` }).choice).not.toBe("sa_billing");
  });

  test("hostile keywords are only text", () => {
    const keywords = [
      "(a+)+$",
      ".*",
      "\\",
      "[",
      "__proto__",
      "constructor",
      "a ".repeat(100),
      "!!",
    ];
    const router = compile(agentOf(), [
      subAgentOf("bad", "Bad", { keywords: keywords.map((word) => word.slice(0, 200)) }),
      ...supportSubAgents,
    ]);

    expect(route(router, { message: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!" }).choice).toBeNull();
    expect(route(router, { message: "a ".repeat(5_000) }).choice).toBe("sa_bad");
    expect(route(router, { message: "constructor toString" }).choice).toBe("sa_bad");
    expect(route(router, { message: "refund" }).choice).toBe("sa_billing");
  });

  test("empty triggers and odd names do no harm", () => {
    const router = compile(agentOf(), [
      subAgentOf("none", "???", null),
      subAgentOf("empty", "Empty", { keywords: [], description: "" }),
    ]);

    expect(route(router, { message: "refund \ud800 \u0000" }).method).toBe("doubt");
  });

  test("500 sub-agents with keywords and descriptions are compiled and searched", () => {
    const many = Array.from({ length: 500 }, (_, at) =>
      subAgentOf(`n${at}`, `Topic ${at}`, {
        keywords: [`subject${at}`, `thema${at} spezial`, ...Array(20).fill(`word${at}`)],
        description: `Routes when the user asks about subject${at} and its neighbours.`,
      }),
    );
    const router = compile(agentOf(), many);

    expect(route(router, { message: "about subject321 please" }).choice).toBe("sa_n321");
    const prompt = promptOfDoubt(router, "x", route(router, { message: "penguins" }));
    expect(JSON.stringify(prompt).length).toBeLessThan(8_000);
  });
});
