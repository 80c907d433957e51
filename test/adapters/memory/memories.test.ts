// Memories on the real store: what is written once, merged, dropped, found again by other threads,
// kept apart, and really deleted.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MemoryScope, MemoryWrite } from "../../../actors/memory/memories.ts";
import type { MemoryStore } from "../../../actors/memory/store.ts";
import type { Embedders } from "../../../actors/ports.ts";
import { type MemoryBounds, memoryBounds } from "../../../actors/records/memory.ts";
import { createBuiltinEmbedder } from "../../../adapters/embed/builtin.ts";
import { createEmbedders } from "../../../adapters/embed/embedders.ts";
import { createQuestions } from "../../../adapters/embed/questions.ts";
import { createMemories } from "../../../adapters/memory/memories.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Bulk } from "../../../runtime/store/bulk.ts";
import { codeOf } from "../../support/agents-test.ts";
import { type KnowledgeRows, startKnowledgeRows } from "../../support/knowledge-rows.ts";
import { otherEmbedder } from "../../support/other-embedder.ts";

let rows: KnowledgeRows;
let memories: MemoryStore;
let nowMs = Date.UTC(2026, 0, 1);
let users = 0;
let operations = 0;

const embedders = createEmbedders(createBuiltinEmbedder());
const over = (bulk: Bulk, more: Partial<Parameters<typeof createMemories>[0]> = {}): MemoryStore =>
  createMemories({ bulk, embedders, nowMs: () => nowMs, ...more });

beforeAll(async () => {
  rows = await startKnowledgeRows();
  memories = over(rows.bulk);
});
afterAll(() => rows.close());

function newScope(more: Partial<MemoryScope> = {}): MemoryScope {
  users += 1;
  return { tenant: "tn_1", agent: "ag_1", user: `user ${users}`, collection: "default", ...more };
}

const bounds = memoryBounds(null);

function write(
  scope: MemoryScope,
  text: string,
  more: Partial<MemoryWrite> & {
    readonly bounds?: MemoryBounds;
    readonly id?: string;
    readonly by?: MemoryStore;
    readonly sinceMs?: number;
  } = {},
) {
  const { by = memories, bounds: within = bounds, id, sinceMs = nowMs, ...rest } = more;
  operations += 1;
  const fact = { text, source: null, writtenBy: "api", ...rest } as const;
  return by.write(scope, fact, within, { id: id ?? `rn_1/${operations}`, sinceMs });
}

async function texts(scope: MemoryScope, by = memories): Promise<readonly string[]> {
  const { tenant, agent, user, collection } = scope;
  const { items } = await by.list(tenant, { agent, user, collection }, { limit: 100 });
  return items.map(({ text }) => text);
}

const ask = (query: string) => ({ query, topK: 5, threshold: 0.15, halfLifeDays: 90 });
const recalled = async (scope: MemoryScope, query: string, by = memories) =>
  (await by.recall(scope, ask(query))).map(({ text }) => text);

/** Every row of the store that holds the text, whatever family it is of. */
async function rowsHolding(text: string): Promise<readonly string[]> {
  const all = await rows.bulk.range({ from: "", to: "~", limit: 100_000 });
  return all.filter(({ value }) => Buffer.from(value).includes(text)).map(({ key }) => key);
}

test("an embedder that hangs is waited for a little, then words recall", async () => {
  const far = otherEmbedder("far-1");
  const scope = newScope();
  const named = { embedders: { ...embedders, find: async () => far, pinned: async () => far } };
  const questions = createQuestions({ find: async () => far, waitMs: 50 });
  const by = over(rows.connect(), { ...named, questions });
  await write(scope, "The user's dog is called Rex.", { by });
  far.before = () => new Promise(() => undefined);

  expect(await recalled(scope, "what is my dog called?", by)).toHaveLength(1);
});

describe("writing", () => {
  test("a fact is found again by another thread that searched before it was written", async () => {
    const scope = newScope();
    const other = over(rows.connect());
    await write(scope, "The user's dog is called Rex.");
    expect(await recalled(scope, "what is my dog called?", other)).toHaveLength(1);
    await write(scope, "The user's cat is called Minka.");
    expect((await recalled(scope, "what is my cat called?", other))[0]).toBe(
      "The user's cat is called Minka.",
    );
  });

  test("an operation that comes again writes nothing, also when its entry was deleted or edited", async () => {
    const scope = newScope();
    const first = await write(scope, "Likes tea.", { id: "rn_7/tool" });
    expect(await write(scope, "Likes tea.", { id: "rn_7/tool" })).toEqual(first);
    expect(await texts(scope)).toEqual(["Likes tea."]);
    await memories.removeEntry("tn_1", first.id ?? "", null);
    expect(await write(scope, "Likes tea.", { id: "rn_7/tool" })).toEqual(first);
    expect(await texts(scope)).toEqual([]);
  });

  test("what says the same renews one entry; another number is another fact", async () => {
    const scope = newScope();
    const first = await write(scope, "The user lives in Berlin.", { importance: 0.9 });
    const again = await write(scope, "The user lives in Berlin.");
    const nearly = await write(scope, "User lives in Berlin");
    expect(again).toEqual({ status: "unchanged", id: first.id });
    expect(nearly).toEqual({ status: "updated", id: first.id });
    const entry = await memories.get("tn_1", first.id ?? "");
    expect(entry).toMatchObject({ text: "User lives in Berlin", version: 2, importance: 0.9 });
    await write(scope, "The order of the red running shoes has the number 4711.");
    await write(scope, "The order of the red running shoes has the number 4712.");
    expect(await texts(scope)).toHaveLength(3);
  });

  test("an entry that is replaced by name has the new text", async () => {
    const scope = newScope();
    const { id } = await write(scope, "Works at Acme.");
    const replaced = await write(scope, "Is retired since May.", { replaces: id ?? "" });
    expect(replaced).toEqual({ status: "updated", id });
    expect(await texts(scope)).toEqual(["Is retired since May."]);
  });

  test("twenty threads' worth of writes at once are all kept, each once", async () => {
    const scope = newScope();
    const stores = [memories, over(rows.connect()), over(rows.connect())];
    const words = Array.from(
      { length: 20 },
      (_, at) => `Fact ${at}: ${"abcdefghij"[at % 10]}${at}xyz.`,
    );
    await Promise.all(
      words.map((text, at) => write(scope, text, { by: stores[at % 3] ?? memories })),
    );
    expect([...(await texts(scope))].sort()).toEqual([...words].sort());
  });
});

describe("limits", () => {
  test("a full memory drops the least valuable entry, or refuses by name", async () => {
    const scope = newScope();
    const narrow = { ...bounds, entries: 3 };
    await write(scope, "Is allergic to nuts.", { importance: 1, bounds: narrow });
    await write(scope, "Once asked for the weather.", { importance: 0.1, bounds: narrow });
    await write(scope, "Speaks French.", { bounds: narrow });
    const more = await write(scope, "Has two children.", { bounds: narrow });
    expect(more.dropped).toHaveLength(1);
    expect(await texts(scope)).not.toContain("Once asked for the weather.");
    expect(await texts(scope)).toHaveLength(3);
    const refused = write(scope, "Plays chess.", { bounds: { ...narrow, whenFull: "refuse" } });
    expect(await codeOf(refused)).toBe("MEMORY_FULL");
  });

  test("what was recalled lately outlives what was not", async () => {
    const scope = newScope();
    const narrow = { ...bounds, entries: 2, halfLifeDays: 1 };
    const used = await write(scope, "Drives a green van.", { bounds: narrow });
    nowMs += 86_400_000;
    await write(scope, "Collects old stamps.", { bounds: narrow });
    nowMs += 86_400_000;
    await memories.recalled(scope, [used.id ?? ""]);
    await write(scope, "Sings in a choir.", { bounds: narrow });
    expect(await texts(scope)).toEqual(["Drives a green van.", "Sings in a choir."]);
    expect((await memories.get("tn_1", used.id ?? "")).last_recalled_at).not.toBeNull();
  });

  test("a text over the limit of characters is refused", async () => {
    const long = write(newScope(), "x".repeat(bounds.entryChars + 1));
    expect(await codeOf(long)).toBe("INVALID");
  });
});

describe("isolation", () => {
  test("no other user, agent, collection or tenant recalls, lists or removes it", async () => {
    const scope = newScope();
    const { id } = await write(scope, "The secret word is Xanadu.");
    const others = [
      { ...scope, user: "somebody else" },
      { ...scope, user: null },
      { ...scope, user: `${scope.user}/` },
      { ...scope, agent: "ag_2" },
      { ...scope, tenant: "tn_2" },
      { ...scope, collection: "other" },
    ];
    for (const other of others) {
      expect(await recalled(other, "secret word Xanadu")).toEqual([]);
      expect(await texts(other)).toEqual([]);
      expect(await memories.remove(other, id ?? "")).toBe(false);
      await memories.recalled(other, [id ?? ""]);
    }
    expect(await codeOf(memories.get("tn_2", id ?? ""))).toBe("NOT_FOUND");
    expect(await recalled(scope, "secret word Xanadu")).toHaveLength(1);
  });

  test("users whose names only look alike have memories of their own", async () => {
    const names = ["*", "#", "~", "a/b", "a", "A", "ä", "x".repeat(65), "x".repeat(66), " "];
    for (const user of names) await write(newScope({ user, agent: "ag_names" }), `I am <${user}>.`);
    for (const user of names) {
      expect(await texts(newScope({ user, agent: "ag_names" }))).toEqual([`I am <${user}>.`]);
    }
    expect(await texts(newScope({ user: null, agent: "ag_names" }))).toEqual([]);
  });

  test("a cursor that was made up leads to nobody else's memories", async () => {
    const scope = newScope({ tenant: "tn_cursor" });
    await write(scope, "One.");
    const cursor = Buffer.from("b/a/tn_1/m/ag_1/\n").toString("base64url");
    const listed = memories.list("tn_cursor", { agent: "ag_1" }, { limit: 5, after: cursor });
    expect(await codeOf(listed)).toBe("INVALID");
  });
});

describe("lists", () => {
  test("pages go through users, agents and collections without gap or repeat", async () => {
    const tenant = "tn_pages";
    const wanted: string[] = [];
    for (const agent of ["ag_a", "ag_b"]) {
      for (const user of ["u1", "u2", null]) {
        for (const collection of ["c", "d"]) {
          for (const word of ["alpha", "beta", "gamma"]) {
            const text = `${agent} ${user} ${collection} ${word}`;
            wanted.push(text);
            await write({ tenant, agent, user, collection }, text);
          }
        }
      }
    }
    const all = async (filter: object): Promise<readonly string[]> => {
      const found: string[] = [];
      for (let cursor: string | null = ""; cursor !== null; ) {
        const from = cursor === "" ? {} : { after: cursor };
        const page = await memories.list(tenant, filter, { limit: 5, ...from });
        found.push(...page.items.map(({ text }) => text));
        cursor = page.next;
      }
      return found;
    };
    const fits = (part: RegExp) => wanted.filter((text) => part.test(text)).sort();
    expect([...(await all({}))].sort()).toEqual(fits(/./));
    expect([...(await all({ agent: "ag_a" }))].sort()).toEqual(fits(/^ag_a/));
    expect([...(await all({ user: "u2" }))].sort()).toEqual(fits(/ u2 /));
    expect([...(await all({ user: null }))].sort()).toEqual(fits(/ null /));
    expect([...(await all({ agent: "ag_b", user: "u1", collection: "d" }))].sort()).toEqual(
      fits(/ag_b u1 d/),
    );
  });
});

describe("deleting", () => {
  test("all of a user is gone from every agent and from the disk, and may be begun anew", async () => {
    const scope = newScope({ user: "leaver" });
    const at = { ...scope, agent: "ag_2" };
    const { id } = await write(scope, "Sworn to Zyzzyva.");
    await write(at, "Fond of Zyzzyva.");
    await memories.addHistory(scope, [message("cv_l", 1, "Tell me of Zyzzyva.")], nowMs);
    const stays = newScope();
    await write(stays, "Zyzzyva stays here.");
    expect(await memories.removeAll("tn_1", { user: "leaver" })).toBe(2);
    expect(await texts(scope)).toEqual([]);
    expect(await recalled(at, "Zyzzyva")).toEqual([]);
    expect(await found(scope, "Zyzzyva")).toEqual([]);
    expect(await codeOf(memories.get("tn_1", id ?? ""))).toBe("NOT_FOUND");
    expect(await rowsHolding("Zyzzyva")).toHaveLength(1);
    nowMs += 1;
    await write(scope, "Came back.");
    expect(await texts(scope)).toEqual(["Came back."]);
    expect(await texts(stays)).toHaveLength(1);
  });

  test("work that began before a deletion writes nothing after it, also into an empty memory", async () => {
    const scope = newScope();
    const sinceMs = nowMs;
    nowMs += 10;
    await memories.removeAll("tn_1", { user: scope.user });
    const late = await write(scope, "Too late.", { sinceMs });
    await memories.addHistory(scope, [message("cv_x", 1, "Too late.")], sinceMs);
    expect(late).toEqual({ status: "forgotten", id: null });
    expect(await texts(scope)).toEqual([]);
    expect(await found(scope, "too late")).toEqual([]);
  });

  test("a deleted conversation takes with it what was learned in it, for good", async () => {
    const scope = newScope();
    const source = { conversation_key: "cv_gone", message_id: null };
    await write(scope, "Learned in Quuxville.", { source });
    await write(scope, "Learned elsewhere.", { source: { ...source, conversation_key: "cv_b" } });
    await write({ ...scope, user: null }, "Of all users, from Quuxville.", { source });
    await memories.addHistory(scope, [message("cv_gone", 1, "I am from Quuxville.")], nowMs);
    await memories.addHistory(scope, [message("cv_b", 1, "I am from Paris.")], nowMs);
    await memories.forgetConversation(scope, "cv_gone");
    await write(scope, "Again from Quuxville.", { source });
    await memories.addHistory(scope, [message("cv_gone", 3, "Quuxville again.")], nowMs);
    expect(await texts(scope)).toEqual(["Learned elsewhere."]);
    expect(await found(scope, "I am from Quuxville or Paris")).toEqual(["I am from Paris."]);
    expect(await rowsHolding("Quuxville")).toEqual([]);
  });

  test("what operations leave behind goes when its time is over", async () => {
    const before = (await rows.bulk.range({ from: "j/o/", to: "j/o/~", limit: 10_000 })).length;
    nowMs += 50 * 3_600_000;
    for (let at = 0; at < before; at += 1) await write(newScope(), `Mark ${at} of many.`);
    const left = await rows.bulk.range({ from: "j/o/", to: "j/o/~", limit: 10_000 });
    expect(before).toBeGreaterThan(10);
    expect(left).toHaveLength(before);
  });
});

const message = (conversation: string, sequence: number, text: string) =>
  ({ conversation, sequence, role: "user", text, atMs: nowMs + sequence }) as const;
const found = async (scope: MemoryScope, query: string, by = memories) =>
  (await by.searchHistory(scope, { query, topK: 5 })).map(({ text }) => text);

describe("history", () => {
  test("messages are found by their words, each once, and the oldest leave when there are too many", async () => {
    const scope = newScope();
    const small = over(rows.connect(), { historyEntriesMax: 4 });
    for (let at = 1; at <= 6; at += 1) {
      const one = message("cv_h", at, `Message ${at} is about topic${at}.`);
      await small.addHistory(scope, [one], nowMs);
      await small.addHistory(scope, [one], nowMs);
    }
    expect(await found(scope, "topic6")).toEqual(["Message 6 is about topic6."]);
    expect(await found(scope, "topic2")).not.toContain("Message 2 is about topic2.");
    expect(await found(scope, "message about topic", small)).toHaveLength(4);
    expect(await found({ ...scope, user: "another" }, "topic6")).toEqual([]);
  });
});

describe("embedders", () => {
  test("without the embedder that a memory is pinned to, words alone find and keep it", async () => {
    const scope = newScope();
    await write(scope, "The user's boat is called Aurora.");
    const refuse = () => Promise.reject(new RuntimeError("EMBEDDER_UNAVAILABLE", "It is gone."));
    const without: Embedders = { ...embedders, find: refuse, pinned: refuse };
    const lame = over(rows.connect(), { embedders: without });
    await write(scope, "The boat lies in Kiel.", { by: lame });
    expect(await recalled(scope, "where is my boat?", lame)).toHaveLength(2);
    expect(await recalled(scope, "boat Kiel")).toContain("The boat lies in Kiel.");
  });

  test("an embedder that may answer later is asked again instead of keeping a fact without vector", async () => {
    const busy = () => Promise.reject(new RuntimeError("PROVIDER_LIMITED", "Later."));
    const lame = over(rows.connect(), { embedders: { ...embedders, find: busy, pinned: busy } });
    expect(await codeOf(write(newScope(), "Likes jazz.", { by: lame }))).toBe("PROVIDER_LIMITED");
  });
});
