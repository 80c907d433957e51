// `[n]` of the answers to a message of several parts, where they come together.

import { expect, test } from "vitest";
import type { Passage } from "../../actors/knowledge/search.ts";
import type { Agent } from "../../actors/records/agent.ts";
import { askOnce } from "../support/agents-test.ts";
import { noScores, resultOf } from "../support/find.ts";
import { createScriptedLlm } from "../support/scripted-llm.ts";

const passage = (collection: string, chunkId: string): Passage => ({
  ...{ documentId: "dc_1", documentTitle: "T", chunkId, collection },
  ...{ text: `What ${chunkId} says.`, headings: [], span: [0, 10], metadata: {}, ...noScores },
});
/** Both collections hold the house rules, on the second place. */
const retriever = {
  search: async ({ collection }: { readonly collection: string }) =>
    resultOf([passage(collection, `own-${collection}`), passage("cl_rules", "rules")]),
};

/** Each part cites its own passages, its second one and a number that is no citation. */
const speaking = () =>
  createScriptedLlm(({ request }) => {
    const system = request.messages[0]?.content ?? "";
    if (system.includes("specialists")) return "Both [1].";
    return `${system.includes("Billing") ? "Refunded" : "Restarted"} [1] by rule [2], see [7].`;
  });

const ask = (llm: ReturnType<typeof speaking>, agent: Partial<Agent> = {}) =>
  askOnce(llm, "Please send my invoice again and then fix the login crash", {
    ...{ retriever, agent },
    subAgents: [
      ["Billing", "sa_a", "cl_a", ["invoice"]],
      ["Technical", "sa_b", "cl_b", ["crash", "login"]],
    ].map(([name, sub_agent_key, collection_key, keywords]) => ({
      ...({ name, sub_agent_key, collection_key, use_rag: true, model_name: "m" } as object),
      trigger: { keywords: keywords as string[], description: String(name) },
    })),
  });

const chunks = ({ sources }: { readonly sources: readonly { readonly chunk_id: string }[] }) =>
  sources.map(({ chunk_id }) => chunk_id);

test("answers that stand in order because no model concludes name places in the sources of all", async () => {
  const reply = await ask(speaking(), { model_name: "builtin" });

  expect(chunks(reply)).toEqual(["own-cl_a", "rules", "own-cl_b"]);
  expect(reply.response).toBe(
    "Refunded [1] by rule [2], see [7].\n\nRestarted [3] by rule [2], see [7].",
  );
  expect(reply.seen).toBe(reply.response);
});

test("the model that concludes is given the numbers of all sources", async () => {
  const llm = speaking();
  const reply = await ask(llm);

  const told = llm.requests.at(-1)?.messages[0]?.content;
  expect(told).toContain("Answer: Refunded [1] by rule [2], see [7].");
  expect(told).toContain("Answer: Restarted [3] by rule [2], see [7].");
  expect(chunks(reply)).toEqual(["own-cl_a", "rules", "own-cl_b"]);
});

test("where the supervisor has passages of its own the parts' numbers are left out, and its own come first", async () => {
  const llm = speaking();
  const reply = await ask(llm, { requires_collection: true, collection_ids: ["cl_own"] });

  const told = llm.requests.at(-1)?.messages[0]?.content;
  expect(told).toContain("Answer: Restarted by rule, see [7].");
  expect(reply.response).toBe("Both [1].");
  expect(chunks(reply)).toEqual(["own-cl_own", "rules", "own-cl_a", "own-cl_b"]);
  const shown = reply.events.filter((event) => (event as { type: string }).type === "sources");
  expect(shown).toHaveLength(2);
});
