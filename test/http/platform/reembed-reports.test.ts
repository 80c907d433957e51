// Jobs that embed a collection anew as they are told of: a report on each document, and the same request
// again under its key.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { HttpHost } from "../../support/http-host.ts";
import { jobAs } from "../../support/jobs.ts";
import { reembedding, textsOf } from "../../support/reembedding.ts";
import { createGate } from "../../support/scripted-llm.ts";
import type { Json } from "../../support/wire-client.ts";

const room = reembedding();
const { other, newCollection, add, reembed } = room;
let host: HttpHost;
beforeAll(async () => {
  host = await room.start();
});
afterAll(() => host.stop());
afterEach(() => room.release());

async function readAll(path: string): Promise<readonly Json[]> {
  const items: Json[] = [];
  for (let cursor = ""; ; ) {
    const { body } = await host.call("GET", `${path}?limit=60&cursor=${cursor}`);
    items.push(...body.data);
    if (body.next_cursor === null) return items;
    cursor = body.next_cursor;
  }
}

test("each document has a report: where there were changes meanwhile, of what they made of it", async () => {
  const made = await newCollection();
  await add(made, [...textsOf(140, "gull"), { id: "folder/ü 🐻.md", text: "A gull of its own." }]);
  const gate = createGate();
  other.before = () => gate.wait(new AbortController().signal);
  const location = await reembed(made);
  await gate.reached;
  await add(made, [...textsOf(2, "gull", 500), { id: "gull-0", text: "Another gull." }]);
  await host.call("DELETE", `${made.path}/documents/gull-7`);
  gate.open();
  await jobAs(host, location, "completed");

  const reports = await readAll(`${location}/documents`);
  const documents = (await readAll(`${made.path}/documents`)).map(({ id, title, chunks }) => [
    id,
    title,
    chunks,
  ]);
  const told = reports.map(({ id, title, chunks }) => [id, title, chunks]);
  expect(told.sort()).toEqual(documents.sort());
  expect(told).toHaveLength(142);
  expect(new Set(reports.map(({ status }) => status))).toEqual(new Set(["updated"]));
});

test("a document that the embedder refuses is named, and is done when the job is resumed", async () => {
  const made = await newCollection();
  await add(made, textsOf(20, "swan"));
  other.before = async (texts) => {
    if (texts.some((text) => text.includes("swan number 13 "))) {
      throw new RuntimeError("INVALID", "This text is refused.");
    }
  };
  const location = await reembed(made);
  const failed = await jobAs(host, location, "failed");
  const { body } = await host.call("GET", `${location}/documents?limit=100`);
  other.before = () => Promise.resolve();
  const before = other.texts.length;
  await host.call("POST", `${location}/resume`);
  const job = await jobAs(host, location, "completed");
  const { body: after } = await host.call("GET", `${location}/documents?limit=100`);

  expect(failed.error.message).toBe("Document swan-13: This text is refused.");
  expect(body.data).toMatchObject([
    { id: "swan-13", title: "About swan", status: "failed", error: { code: "INVALID" } },
  ]);
  expect(after.data).toHaveLength(20);
  expect(after.data.every(({ status }: Json) => status === "updated")).toBe(true);
  // What was stored of the others is not embedded again.
  expect(other.texts.length - before).toBeLessThan(job.chunks);
});

test("a repeated request with its key is one job; with another body it is refused", async () => {
  const made = await newCollection();
  await add(made, textsOf(5, "crane"));
  const headers = { "Idempotency-Key": `reembed-${made.id}` };
  const ask = (embedder: string) =>
    host.call("POST", `${made.path}/reembed`, { embedder }, { headers });

  const [first, ...same] = await Promise.all([1, 2, 3, 4].map(() => ask("other-1")));
  expect(first?.status, JSON.stringify(first?.body)).toBe(202);
  const location = first?.headers.get("location") ?? "";
  await jobAs(host, location, "completed");
  const later = await ask("other-1");
  const changed = await ask("other-2");

  expect([...same, later].map(({ status, body }) => [status, body.id])).toEqual(
    Array(4).fill([202, first?.body.id]),
  );
  expect([changed.status, changed.body.code]).toEqual([422, "KEY_REUSED"]);
  const jobs = (await host.call("GET", "/v2/knowledge/jobs?limit=100")).body.data.filter(
    (job: Json) => job.collection_id === made.id && job.kind === "reembed",
  );
  expect(jobs).toHaveLength(1);
});

test("a key whose request was refused for another job's sake is good for a later try", async () => {
  const made = await newCollection();
  await add(made, textsOf(5, "rook"));
  const gate = createGate();
  other.before = () => gate.wait(new AbortController().signal);
  const location = await reembed(made);
  await gate.reached;
  const headers = { "Idempotency-Key": `later-${made.id}` };
  const ask = () => host.call("POST", `${made.path}/reembed`, { embedder: "other-2" }, { headers });

  const refused = await ask();
  gate.open();
  await jobAs(host, location, "completed");
  const taken = await ask();
  await jobAs(host, taken.headers.get("location") ?? "", "completed");

  expect([refused.status, taken.status]).toEqual([409, 202]);
  expect((await host.call("GET", made.path)).body.embedder.id).toBe("other-2");
});
