// Documents on their way into a collection, through the real door: jobs that are waited for, watched,
// paused, resumed and cancelled; what becomes of each document; files as multipart.

import { afterAll, beforeAll, expect, test } from "vitest";
import type { Compute } from "../../../actors/ports.ts";
import { createBuiltinEmbedder } from "../../../adapters/embed/builtin.ts";
import { createEmbedders } from "../../../adapters/embed/embedders.ts";
import { headOf } from "../../../adapters/knowledge/rows.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { keys } from "../../../runtime/store/keys.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { inlineCompute } from "../../support/inline-compute.ts";
import { jobAs } from "../../support/jobs.ts";
import { embeddersWith, otherEmbedder } from "../../support/other-embedder.ts";
import { createGate, type Gate } from "../../support/scripted-llm.ts";
import type { Json, WireEvent } from "../../support/wire-client.ts";

const collections = "/v2/knowledge/collections";
const jobs = "/v2/knowledge/jobs";

/** Texts that were embedded, and where the pool is held before it embeds one that has the marker. */
const embedded: string[] = [];
let held: { readonly marker: string; readonly gate: Gate } | null = null;
const other = otherEmbedder();

const compute: Compute = {
  async run(task, input, options) {
    if (task === "knowledge.prepare") {
      const { texts } = input as { readonly texts: readonly string[] };
      const { signal = new AbortController().signal } = options;
      if (held !== null && texts.some((text) => text.includes(held?.marker ?? ""))) {
        await held.gate.wait(signal);
      }
      embedded.push(...texts);
    }
    return await inlineCompute.run(task, input, options);
  },
};

let host: HttpHost;
beforeAll(async () => {
  const builtin = createEmbedders(createBuiltinEmbedder());
  host = await startHttpHost({ compute, embedders: embeddersWith(builtin, [other]) });
});
afterAll(() => host.stop());

async function newCollection(embedder = "builtin"): Promise<string> {
  const { body } = await host.call("POST", collections, { name: "Docs", embedder });
  return `${collections}/${body.id}`;
}

const textsOf = (count: number, word: string) =>
  Array.from({ length: count }, (_, at) => ({
    id: `${word}-${at}`,
    text: `# Page ${at}\n\nThe ${word} number ${at} stands on page ${at}.`,
  }));

/** The job when it is as wanted. */
const dataOf = (events: readonly WireEvent[], name: string): readonly Json[] =>
  events.filter(({ event }) => event === name).map(({ data }) => JSON.parse(data));

test("a job is watched to its end, and each document has a report", async () => {
  const path = await newCollection();

  const started = await host.call("POST", `${path}/documents?wait=false`, textsOf(150, "walrus"));
  const location = started.headers.get("location") ?? "";
  const events = await (await host.events("GET", `${location}/events`)).rest();
  const job = await jobAs(host, location, "completed");
  const first = await host.call("GET", `${location}/documents?limit=100`);
  const rest = await host.call(
    "GET",
    `${location}/documents?limit=100&cursor=${first.body.next_cursor}`,
  );
  const found = await host.call("POST", `${path}/search`, { query: "walrus number 149", top_k: 1 });
  const { body: list } = await host.call("GET", jobs);

  expect(started.status).toBe(202);
  expect(started.body).toMatchObject({ object: "ingestion_job", status: "running", done: 0 });
  const told = dataOf(events, "event").flatMap(({ event }) => event.documents ?? []);
  expect(told).toHaveLength(150);
  expect(events.at(-1)?.event).toBe("end");
  expect(job).toMatchObject({
    documents: { total: 150, created: 150, updated: 0, unchanged: 0, failed: 0 },
    done: 150,
    chunks: 150,
    error: null,
  });
  const reports = [...first.body.data, ...rest.body.data];
  expect(reports.map(({ number }) => number)).toEqual(Array.from({ length: 150 }, (_, at) => at));
  expect(rest.body.next_cursor).toBeNull();
  expect(found.body.data[0].document_id).toBe("walrus-149");
  expect(list.data[0].id).toBe(job.id);
});

test("who does not want to wait gets the job, also when it has ended by then", async () => {
  const path = await newCollection();
  const more = { headers: { "Idempotency-Key": `once-${path}` } };
  const add = () => host.call("POST", `${path}/documents?wait=false`, textsOf(2, "crane"), more);
  const started = await add();
  await jobAs(host, started.headers.get("location") ?? "", "completed");

  const again = await add();

  expect(started.status).toBe(202);
  expect(again.status).toBe(201);
  const { id } = started.body;
  expect(again.body).toMatchObject({ object: "ingestion_job", id, status: "completed", done: 2 });
}, 60_000);

test("the same documents again are unchanged and embedded by nobody; a changed one is updated", async () => {
  const path = await newCollection();
  await host.call("POST", `${path}/documents?wait=true`, textsOf(3, "otter"));
  embedded.length = 0;

  const [, second, third] = textsOf(3, "otter");
  const again = await host.call("POST", `${path}/documents?wait=true`, [
    second,
    { ...third, text: "The heron came instead." },
  ]);
  const put = await host.call("PUT", `${path}/documents/otter-0`, { text: "Nothing but a heron." });

  expect(again.body.data.map(({ status }: Json) => status)).toEqual(["unchanged", "updated"]);
  expect([again.status, put.status, put.body.status]).toEqual([200, 200, "updated"]);
  expect(embedded).toHaveLength(2);
});

test("a paused job stops, and resumed it does not embed again what it had embedded", async () => {
  const path = await newCollection();
  const gate = createGate();
  held = { marker: "lynx number 80 ", gate };
  embedded.length = 0;

  const { headers } = await host.call("POST", `${path}/documents?wait=false`, textsOf(90, "lynx"));
  const location = headers.get("location") ?? "";
  await gate.reached;
  // What was embedded and not kept yet when the pause comes is embedded again.
  const kept = async () => (await host.call("GET", location)).body.done;
  await expect.poll(kept, { timeout: 10_000 }).toBeGreaterThan(0);
  await expect.poll(async () => (await kept()) === embedded.length, { timeout: 10_000 }).toBe(true);
  const before = [...embedded];
  const pause = await host.call("POST", `${location}/pause`);
  const paused = await jobAs(host, location, "paused");
  held = null;
  const resumed = await host.call("POST", `${location}/resume`);
  const job = await jobAs(host, location, "completed");
  const again = await host.call("POST", `${location}/resume`);

  expect([pause.status, resumed.status, again.status]).toEqual([202, 202, 409]);
  expect(paused.done).toBeLessThan(90);
  expect(job).toMatchObject({ documents: { total: 90, created: 90 }, chunks: 90 });
  const twice = embedded.filter((text, at) => embedded.indexOf(text) !== at);
  expect(before.length).toBeGreaterThan(0);
  expect(twice.filter((text) => before.includes(text))).toEqual([]);
  expect((await host.call("GET", `${path}/documents?limit=100`)).body.data).toHaveLength(90);
});

test("a cancelled job leaves whole documents and nothing else", async () => {
  const path = await newCollection();
  const gate = createGate();
  held = { marker: "mole number 80 ", gate };

  const { headers } = await host.call("POST", `${path}/documents?wait=false`, textsOf(90, "mole"));
  const location = headers.get("location") ?? "";
  await gate.reached;
  await host.call("POST", `${location}/cancel`);
  await jobAs(host, location, "cancelled");
  held = null;
  const resumed = await host.call("POST", `${location}/resume`);
  const { data } = (await host.call("GET", `${path}/documents?limit=100`)).body;

  expect(resumed.status).toBe(409);
  // What was published when it was cut is counted, though its report was cut.
  const created = async () => (await host.call("GET", location)).body.documents.created;
  await expect.poll(created, { timeout: 10_000 }).toBe(data.length);
  // Neither what was sent nor what was written of it and is seen by nobody.
  const rowsOf = async (family: string) =>
    await host.system.bulk.range({ from: `${family}/`, to: `${family}~`, limit: 10 });
  const left = async () => [...(await rowsOf("x")), ...(await rowsOf("v"))];
  await expect.poll(left, { timeout: 10_000 }).toEqual([]);
  const id = path.split("/").at(-1);
  const texts = await host.system.bulk.range({
    from: `w/${host.tenant}/${id}/`,
    to: `w/${host.tenant}/${id}~`,
    limit: 100,
  });
  expect(texts).toHaveLength(data.length);
});

test("an embedder that is away for a moment is asked again; one that refuses fails its documents alone", async () => {
  const path = await newCollection("other-1");
  const failures = [new RuntimeError("PROVIDER_UNAVAILABLE", "It is away.")];
  other.before = async () => {
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
  };

  const patient = await host.call("POST", `${path}/documents?wait=true`, {
    id: "one",
    text: "The newt came.",
  });
  failures.push(new RuntimeError("PROVIDER_FAILED", "It does not like this text."));
  const refused = await host.call("POST", `${path}/documents?wait=true`, [
    { id: "two", text: "The toad went." },
  ]);

  expect(patient.body).toMatchObject({ status: "created" });
  expect(refused.body.data[0]).toMatchObject({
    id: "two",
    status: "failed",
    error: { code: "PROVIDER_FAILED", message: "It does not like this text." },
  });
});

test("201 is for what was created, alone, among others, by PUT or by its job; 200 for what was there", async () => {
  const path = await newCollection();
  const send = async (body: unknown) =>
    (await host.call("POST", `${path}/documents?wait=true`, body)).status;
  const put = async (text: string) =>
    (await host.call("PUT", `${path}/documents/put?wait=true`, { text })).status;
  const one = { id: "one", text: "The stork stands." };
  const empty = { id: "empty", text: " " };

  expect([await send(one), await send(one)]).toEqual([201, 200]);
  expect(await send({ ...one, text: "The stork flies." })).toBe(200);
  expect([await put("A crane."), await put("Two cranes."), await put("Two cranes.")]).toEqual([
    201, 200, 200,
  ]);
  expect([await send([one, { id: "two", text: "A rook." }]), await send([empty, one])]).toEqual([
    201, 200,
  ]);
  const many = textsOf(201, "finch");
  expect([await send(many), await send(many)]).toEqual([201, 200]);
});

test("of two documents of one request with one id the first creates it, the second changes it", async () => {
  const path = await newCollection();
  const send = (...texts: readonly string[]) => {
    const documents = texts.map((text) => ({ id: "twice", text }));
    return host.call("POST", `${path}/documents?wait=true`, documents);
  };
  const said = ({ status, body }: { readonly status: number; readonly body: Json }) => [
    status,
    ...body.data.map((document: Json) => document.status),
  ];

  expect(said(await send("A shrike sits.", "A shrike sings."))).toEqual([
    201,
    "created",
    "updated",
  ]);
  expect(said(await send("A shrike eats.", "A shrike sleeps."))).toEqual([
    200,
    "updated",
    "updated",
  ]);
  const { body } = await host.call("GET", `${path}/documents/twice`);
  expect(body.text).toBe("A shrike sleeps.");
});

test("thirty who add the same at once: one creates it, for the others it is unchanged", async () => {
  const path = await newCollection();
  const document = { id: "same", text: "The plover runs on the sand." };
  const sent = await Promise.all(
    Array.from({ length: 30 }, () => host.call("POST", `${path}/documents?wait=true`, document)),
  );

  const said = sent.map(({ status, body }) => `${status} ${body.status}`).sort();
  expect(said).toEqual([...Array.from({ length: 29 }, () => "200 unchanged"), "201 created"]);
  const id = path.split("/").at(-1) ?? "";
  const head = headOf(await host.system.bulk.get(keys.collectionHead(host.tenant, id)));
  expect(head).toMatchObject({ generation: 1, documents: 1, chunks: 1 });
  // And nothing is left of the twenty-nine.
  const rowsOf = async (prefix: string) =>
    await host.system.bulk.range({ from: prefix, to: `${prefix}~`, limit: 100 });
  const left = async () => [
    (await rowsOf(keys.chunksIn(host.tenant, id))).length,
    (await rowsOf(keys.writesOf(host.tenant, id))).length,
    (await rowsOf(keys.documentTextsOf(host.tenant, id))).length,
  ];
  await expect.poll(left, { timeout: 10_000 }).toEqual([1, 0, 1]);
});

test("a repeated request with its key is one job", async () => {
  const path = await newCollection();
  const headers = { "Idempotency-Key": `k-${path}` };
  const document = { text: "The seal sleeps." };

  const one = await host.call("POST", `${path}/documents?wait=true`, document, { headers });
  const two = await host.call("POST", `${path}/documents?wait=true`, document, { headers });
  const other = await host.call("POST", `${path}/documents`, { text: "no" }, { headers });

  expect([one.status, two.status, other.status]).toEqual([201, 201, 422]);
  expect(two.headers.get("location")).toBe(one.headers.get("location"));
  expect(await host.system.bulk.range({ from: "x/", to: "x~", limit: 10 })).toEqual([]);
});

test("jobs of another tenant, and what is neither text nor address, are refused", async () => {
  const path = await newCollection();
  const { headers } = await host.call("POST", `${path}/documents?wait=true`, { text: "Mine." });
  const location = headers.get("location") ?? "";

  const foreign = await host.call("GET", location, undefined, { key: host.otherKey });
  const stop = await host.call("POST", `${location}/cancel`, undefined, { key: host.otherKey });
  const none = await host.call("POST", `${path}/documents`, [{ text: "x" }, { title: "x" }]);
  const wait = await host.call("POST", `${path}/documents?wait=maybe`, { text: "x" });

  expect([foreign.status, stop.status]).toEqual([404, 404]);
  expect([none.status, none.body.pointer]).toEqual([400, "/1/text"]);
  expect(wait.status).toBe(400);
});

async function upload(path: string, form: FormData): Promise<{ status: number; body: Json }> {
  const response = await fetch(`${host.url}${path}/documents?wait=true`, {
    method: "POST",
    headers: { "X-API-Key": host.key },
    body: form,
  });
  return { status: response.status, body: await response.json() };
}

test("files are sent as multipart, each with its fields before it", async () => {
  const path = await newCollection();
  const form = new FormData();
  form.append("id", "guide");
  form.append("metadata", JSON.stringify({ lang: "en" }));
  form.append("file", new File(["# Guide\n\nThe puffin dives."], "guide.md"));
  form.append("title", "Notes");
  form.append("file", new File(["The puffin flies."], "notes.txt"));

  const sent = await upload(path, form);
  const guide = await host.call("GET", `${path}/documents/guide`);

  expect(sent.status).toBe(201);
  expect(sent.body.data).toMatchObject([
    { id: "guide", status: "created", format: "markdown" },
    { title: "Notes", status: "created", format: "text" },
  ]);
  expect(guide.body).toMatchObject({ title: "Guide", metadata: { lang: "en" } });
});

test("an upload that is broken, or says what nobody understands, is refused", async () => {
  const path = await newCollection();
  const wrong = new FormData();
  wrong.append("colour", "red");
  wrong.append("file", new File(["x"], "x.txt"));
  const bad = new FormData();
  bad.append("metadata", "[1]");
  bad.append("file", new File(["x"], "x.txt"));
  const cut = await host.call("POST", `${path}/documents`, "--b\r\nContent-Disposition: form-da", {
    headers: { "Content-Type": "multipart/form-data; boundary=b" },
  });

  expect((await upload(path, wrong)).body.detail).toContain("colour");
  expect((await upload(path, bad)).body.detail).toContain("JSON object");
  expect(cut.status).toBe(400);
});

test("a cited passage is shown in its document until that is replaced", async () => {
  const path = await newCollection();
  const lines = Array.from({ length: 80 }, (_, at) => `Zeile ${at} über Öfen und Bären 🐻.`);
  const document = { id: "bears/a b", text: `# Bären\n\n${lines.join(" ")}` };
  await host.call("POST", `${path}/documents?wait=true`, document);
  const { data } = (await host.call("POST", `${path}/search`, { query: "Zeile 40", top_k: 1 }))
    .body;
  const [cited] = data;
  const at = `${path}/documents/${encodeURIComponent(document.id)}/chunks`;

  const shown = await host.call("GET", `${at}/${encodeURIComponent(cited.chunk_id)}`);
  const none = await host.call("GET", `${at}/${encodeURIComponent(`${document.id}.99`)}`);
  const of = `${path}/documents/${encodeURIComponent(document.id)}`;
  // The same text under another title is another version: nobody cited that.
  await host.call("PUT", of, { title: "Bears", text: document.text });
  const replaced = await host.call("GET", `${at}/${encodeURIComponent(cited.chunk_id)}`);
  const { data: now } = (await host.call("POST", `${path}/search`, { query: "Zeile 40", top_k: 1 }))
    .body;
  const again = await host.call("GET", `${at}/${encodeURIComponent(now[0].chunk_id)}`);
  await host.call("DELETE", of);
  const deleted = await host.call("GET", `${at}/${encodeURIComponent(now[0].chunk_id)}`);

  const { before, text, after, span } = shown.body;
  expect(text).toBe(cited.text);
  expect(document.text).toContain(before + text + after);
  expect(before.length + after.length).toBeGreaterThan(100);
  expect(Buffer.from(document.text).subarray(span[0], span[1]).toString()).toBe(text);
  expect(shown.body).toMatchObject({ document_id: document.id, headings: ["Bären"] });
  expect(none.status).toBe(404);
  expect([replaced.status, replaced.body.code]).toEqual([410, "PASSAGE_GONE"]);
  expect([again.status, again.body.text]).toEqual([200, cited.text]);
  expect([deleted.status, deleted.body.detail]).toEqual([
    404,
    `There is no document ${document.id} in this collection.`,
  ]);
});
