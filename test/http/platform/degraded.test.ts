// An embedder that cannot be asked, through the real door: searches and chats go by words and say so,
// what needs a vector is refused, and nothing is said to be unknown by a measure of vectors.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createBuiltinEmbedder } from "../../../adapters/embed/builtin.ts";
import { createEmbedders } from "../../../adapters/embed/embedders.ts";
import { questionLimits } from "../../../adapters/embed/questions.ts";
import { type ErrorCode, RuntimeError } from "../../../runtime/errors.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { embeddersWith, otherEmbedder } from "../../support/other-embedder.ts";

const collections = "/v2/knowledge/collections";
const other = otherEmbedder("openai:p:m:8");
/** Of a collection of its own: what fails for all stays known for a while. */
const far = otherEmbedder("openai:far:m:8");
let host: HttpHost;
let path = "";
let agent = "";

const trouble = (code: ErrorCode): void => {
  other.before = () => Promise.reject(new RuntimeError(code, "It is away."));
};

beforeAll(async () => {
  host = await startHttpHost({
    embedders: embeddersWith(createEmbedders(createBuiltinEmbedder()), [other, far]),
  });
  [path, agent] = await make(other.id);
});
afterAll(() => host.stop());
afterEach(() => {
  other.before = () => Promise.resolve();
});

/** Path of a collection with three documents, and an agent that uses it. */
async function make(embedder: string): Promise<[string, string]> {
  const made = await host.call("POST", collections, { name: "Docs", embedder });
  const texts = [
    ["export", "A report is exported from the settings as a spreadsheet."],
    ["otter", "Otters sleep on their backs and hold each other by the paws."],
    ["badger", "Badgers dig tunnels under the old meadow at night."],
  ];
  const of = `${collections}/${made.body.id}`;
  for (const [id, text] of texts) {
    await host.call("POST", `${of}/documents?wait=true`, { id, text });
  }
  const { body } = await host.call("POST", "/v2/agents", {
    ...{ name: "Desk", model_name: "gpt-4o-mini" },
    ...{ requires_collection: true, collection_ids: [made.body.id] },
  });
  return [of, body.id];
}

const search = (body: object) => host.call("POST", `${path}/search`, body);

test.each(["PROVIDER_FAILED", "EMBEDDER_UNAVAILABLE", "POOL_FULL"] as const)(
  "a hybrid search goes by words when there is no vector: %s",
  async (code) => {
    trouble(code);
    const { status, body } = await search({ query: "How do otters sleep?" });

    expect(status).toBe(200);
    expect(body.degraded).toEqual({ code, message: "Searched by words alone: It is away." });
    expect(body.search).toMatchObject({ mode: "lexical", weights: { vector: 0, lexical: 1 } });
    expect(body.data.map(({ document_id }: { document_id: string }) => document_id)).toEqual([
      "otter",
    ]);
    expect(body.data[0].scores.vector).toEqual({ score: null, rank: null });
    expect(body.nothing_relevant).toBe(false);
  },
);

test("a question whose words nobody uses finds nothing, and says how it was searched", async () => {
  trouble("EMBEDDER_UNAVAILABLE");
  const { body } = await search({ query: "Which planets have rings of ice?" });

  expect(body).toMatchObject({
    ...{ data: [], nothing_relevant: true },
    degraded: { code: expect.any(String) },
  });
});

test("who asks for vectors is told that there are none", async () => {
  trouble("PROVIDER_FAILED");
  const vector = await search({ query: "otters", mode: "vector" });
  trouble("EMBEDDER_UNAVAILABLE");
  const missing = await search({ query: "otters", mode: "vector" });

  expect([vector.status, vector.body.code]).toEqual([502, "PROVIDER_FAILED"]);
  expect([missing.status, missing.body.code]).toEqual([503, "EMBEDDER_UNAVAILABLE"]);
});

test("a collection that counts vectors alone goes by words too, unless vectors are asked for", async () => {
  trouble("EMBEDDER_UNAVAILABLE");
  const { status, body } = await search({ query: "otters", weights: { lexical: 0 } });

  expect([status, body.data[0].document_id]).toEqual([200, "otter"]);
  expect(body.degraded).toBeDefined();
});

test("a chat answers with what its words found, and every place of the answer says so", async () => {
  trouble("EMBEDDER_UNAVAILABLE");
  const asked = { agent_key: agent, message: "How do otters sleep on their backs?" };
  const { status, body } = await host.call("POST", "/v1/proxy/core-agent-chat", asked);
  const { data } = body;
  const events = await host.events("POST", "/v1/proxy/core-agent-chat", { ...asked, stream: true });
  const streamed = (await events.rest()).map(({ data: text }) => text);
  const messages = await host.call("GET", `/v2/conversations/${data.conversation_key}/messages`);
  const run = await host.call("GET", `/v2/runs/${data.run_id}`);

  const degraded = {
    code: "EMBEDDER_UNAVAILABLE",
    message: "Searched by words alone: It is away.",
  };
  expect(status).toBe(200);
  expect(data.sources[0]).toMatchObject({ document_id: "otter" });
  expect(data.degraded).toEqual(degraded);
  expect(data).not.toHaveProperty("nothing_relevant");
  expect(streamed.filter((text) => text.includes('"degraded":{"code"'))).toHaveLength(2);
  expect(messages.body.data.at(-1)).toMatchObject({ role: "assistant", degraded });
  expect(run.body.result).toMatchObject({ degraded });
});

test("where words found nothing the model is told that, and not that there is nothing", async () => {
  trouble("EMBEDDER_UNAVAILABLE");
  const asked = { agent_key: agent, message: "Which planets have rings made of ice?" };
  const { body } = await host.call("POST", "/v1/proxy/core-agent-chat", asked);
  const prompt = JSON.stringify(host.llm.requests.at(-1)?.messages);

  expect(body.data).toMatchObject({ sources: [], nothing_relevant: true });
  expect(body.data.degraded.code).toBe("EMBEDDER_UNAVAILABLE");
  expect(prompt).toContain("searched for the words of this message");
  expect(prompt).not.toContain("holds nothing on it");
});

test("a chat waits for a provider that hangs once, the next not at all", async () => {
  const [, asking] = await make(far.id);
  far.before = () => new Promise(() => undefined);
  const asked = { agent_key: asking, message: "How do otters sleep on their backs?" };
  const chat = async (): Promise<number> => {
    const began = performance.now();
    const { body } = await host.call("POST", "/v1/proxy/core-agent-chat", asked);
    expect(body.data.sources[0]).toMatchObject({ document_id: "otter" });
    expect(body.data.degraded.code).toBe("PROVIDER_UNAVAILABLE");
    return performance.now() - began;
  };
  const first = await chat();
  const next = await chat();

  expect(first).toBeGreaterThanOrEqual(questionLimits.waitMs - 50);
  expect(next).toBeLessThan(questionLimits.waitMs);
}, 20_000);
