// Memories through the real door: written, listed, searched, changed, deleted, exported; whose they
// are; and the search of the history.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

const path = "/v2/memories";
let host: HttpHost;
let agent: string;

beforeAll(async () => {
  host = await startHttpHost();
  agent = await newAgent();
});
afterAll(() => host.stop());

async function newAgent(memory: object = {}): Promise<string> {
  const body = { name: "Desk", memory: { type: "vector_db", ...memory } };
  const made = await host.call("POST", "/v2/agents", body);
  expect(made.status).toBe(201);
  return String(made.body.id);
}

const write = (text: string, more: object = {}, headers: Record<string, string> = {}) =>
  host.call("POST", path, { agent_key: agent, user_key: "anna", text, ...more }, { headers });
const texts = ({ body }: { body: Json }): readonly string[] =>
  body.data.map(({ text }: Json) => text);

describe("the setting of an agent", () => {
  test("is shown as it was sent, and refused by its path when it is wrong", async () => {
    const memory = { type: "vector_db", collection: "data_processor_memory" };
    const made = await host.call("POST", "/v2/agents", { name: "Desk", memory });
    expect(made.body.memory).toEqual(memory);
    for (const [wrong, pointer] of [
      [{ type: "graph_db" }, "/memory"],
      [{ type: "vector_db", collection: "a/b" }, "/memory"],
      [{ type: "vector_db", limits: { entries: 0 } }, "/memory"],
      [{ type: "vector_db", recall: { top_k: 51 } }, "/memory"],
      [{ type: "vector_db", size: 1 }, "/memory"],
    ] as const) {
      const { status, body } = await host.call("POST", "/v2/agents", { name: "D", memory: wrong });
      expect(status).toBe(400);
      expect(JSON.stringify(body)).toContain(pointer);
    }
    const none = await host.call("POST", "/v2/agents", { name: "Desk" });
    expect(none.body.memory).toBeNull();
  });
});

describe("entries", () => {
  test("are written, shown, changed on condition and deleted", async () => {
    const made = await write("Likes tea.", { kind: "preference", metadata: { by: "desk" } });
    expect(made.status).toBe(201);
    const at = made.headers.get("location") ?? "";
    expect(made.body).toMatchObject({
      agent_key: agent,
      user_key: "anna",
      collection: "default",
      text: "Likes tea.",
      kind: "preference",
      metadata: { by: "desk" },
      importance: 0.5,
      source: null,
      written_by: "api",
      version: 1,
      last_recalled_at: null,
    });
    expect((await host.call("GET", at)).body).toEqual(made.body);
    const changed = await host.call("PATCH", at, { text: "Likes green tea." });
    expect(changed.body).toMatchObject({
      text: "Likes green tea.",
      kind: "preference",
      version: 2,
    });
    expect(changed.headers.get("etag")).toBe('"2"');
    const headers = { "If-Match": '"1"' };
    expect((await host.call("PATCH", at, { importance: 1 }, { headers })).status).toBe(412);
    expect((await host.call("DELETE", at, undefined, { headers })).status).toBe(412);
    const put = await host.call("PUT", at, { text: "Likes coffee." });
    expect(put.body).toMatchObject({
      text: "Likes coffee.",
      kind: "fact",
      metadata: {},
      version: 3,
    });
    const searched = await host.call("GET", `${path}?agent_key=${agent}&user_key=anna&q=coffee`);
    expect(texts(searched)).toEqual(["Likes coffee."]);
    expect(searched.body.data[0].scores).toHaveProperty("recency");
    expect((await host.call("DELETE", at)).status).toBe(204);
    expect((await host.call("GET", at)).status).toBe(404);
    expect((await host.call("DELETE", at)).status).toBe(404);
  });

  test("what says the same is renewed and answers 200; a key is done once", async () => {
    const first = await write("Speaks Welsh.");
    const same = await write("Speaks Welsh.");
    expect([first.status, same.status]).toEqual([201, 200]);
    expect(same.body.id).toBe(first.body.id);
    const key = { "Idempotency-Key": "memory-1" };
    const once = await write("Plays the harp.", {}, key);
    await host.call("DELETE", `${path}/${once.body.id}`);
    const again = await write("Plays the harp.", {}, key);
    expect(again.status).toBe(404);
    const other = await write("Plays the flute.", {}, key);
    expect(other.status).toBe(422);
  });

  test("wrong ones are refused by their path", async () => {
    const refusals: readonly (readonly [object, number, string])[] = [
      [{ text: "" }, 400, "/text"],
      [{ text: "   " }, 400, "/text"],
      [{ text: "x".repeat(1_001) }, 400, "/text"],
      [{ importance: 2 }, 400, "/importance"],
      [{ user_key: "x".repeat(129) }, 400, "/user_key"],
      [{ metadata: { a: "x".repeat(5_000) } }, 400, "/metadata"],
      [{ colour: "red" }, 400, "/colour"],
      [{ agent_key: "ag_unknown" }, 404, ""],
    ];
    for (const [more, status, pointer] of refusals) {
      const answer = await write("Fine.", more);
      expect([answer.status, pointer]).toEqual([status, pointer]);
      expect(JSON.stringify(answer.body)).toContain(pointer);
    }
    const bad = [`${path}?q=tea`, `${path}?limit=0`, `${path}?cursor=nonsense`];
    for (const wrong of bad) expect((await host.call("GET", wrong)).status).toBe(400);
    expect((await host.call("DELETE", path)).status).toBe(400);
  });

  test("a memory that refuses when it is full says so by name", async () => {
    const small = await newAgent({ limits: { entries: 1, when_full: "refuse" } });
    expect((await write("One.", { agent_key: small })).status).toBe(201);
    const full = await write("Something else.", { agent_key: small });
    expect(full.status).toBe(409);
    expect(full.body.code).toBe("MEMORY_FULL");
    expect(full.body.detail).toContain("memory.limits.entries");
  });
});

test("of many written at once to a full memory, none that was kept is answered as unknown", async () => {
  const small = await newAgent({ limits: { entries: 2 } });
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, at) =>
      write(`Fact ${at} is about ${"abcdefgh"[at % 8]}${at}.`, { agent_key: small }),
    ),
  );
  for (const { status, body } of answers) {
    expect([201, 409]).toContain(status);
    if (status === 409)
      expect(body.detail).toContain("There is room for 2 (memory.limits.entries)");
  }
  expect(texts(await host.call("GET", `${path}?agent_key=${small}`))).toHaveLength(2);
});

describe("lists", () => {
  test("pages and an export hold every entry of a filter once", async () => {
    const own = await newAgent();
    const wanted = Array.from(
      { length: 23 },
      (_, at) => `Entry ${at} of ${"abcdefg"[at % 7]}${at}.`,
    );
    for (const [at, text] of wanted.entries()) {
      await write(text, { agent_key: own, user_key: at % 2 === 0 ? "u/even" : null });
    }
    const listed: string[] = [];
    for (let next = ""; next !== null; ) {
      const cursor = next === "" ? "" : `&cursor=${encodeURIComponent(next)}`;
      const page = await host.call("GET", `${path}?agent_key=${own}&limit=5${cursor}`);
      listed.push(...texts(page));
      next = page.body.next_cursor;
    }
    expect([...listed].sort()).toEqual([...wanted].sort());
    const even = await host.call("GET", `${path}?user_key=${encodeURIComponent("u/even")}`);
    expect(texts(even)).toHaveLength(12);
    const nobody = await host.call("GET", `${path}?agent_key=${own}&user_key=`);
    expect(texts(nobody)).toHaveLength(11);
    const response = await fetch(`${host.url}${path}/export?agent_key=${own}`, {
      headers: { "X-API-Key": host.key },
    });
    expect(response.headers.get("content-type")).toContain("application/x-ndjson");
    const lines = (await response.text()).trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).text).sort()).toEqual([...wanted].sort());
  });

  test("all of a user is deleted from every agent, and an agent takes its memories along", async () => {
    const [first, second] = [await newAgent(), await newAgent()];
    for (const agent_key of [first, second]) {
      await write("Going away.", { agent_key, user_key: "leaver" });
      await write("Staying.", { agent_key, user_key: "stayer" });
    }
    const gone = await host.call("DELETE", `${path}?user_key=leaver`);
    expect(gone.body).toEqual({ deleted: 2 });
    expect(texts(await host.call("GET", `${path}?user_key=leaver`))).toEqual([]);
    expect(texts(await host.call("GET", `${path}?user_key=stayer`))).toHaveLength(2);
    await host.call("DELETE", `/v2/agents/${first}`);
    expect(texts(await host.call("GET", `${path}?user_key=stayer`))).toEqual(["Staying."]);
  });
});

describe("isolation", () => {
  test("another tenant sees, changes and deletes nothing, and cannot write for this agent", async () => {
    const { body } = await write("Of tenant one only.");
    const key = host.otherKey;
    const as = (method: string, to: string, sent?: object) => host.call(method, to, sent, { key });
    expect((await as("GET", `${path}/${body.id}`)).status).toBe(404);
    expect((await as("PATCH", `${path}/${body.id}`, { text: "Taken." })).status).toBe(404);
    expect((await as("DELETE", `${path}/${body.id}`)).status).toBe(404);
    expect((await as("POST", path, { agent_key: agent, text: "Let in." })).status).toBe(404);
    expect(texts(await as("GET", `${path}?agent_key=${agent}`))).toEqual([]);
    expect((await as("GET", `${path}?agent_key=${agent}&q=tenant`)).status).toBe(404);
    expect((await as("DELETE", `${path}?user_key=anna`)).body).toEqual({ deleted: 0 });
    const history = { query: "tenant" };
    expect((await as("POST", `/v2/agents/${agent}/history/search`, history)).status).toBe(404);
    expect((await host.call("GET", `${path}/${body.id}`)).status).toBe(200);
  });

  test("a key needs the service by name", async () => {
    const key = await host.makeKey(["agents", "runs"]);
    expect((await host.call("GET", path, undefined, { key })).status).toBe(403);
  });
});

describe("chat", () => {
  const say = (input: string, more: object = {}) =>
    host.call("POST", `/v2/agents/${agent}/runs`, { input, user_key: "carl", ...more });

  test("an entry of the API is recalled for its user alone, and the run's record says so", async () => {
    await write("The user's parrot is called Polly.", { user_key: "carl" });
    await write("The zoo opens at nine.", { user_key: null });
    const reply = await say("What is my parrot called?");
    expect(reply.body.memories).toMatchObject([{ text: "The user's parrot is called Polly." }]);
    const run = await host.call("GET", `/v2/runs/${reply.body.id}`);
    expect(run.body.result.memories).toEqual(reply.body.memories);
    const events = await host.events("GET", `/v2/runs/${reply.body.id}/events`);
    const told = (await events.rest()).map(({ data }) => data).join("\n");
    expect(told).toContain('"type":"memories"');
    const other = await say("What is my parrot called?", { user_key: "dora" });
    expect(other.body.memories).toEqual([]);
    const shared = await say("When does the zoo open?", { user_key: "dora" });
    expect(shared.body.memories).toMatchObject([{ text: "The zoo opens at nine." }]);
    const chat = { agent_key: agent, message: "Is my parrot a bird?", user_key: "carl" };
    const envelope = await host.call("POST", "/v1/proxy/core-agent-chat", chat);
    expect(envelope.body.data.memories).toHaveLength(1);
    const streamed = { ...chat, stream: true };
    const chunks = await (await host.events("POST", "/v1/proxy/core-agent-chat", streamed)).rest();
    expect(JSON.parse(chunks.at(-2)?.data ?? "").memories).toHaveLength(1);
    await expect
      .poll(
        async () => {
          const { id } = reply.body.memories[0];
          return (await host.call("GET", `${path}/${id}`)).body.last_recalled_at;
        },
        { timeout: 5_000 },
      )
      .not.toBeNull();
  });

  test("a search of the history goes on page by page to its end, best first, each message once", async () => {
    for (let at = 0; at < 13; at += 1) {
      await say(`Tell me about lemurs ${"and more ".repeat(at)}please.`, { user_key: "gina" });
    }
    const search = (body: object) =>
      host.call("POST", `/v2/agents/${agent}/history/search`, {
        ...{ query: "lemurs", user_key: "gina", ...body },
      });
    const whole = async () => (await search({ top_k: 50 })).body.data;
    await expect.poll(async () => (await whole()).length, { timeout: 10_000 }).toBe(13);
    const paged: Json[] = [];
    for (let cursor: string | null = null; ; ) {
      const { body }: { body: Json } = await search({ top_k: 5, ...(cursor && { cursor }) });
      paged.push(...body.data);
      cursor = body.next_cursor;
      if (cursor === null) break;
    }
    expect(paged).toEqual(await whole());
    for (const cursor of [
      "garbage",
      "5",
      (await host.call("GET", `${path}?limit=1`)).body.next_cursor,
    ]) {
      expect((await search({ cursor })).status).toBe(400);
    }
  });

  test("a search for facts that the balance does not hold is left out, and the run's events say so", async () => {
    const own = await newAgent({ extract: "after_turn" });
    await host.setBalance(0.0015);
    const chat = { agent_key: own, message: "I sail.", user_key: "fred" };
    expect((await host.call("POST", "/v1/proxy/core-agent-chat", chat)).status).toBe(200);
    const runs = async () =>
      (await host.call("GET", "/v2/runs?kind=memory-turn")).body.data.filter(
        ({ agent_key }: Json) => agent_key === own,
      );
    await expect.poll(async () => (await runs())[0]?.status, { timeout: 5_000 }).toBe("completed");
    const [run] = await runs();
    const events = await (await host.events("GET", `/v2/runs/${run.id}/events`)).rest();
    const balance = await host.balance();
    await host.setBalance(100);

    expect(balance).toBe(500);
    const told = events.filter(({ event }) => event === "event");
    expect(told.map(({ data }) => JSON.parse(data).event)).toContainEqual({
      type: "memory_skipped",
      reason: "BALANCE_EXHAUSTED",
    });
  });

  test("completions recall for the user that they name, and keep nothing", async () => {
    const sent = {
      model: `agent:${agent}`,
      user: "carl",
      messages: [{ role: "user", content: "What is my parrot called?" }],
    };
    await host.call("POST", "/v1/chat/completions", sent);
    const request = host.llm.requests.at(-1);
    expect(request?.messages[0]?.content).toContain("Polly");
    expect(request?.tools).toBeUndefined();
  });

  test("messages of a user's conversations are found again, and go with their conversation", async () => {
    const first = await say("Tell me about walruses please.", { user_key: "emma" });
    await say("And what about giraffes?", { user_key: "emma" });
    const search = (query: string, user_key = "emma") =>
      host.call("POST", `/v2/agents/${agent}/history/search`, { query, user_key });
    await expect
      .poll(async () => texts(await search("walruses")), { timeout: 5_000 })
      .toEqual(["Tell me about walruses please."]);
    const cv = first.body.conversation_key;
    expect((await search("walruses")).body.data[0]).toMatchObject({
      conversation_key: cv,
      role: "user",
      sequence: 1,
    });
    expect(texts(await search("walruses", "anna"))).toEqual([]);
    const query = `agent_key=${agent}&user_key=emma&q=walruses`;
    const found = await host.call("GET", `/v2/conversations?${query}`);
    expect(found.body.data).toMatchObject([{ id: cv, user_key: "emma" }]);
    const listed = await host.call("GET", `/v2/conversations?agent_key=${agent}&user_key=emma`);
    expect(listed.body.data).toHaveLength(2);
    expect(listed.body.data.map(({ user_key }: Json) => user_key)).toEqual(["emma", "emma"]);
    const shown = await host.call("GET", `/v2/conversations/${cv}`);
    expect(shown.body.user_key).toBe("emma");
    await host.call("DELETE", `/v2/conversations/${cv}`);
    await expect.poll(async () => texts(await search("walruses")), { timeout: 5_000 }).toEqual([]);
  });
});
