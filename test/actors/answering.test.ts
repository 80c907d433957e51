// What a model is asked and what becomes of its answer: every tuning field, history within the
// window, schemas, collected parameters.

import { expect, test } from "vitest";
import type { Passage } from "../../actors/knowledge/search.ts";
import type { Retriever } from "../../actors/ports.ts";
import type { SubAgent } from "../../actors/records/sub-agent.ts";
import type { RuntimeError } from "../../runtime/errors.ts";
import { askOnce, startTalk } from "../support/agents-test.ts";
import { noScores, resultOf } from "../support/find.ts";
import { createScriptedLlm, type ScriptedLlm } from "../support/scripted-llm.ts";

const billing: Partial<SubAgent> = { name: "Billing", trigger: { keywords: ["invoice"] } };
/** Persona, goal and style may carry fields of the client's own. */
const persona = { role: "clerk", personality: "dry", motto: "Numbers first" };
const systemOf = (llm: ScriptedLlm, at = 0): string => llm.requests[at]?.messages[0]?.content ?? "";

test("every tuning field of the agent reaches the model", async () => {
  const llm = createScriptedLlm(() => "ok");

  await askOnce(llm, "hello", {
    agent: {
      system_message: "SYSTEM",
      temperature: 0.3,
      top_p: 0.8,
      max_tokens: 99,
      frequency_penalty: 0.1,
      presence_penalty: 0.2,
      response_format: "json_object",
      response_language: "de",
      pre_context_prompt: "PRE",
      post_context_prompt: "POST",
      context_prompt: "CONTEXT",
      response_template: "Three points.",
      examples: [{ input: "IN", output: "OUT" }],
      model_name: "some-model",
    },
  });

  expect(llm.requests[0]).toMatchObject({
    model: "some-model",
    temperature: 0.3,
    topP: 0.8,
    maxTokens: 99,
    frequencyPenalty: 0.1,
    presencePenalty: 0.2,
    responseFormat: { type: "json" },
    stream: true,
  });
  for (const part of ["SYSTEM", "PRE", "POST", "CONTEXT", "Three points.", "IN", "OUT", '"de"']) {
    expect(systemOf(llm)).toContain(part);
  }
});

test("the action of a sub-agent shapes its prompt, with its own model and temperature", async () => {
  const llm = createScriptedLlm(() => "ok");

  await askOnce(llm, "my invoice", {
    agent: { temperature: 0.9, response_language: "fr" },
    subAgents: [
      {
        ...billing,
        model_name: "small-model",
        temperature: 0.1,
        action: {
          persona,
          goal: { primary: "inform", instruction: "Quote the total." },
          response_style: { format: "bullets", tone: "formal", language: "match_input" },
        },
      },
    ],
  });

  expect(llm.requests[0]).toMatchObject({ model: "small-model", temperature: 0.1 });
  for (const part of [
    "Billing",
    "clerk",
    "dry",
    "Numbers first",
    "inform",
    "Quote the total.",
    "bullets",
    "formal",
    "user's language",
  ]) {
    expect(systemOf(llm)).toContain(part);
  }
  expect(systemOf(llm)).not.toContain('"fr"');
});

test("an agent without a model leaves it to the operator and names the one that answered", async () => {
  const llm = createScriptedLlm(() => "ok");

  const reply = await askOnce(llm, "hello", { agent: { model_name: null } });

  expect(llm.requests[0]?.model).toBe("");
  expect(reply.model).toBe("operator-default");
});

test("a template frames the answer as it streams", async () => {
  const llm = createScriptedLlm(({ write }) => {
    write("Hel");
    return "Hello";
  });

  const reply = await askOnce(llm, "hi", {
    agent: { response_template: "{{agent_name}}: {{response}}!" },
  });

  expect(reply.response).toBe("Desk: Hello!");
  expect(reply.seen).toBe("Desk: Hello!");
});

test("passages go to the model with numbers and to the caller as sources", async () => {
  const llm = createScriptedLlm(() => "Under Settings [1].");
  const passage: Passage = {
    documentId: "dc_1",
    documentTitle: "Manual",
    chunkId: "c1",
    collection: "cl_1",
    text: "Export is under Settings.",
    headings: ["Data"],
    span: [0, 25],
    ...noScores,
    metadata: {},
  };
  const searched: unknown[] = [];
  const retriever: Retriever = {
    search: async (request) => {
      searched.push(request);
      return resultOf([passage]);
    },
  };

  const reply = await askOnce(llm, "my invoice export", {
    subAgents: [{ ...billing, use_rag: true, collection_key: "cl_1" }],
    retriever,
  });

  expect(searched).toMatchObject([{ collection: "cl_1", query: "my invoice export" }]);
  expect(systemOf(llm)).toContain("[1] Manual > Data\nExport is under Settings.");
  expect(reply.sources).toMatchObject([{ document_id: "dc_1", chunk_id: "c1", span: [0, 25] }]);
  expect(reply.events).toMatchObject([{ type: "routing" }, { type: "sources" }]);
});

test("where the collections hold nothing on it the model is told to say so, and everybody sees it", async () => {
  const llm = createScriptedLlm(() => "There is nothing on that.");
  const retriever: Retriever = { search: async () => resultOf([]) };
  const rag = { ...billing, use_rag: true, collection_key: "cl_1" };

  const reply = await askOnce(llm, "my invoice on mars", { subAgents: [rag], retriever });
  const plain = await askOnce(llm, "my invoice on mars", { subAgents: [billing], retriever });

  expect(systemOf(llm)).toContain("holds nothing on it");
  expect(systemOf(llm)).toContain("do not answer from general knowledge");
  expect(reply).toMatchObject({ sources: [], nothing_relevant: true });
  expect(reply.events).toMatchObject([
    { type: "routing" },
    { type: "sources", sources: [], nothing_relevant: true },
  ]);
  expect(systemOf(llm, 1)).not.toContain("holds nothing on it");
  expect(plain.nothing_relevant).toBeUndefined();
  expect(plain.events).toMatchObject([{ type: "routing" }]);
});

test("what the built-in answerer would not quote is no source of its answer", async () => {
  const llm = createScriptedLlm(() => "There is nothing on that.");
  const passage: Passage = {
    ...{ documentId: "dc_1", documentTitle: "", chunkId: "c1", collection: "cl_1", ...noScores },
    ...{ text: "Export is under Settings.", headings: [], span: [0, 25], metadata: {} },
  };
  const retriever: Retriever = { search: async () => resultOf([passage]) };
  const agent = { model_name: "builtin", requires_collection: true, collection_ids: ["cl_1"] };

  const useless = await askOnce(llm, "which planets have rings", { agent, retriever });
  const useful = await askOnce(llm, "where is the export", { agent, retriever });

  expect(useless).toMatchObject({ builtin: true, sources: [], nothing_relevant: true });
  expect(useful.sources).toHaveLength(1);
});

test("passages of several collections stand in each one's order, the more relevant first", async () => {
  const llm = createScriptedLlm(() => "Yes.");
  const of = (collection: string, relevances: readonly number[]): readonly Passage[] =>
    relevances.map((relevance, at) => ({
      ...{ documentId: "d", documentTitle: "", chunkId: `${collection}.${at}`, collection },
      ...{ text: "x", headings: [], span: [0, 1], metadata: {}, ...noScores, relevance },
    }));
  const found: Record<string, readonly Passage[]> = {
    cl_1: of("cl_1", [0.5, 0.9]),
    cl_2: of("cl_2", [0.7, 0.6, 0.1]),
  };
  const retriever: Retriever = {
    search: async ({ collection }) => resultOf(found[collection] ?? []),
  };

  const { sources } = await askOnce(llm, "where is the key of the door", {
    agent: { requires_collection: true, collection_ids: ["cl_1", "cl_2"] },
    retriever,
  });

  expect(sources.map(({ chunk_id }) => chunk_id)).toEqual([
    ...["cl_2.0", "cl_2.1", "cl_1.0", "cl_1.1", "cl_2.2"],
  ]);
});

test("an answer that breaks its output_schema is repaired once and shown only when it fits", async () => {
  const llm = createScriptedLlm(({ call }) => (call === 1 ? '{"total":"x"}' : '{"total":3}'));
  const output_schema = { type: "object", properties: { total: { type: "number" } } };

  const reply = await askOnce(llm, "my invoice", { subAgents: [{ ...billing, output_schema }] });

  expect(reply).toMatchObject({
    response: '{"total":3}',
    output: { total: 3 },
    seen: '{"total":3}',
  });
  expect(reply.usage).toMatchObject({ promptTokens: 20, completionTokens: 10 });
  expect(llm.requests[1]?.messages.at(-1)?.content).toContain("/total");
  expect(llm.requests[0]?.responseFormat).toMatchObject({ type: "schema", schema: output_schema });
});

test("an answer that stays wrong fails naming the path, with what it cost", async () => {
  const llm = createScriptedLlm(() => '{"total":"x"}');
  const output_schema = { type: "object", properties: { total: { type: "number" } } };

  const { agents, chat } = await startTalk(llm, { subAgents: [{ ...billing, output_schema }] });
  const failed = await chat("my invoice")
    .reply()
    .catch((error: RuntimeError) => error);

  expect(failed).toMatchObject({ code: "OUTPUT_INVALID", details: { pointer: "/total" } });
  expect(llm.requests).toHaveLength(2);
  const ledger = agents.rows("ledger-fresh");
  expect(ledger).toContainEqual(
    expect.objectContaining({
      service: "spend",
      spend: expect.objectContaining({ promptTokens: 20, completionTokens: 10 }),
    }),
  );
  expect(ledger).toContainEqual(
    expect.objectContaining({
      service: "core-agent-chat",
      charge: expect.objectContaining({ micros: 0 }),
    }),
  );
});

test("required_parameters fill over turns; what the model reports is never shown", async () => {
  const llm = createScriptedLlm(({ call }) =>
    call === 1
      ? 'Which plan? <data>{"email":"a@b.c","plan":7}</data>'
      : 'All set.<data>{"plan":"pro"}</data>',
  );
  const required_parameters = {
    properties: { email: { type: "string" }, plan: { type: "string" } },
  };
  const { chat } = await startTalk(llm, { agent: { required_parameters } });

  const first = chat("I am a@b.c");
  const one = await first.reply();
  const two = await chat("the pro plan").reply();

  expect(one).toMatchObject({
    response: "Which plan?",
    data_collection: { collected: { email: "a@b.c" }, missing: ["plan"], complete: false },
  });
  expect(first.text()).toBe("Which plan?");
  expect(two.data_collection).toEqual({
    collected: { email: "a@b.c", plan: "pro" },
    missing: [],
    complete: true,
  });
  expect(systemOf(llm, 1)).toContain('Known: {"email":"a@b.c"}');
});

test("the history fits the window: oldest turns go first, the system prompt and the last turn stay", async () => {
  const llm = createScriptedLlm(({ call }) => `${"answer ".repeat(100)}${call}`, 2_000);
  const { agents, cv, chat } = await startTalk(llm, {
    agent: { system_message: "SYSTEM", max_tokens: 500 },
  });

  for (let turn = 1; turn <= 12; turn += 1) {
    await chat(`question ${turn} ${"x".repeat(40)}`).reply();
  }

  const messages = llm.requests.at(-1)?.messages ?? [];
  expect(messages[0]).toMatchObject({ role: "system", content: "SYSTEM" });
  expect(messages.at(-1)?.content).toContain("question 12");
  expect(messages[1]).toMatchObject({ role: "user" });
  expect(messages.length).toBeGreaterThan(8);
  expect(messages.length).toBeLessThan(20);
  const contents = messages.slice(1).map(({ content }) => content.slice(0, 11));
  expect(contents.at(-3)).toBe("question 11");
  expect(agents.messages(cv)).toHaveLength(24);
});

test("a greeting is answered without searching, a question to the supervisor is not", async () => {
  const searched: string[] = [];
  const retriever: Retriever = {
    search: async ({ query }) => {
      searched.push(query);
      return resultOf([]);
    },
  };
  const agent = { requires_collection: true, collection_ids: ["cl_1"] };

  const greeted = await askOnce(
    createScriptedLlm(() => "Hello!"),
    "hello",
    { agent, retriever },
  );
  await askOnce(
    createScriptedLlm(() => "Nothing."),
    "where is the key",
    { agent, retriever },
  );

  expect(greeted.sources).toEqual([]);
  expect(searched).toEqual(["where is the key"]);
});
