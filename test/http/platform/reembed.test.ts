// A collection is embedded anew through the real door: beside what is searched, followed by the changes
// that come meanwhile, switched at once; paused, resumed, cancelled, removed.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { preparedOf } from "../../../adapters/knowledge/rows.ts";
import type { HttpHost } from "../../support/http-host.ts";
import { jobAs } from "../../support/jobs.ts";
import { type Made, reembedding, textsOf } from "../../support/reembedding.ts";
import { createGate } from "../../support/scripted-llm.ts";
import type { Json, WireEvent } from "../../support/wire-client.ts";

const room = reembedding();
const { other, newCollection, add, reembed } = room;
let host: HttpHost;
beforeAll(async () => {
  host = await room.start();
});
afterAll(() => host.stop());
afterEach(() => room.release());

async function search({ path }: Made, query: string, topK = 5): Promise<readonly Json[]> {
  const { body, status } = await host.call("POST", `${path}/search`, {
    query,
    top_k: topK,
    mode: "lexical",
  });
  expect(status).toBe(200);
  return body.data;
}

/** Keys of the bulk environment that have to do with a collection, by family. */
async function rowsOf({ id }: Made, family: string) {
  const rows = [];
  for (let from = `${family}/${host.tenant}/${id}`; ; ) {
    const to = `${family}/${host.tenant}/${id}~`;
    const some = await host.system.bulk.range({ from, to, limit: 200 });
    const last = some.at(-1);
    if (last === undefined) return rows;
    rows.push(...some);
    from = `${last.key}!`;
  }
}

/**
 * All that a collection holds, but for when it was written, whose write it was and where it lies: once
 * nothing is left of the edition before, whose chunks lie beside them.
 */
async function contentOf(made: Made): Promise<readonly Json[]> {
  await expectTidy(made);
  const documents: Json[] = [];
  for (let cursor = ""; ; ) {
    const { body } = await host.call("GET", `${made.path}/documents?limit=100&cursor=${cursor}`);
    documents.push(...body.data);
    if (body.next_cursor === null) break;
    cursor = encodeURIComponent(body.next_cursor);
  }
  const chunks = new Map<string, object[]>();
  for (const { key, value } of await rowsOf(made, "u")) {
    const document = key.split("/")[3] ?? "";
    const { vector, ...rest } = preparedOf(value);
    chunks.set(document, [...(chunks.get(document) ?? []), { ...rest, vector: [...vector] }]);
  }
  return documents.map(({ created_at: _, updated_at: __, ...rest }) => ({
    ...rest,
    own: chunks.get(rest.id),
  }));
}

/** What is left of the edition before, or of one that was given up. */
async function expectTidy(made: Made): Promise<void> {
  const editions = async () => {
    const families = await Promise.all(["q", "p", "w", "u", "h"].map((one) => rowsOf(made, one)));
    const keys = families.flat().map(({ key }) => key.split("/")[2]);
    return [new Set(keys).size, (await rowsOf(made, "v")).length];
  };
  await expect.poll(editions, { timeout: 10_000 }).toEqual([1, 0]);
}

test("a collection is embedded anew, and is what it would be had it been made so", async () => {
  const made = await newCollection();
  const before = textsOf(140, "walrus");
  await add(made, before);
  const shown = (await host.call("GET", `${made.path}/documents/walrus-7`)).body;

  const location = await reembed(made);
  const events = await (await host.events("GET", `${location}/events`)).rest();
  const job = await jobAs(host, location, "completed");
  const collection = (await host.call("GET", made.path)).body;
  const after = (await host.call("GET", `${made.path}/documents/walrus-7`)).body;
  const fresh = await newCollection("other-1");
  await add(fresh, before);

  expect(job).toMatchObject({
    kind: "reembed",
    embedder: { id: "other-1", dimension: 8 },
    documents: { total: 140, updated: 140, failed: 0 },
    done: 140,
    error: null,
  });
  const told = events.flatMap(({ event, data }: WireEvent) =>
    event === "event" ? [JSON.parse(data).event.documents] : [],
  );
  expect(told.length).toBeGreaterThan(1);
  expect(told).toEqual([...told].sort((a, b) => a - b));
  expect(told.at(-1)).toBe(140);
  expect(events.at(-1)?.event).toBe("end");
  expect(collection.embedder).toEqual({ id: "other-1", dimension: 8 });
  expect({ ...after, chunks: 0 }).toEqual({ ...shown, chunks: 0 });
  expect(after.chunks).toBeGreaterThan(shown.chunks);
  expect(await contentOf(made)).toEqual(await contentOf(fresh));
  expect((await search(made, "walrus number 139"))[0]).toMatchObject({
    document_id: "walrus-139",
    collection: made.id,
  });
  // The same documents are known, and new ones are embedded as the others are.
  other.texts.length = 0;
  const again = await add(made, [before[0] ?? {}, ...textsOf(1, "seal")]);
  expect(again.data.map(({ status }: Json) => status)).toEqual(["unchanged", "created"]);
  expect(other.texts.length).toBeGreaterThan(0);
});

test("until the switch searches see what was there, and another job is refused meanwhile", async () => {
  const made = await newCollection();
  await add(made, textsOf(40, "otter"));
  const gate = createGate();
  other.before = () => gate.wait(new AbortController().signal);

  const location = await reembed(made);
  await gate.reached;
  const found = await search(made, "otter number 3", 50);
  const twice = await host.call("POST", `${made.path}/reembed`, { embedder: "other-2" });
  const collection = (await host.call("GET", made.path)).body;
  gate.open();
  await jobAs(host, location, "completed");
  const unknown = await host.call("POST", `${made.path}/reembed`, { embedder: "nobody" });

  expect(found[0]?.["document_id"]).toBe("otter-3");
  expect(collection.embedder.id).toBe("builtin-1");
  expect([twice.status, twice.body.detail]).toEqual([409, expect.stringContaining("jb_")]);
  expect(unknown.status).toBeGreaterThanOrEqual(400);
  expect((await search(made, "otter number 3"))[0]?.["document_id"]).toContain("otter-");
});

test("what is added, replaced and removed meanwhile is there after it, and nothing else", async () => {
  const made = await newCollection();
  await add(made, textsOf(150, "heron"));
  const wanted = new Map(textsOf(150, "heron").map((one) => [one.id, one]));
  let isOver = false;
  let at = 0;
  const write = async (): Promise<void> => {
    for (; !isOver; at += 1) {
      const [fresh, changed] = [textsOf(1, "new", at)[0], textsOf(1, `other${at}`, at)[0]];
      if (fresh === undefined || changed === undefined) return;
      await add(made, [fresh]);
      wanted.set(fresh.id, fresh);
      const replaced = { ...changed, id: `heron-${(at * 7) % 150}` };
      await add(made, [replaced]);
      wanted.set(replaced.id, replaced);
      const id = `heron-${(at * 11 + 3) % 150}`;
      const { status } = await host.call("DELETE", `${made.path}/documents/${id}`);
      expect(status).toBe(wanted.delete(id) ? 204 : 404);
    }
  };
  other.before = () => new Promise((resolve) => setTimeout(resolve, 20));

  const location = await reembed(made);
  const writing = Promise.all([write()]);
  await jobAs(host, location, "completed").finally(() => {
    isOver = true;
  });
  await writing;
  const fresh = await newCollection("other-1");
  for (const one of [...wanted.values()]) await add(fresh, [one]);

  expect(at).toBeGreaterThan(1);
  expect(await contentOf(made)).toEqual(await contentOf(fresh));
}, 60_000);

test("a job that took documents in when the collection moved takes them in where it is now", async () => {
  const made = await newCollection();
  await add(made, textsOf(3, "lynx"));
  const gate = createGate();
  let isHeld = true;
  await jobAs(host, await reembed(made), "completed");
  other.before = async (texts) => {
    if (isHeld && texts.some((text) => text.includes("mole")))
      await gate.wait(new AbortController().signal);
  };

  const started = await host.call("POST", `${made.path}/documents?wait=false`, textsOf(3, "mole"));
  await gate.reached;
  await jobAs(host, await reembed(made, "other-2"), "completed");
  isHeld = false;
  gate.open();
  const job = await jobAs(host, started.headers.get("location") ?? "", "completed");

  expect(job.documents).toMatchObject({ created: 3, failed: 0 });
  const fresh = await newCollection("other-2");
  await add(fresh, [...textsOf(3, "lynx"), ...textsOf(3, "mole")]);
  expect(await contentOf(made)).toEqual(await contentOf(fresh));
});

test("it is paused and resumed, and what was embedded before is not embedded again", async () => {
  const made = await newCollection();
  await add(made, textsOf(140, "puffin"));
  const gate = createGate();
  let calls = 0;
  other.texts.length = 0;
  other.before = async () => {
    calls += 1;
    if (calls === 4) await gate.wait(new AbortController().signal);
  };

  const location = await reembed(made);
  await gate.reached;
  const pause = await host.call("POST", `${location}/pause`);
  gate.open();
  await jobAs(host, location, "paused");
  const found = await search(made, "puffin number 9");
  const refused = await host.call("POST", `${made.path}/reembed`, { embedder: "other-2" });
  other.before = () => Promise.resolve();
  const resumed = await host.call("POST", `${location}/resume`);
  const job = await jobAs(host, location, "completed");

  expect([pause.status, resumed.status, refused.status]).toEqual([202, 202, 409]);
  expect(found[0]?.["document_id"]).toBe("puffin-9");
  expect(job.documents).toMatchObject({ total: 140, updated: 140 });
  expect(other.texts.length).toBe(job.chunks);
  expect(new Set(other.texts).size).toBe(job.chunks);
  await expectTidy(made);
});

test("cancelled, it leaves the collection as it was, and another one may begin", async () => {
  const made = await newCollection();
  await add(made, textsOf(140, "toad"));
  const before = await contentOf(made);
  const gate = createGate();
  let calls = 0;
  other.before = async () => {
    calls += 1;
    if (calls === 4) await gate.wait(new AbortController().signal);
  };

  const location = await reembed(made);
  await gate.reached;
  await host.call("POST", `${location}/cancel`);
  gate.open();
  await jobAs(host, location, "cancelled");
  const resumed = await host.call("POST", `${location}/resume`);

  expect(resumed.status).toBe(409);
  expect(await contentOf(made)).toEqual(before);
  expect((await host.call("GET", made.path)).body.embedder.id).toBe("builtin-1");
  await jobAs(host, await reembed(made, "other-2"), "completed");
  expect((await host.call("GET", made.path)).body.embedder.id).toBe("other-2");
});

test("a collection that is removed meanwhile goes with all that was built", async () => {
  const made = await newCollection();
  await add(made, textsOf(30, "newt"));
  const gate = createGate();
  other.before = () => gate.wait(new AbortController().signal);

  const location = await reembed(made);
  await gate.reached;
  const removed = await host.call("DELETE", made.path);
  gate.open();
  await jobAs(host, location, "cancelled");

  expect(removed.status).toBe(204);
  const left = async () =>
    (await Promise.all(["q", "p", "w", "u", "v", "h"].map((one) => rowsOf(made, one)))).flat();
  await expect.poll(left, { timeout: 10_000 }).toEqual([]);
});
