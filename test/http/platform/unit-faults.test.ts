// What one document of a job does to the pool is that document's: faults are put into the pool's tasks,
// and the job ends with exactly the document that caused them failed.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Compute } from "../../../actors/ports.ts";
import { createBuiltinEmbedder } from "../../../adapters/embed/builtin.ts";
import { createEmbedders } from "../../../adapters/embed/embedders.ts";
import { deathsMax } from "../../../adapters/knowledge/readings.ts";
import { type ErrorCode, RuntimeError } from "../../../runtime/errors.ts";
import { encode } from "../../../runtime/store/codec.ts";
import { keys } from "../../../runtime/store/keys.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { inlineCompute } from "../../support/inline-compute.ts";
import { embeddersWith, otherEmbedder } from "../../support/other-embedder.ts";
import { createGate } from "../../support/scripted-llm.ts";
import type { Json } from "../../support/wire-client.ts";

const collections = "/v2/knowledge/collections";
const bad = "the marten that breaks things";
const other = otherEmbedder();

/** The fault of a task that has the bad document among its inputs. */
let fault: { readonly task: string; readonly error: RuntimeError } | null = null;
let calls = 0;
let before: (task: string, signal: AbortSignal) => Promise<void> = () => Promise.resolve();

const compute: Compute = {
  async run(task, input, options) {
    calls += 1;
    await before(task, options.signal ?? new AbortController().signal);
    if (fault?.task === task && isIn(input)) throw fault.error;
    return await inlineCompute.run(task, input, options);
  },
};

function isIn(input: unknown): boolean {
  const { texts = input, bytes } = input as { texts?: unknown; bytes?: Uint8Array };
  const text = bytes === undefined ? JSON.stringify(texts) : Buffer.from(bytes).toString();
  return text.includes(bad);
}

let host: HttpHost;
beforeAll(async () => {
  const builtin = createEmbedders(createBuiltinEmbedder());
  host = await startHttpHost({ compute, embedders: embeddersWith(builtin, [other]) });
});
afterAll(() => host.stop());
afterEach(() => {
  fault = null;
  before = () => Promise.resolve();
  other.before = () => Promise.resolve();
});

async function newCollection(embedder = "builtin"): Promise<string> {
  const { body } = await host.call("POST", collections, { name: "Docs", embedder });
  return `${collections}/${body.id}`;
}

const texts = [
  { id: "a", text: "A stoat." },
  { id: "b", text: `Here is ${bad}.` },
  { id: "c", text: "A polecat." },
  { id: "d", text: "A ferret." },
];

/** The same as files, which are parsed. */
async function upload(
  path: string,
  wait: boolean,
): Promise<{ status: number; body: Json; job: string }> {
  const form = new FormData();
  for (const { id, text } of texts) {
    form.append("id", id);
    form.append("file", new File([text], `${id}.md`));
  }
  const answer = await fetch(`${host.url}${path}/documents?wait=${wait}`, {
    ...{ method: "POST", body: form },
    headers: { "X-API-Key": host.key },
  });
  const job = answer.headers.get("location") ?? "";
  return { status: answer.status, body: await answer.json(), job };
}

async function standsAt(job: string, status: string): Promise<void> {
  await expect
    .poll(async () => (await host.call("GET", job)).body.status, { timeout: 10_000 })
    .toBe(status);
}

/** Path of a job that was paused while it read a document. */
async function pausedWhileReading(path: string): Promise<string> {
  const gate = createGate();
  before = (task, signal) => (task === "knowledge.parse" ? gate.wait(signal) : Promise.resolve());
  const { job } = await upload(path, false);
  await gate.reached;
  await host.call("POST", `${job}/pause`);
  await standsAt(job, "paused");
  before = () => Promise.resolve();
  return job;
}

const readingKey = (job: string): string =>
  keys.jobReading(host.tenant, job.split("/").at(-1) ?? "", 0);

const outcomes = (body: Json) =>
  Object.fromEntries(body.data.map(({ id, status, error }: Json) => [id, error?.code ?? status]));

const onlyBadFailed = (code = "DOCUMENT_UNREADABLE") => ({
  ...{ a: "created", b: code, c: "created", d: "created" },
});

const faults: readonly [
  string,
  ErrorCode,
  Readonly<Record<string, unknown>> | undefined,
  string,
][] = [
  ["takes too long", "DEADLINE", { phase: "running" }, "timeout"],
  ["takes too much memory", "TASK_MEMORY", undefined, "memory"],
  ["ends its thread", "INTERNAL", undefined, "damaged"],
];
const tasks: readonly [string, string, boolean][] = [
  ["knowledge.parse", "builtin", true],
  ["knowledge.prepare", "builtin", false],
  ["knowledge.split", "other-1", false],
];

test.each(tasks.flatMap((task) => faults.map((one) => [...task, ...one] as const)))(
  "%s (%s, files %s): a document that %s is failed alone",
  async (task, embedder, isFiles, _, code, details, reason) => {
    const path = await newCollection(embedder);
    fault = { task, error: new RuntimeError(code, "It was the pool's.", details) };

    const { body, status } = isFiles
      ? await upload(path, true)
      : await host.call("POST", `${path}/documents?wait=true`, texts);
    const list = (await host.call("GET", `${path}/documents`)).body.data;

    expect([status, outcomes(body)]).toEqual([201, onlyBadFailed()]);
    expect(body.data[1].error.details).toMatchObject({ reason });
    expect(list.map(({ id }: Json) => id).sort()).toEqual(["a", "c", "d"]);
    // It is the document's again when it can be read.
    fault = null;
    const again = await host.call("POST", `${path}/documents?wait=true`, texts);
    expect(outcomes(again.body)).toMatchObject({ b: "created" });
  },
);

test("a task that never got a thread is no document's fault: it is asked for again", async () => {
  const path = await newCollection();
  const error = new RuntimeError("DEADLINE", "No thread.", { phase: "waiting" });
  fault = { task: "knowledge.prepare", error };
  calls = 0;
  const sent = host.call("POST", `${path}/documents?wait=true`, texts);
  await expect.poll(() => calls, { timeout: 10_000 }).toBeGreaterThanOrEqual(1);
  fault = null;

  expect(outcomes((await sent).body)).toMatchObject({ a: "created", b: "created" });
});

test.each(["PROVIDER_FAILED", "INVALID"] as const)(
  "a text that its embedder refuses (%s) fails its document, not the ones beside it",
  async (code) => {
    const path = await newCollection("other-1");
    other.before = async (some) => {
      if (some.some((text) => text.includes(bad))) throw new RuntimeError(code, "Not this text.");
    };

    const { body } = await host.call("POST", `${path}/documents?wait=true`, texts);

    expect(outcomes(body)).toEqual(onlyBadFailed(code));
  },
);

test("a document that the process died of several times is not read again; fewer times it is", async () => {
  const path = await newCollection();
  for (const deaths of [deathsMax - 1, deathsMax]) {
    // As a process leaves it that dies while it reads the second document.
    const location = await pausedWhileReading(path);
    const key = readingKey(location);
    const value = encode({ now: 1, deaths: { 1: deaths - 1 } });
    await host.system.bulk.commit([{ op: "put", key, value }], "flushed");

    await host.call("POST", `${location}/resume`);
    await standsAt(location, "completed");
    const reports = (await host.call("GET", `${location}/documents`)).body.data;

    const failed = reports.filter(({ status }: Json) => status === "failed");
    expect(failed.map(({ id }: Json) => id)).toEqual(deaths < deathsMax ? [] : ["b"]);
    expect(await host.system.bulk.get(key)).toBeUndefined();
    for (const { id } of texts) await host.call("DELETE", `${path}/documents/${id}`);
  }
});

test("a pause while a document is read does not count as a death", async () => {
  const path = await newCollection();
  const key = readingKey(await pausedWhileReading(path));

  await expect
    .poll(async () => await host.system.bulk.get(key), { timeout: 10_000 })
    .toEqual(Buffer.from(encode({ now: null, deaths: {} })));
});
