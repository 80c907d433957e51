// A job that waits says why, in its record, in its events and once in the log, and that it goes on.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createBuiltinEmbedder } from "../../../adapters/embed/builtin.ts";
import { createEmbedders } from "../../../adapters/embed/embedders.ts";
import { type ErrorCode, RuntimeError } from "../../../runtime/errors.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { jobAs } from "../../support/jobs.ts";
import { embeddersWith, otherEmbedder } from "../../support/other-embedder.ts";
import type { Json } from "../../support/wire-client.ts";

const collections = "/v2/knowledge/collections";
const other = otherEmbedder();
const warnings: unknown[] = [];
/** What becomes of calls of the jobs' ports. */
const faults = new Map<string, RuntimeError>();
const patient = { timeout: 15_000, interval: 25 } as const;

let host: HttpHost;
beforeAll(async () => {
  const builtin = createEmbedders(createBuiltinEmbedder());
  const log = {
    write: (level: string, _message: string, fields: unknown) => {
      if (level === "warn") warnings.push(fields);
    },
  };
  const before = async (call: string): Promise<void> => {
    const fault = faults.get(call);
    if (fault !== undefined) throw fault;
  };
  host = await startHttpHost({ embedders: embeddersWith(builtin, [other]), log, before });
});
afterAll(() => host.stop());
afterEach(() => {
  faults.clear();
  other.before = () => Promise.resolve();
});

async function newCollection(embedder: string): Promise<string> {
  const { body } = await host.call("POST", collections, { name: "Docs", embedder });
  return `${collections}/${body.id}`;
}

test.each(["STORE_FULL", "PROVIDER_UNAVAILABLE"] as const)(
  "a job that waits for what %s says so until it goes on, and the log says it once",
  async (code: ErrorCode) => {
    warnings.length = 0;
    let isAway = true;
    other.before = async () => {
      if (isAway) throw new RuntimeError(code, "It is not there now.");
    };
    const path = await newCollection("other-1");

    const sent = await host.call("POST", `${path}/documents?wait=false`, {
      text: "The newt came.",
    });
    const job = sent.headers.get("location") ?? "";
    const waiting = async (): Promise<Json> => (await host.call("GET", job)).body.waiting;

    expect(sent.body.waiting).toBeNull();
    await expect
      .poll(waiting, patient)
      .toMatchObject({ code, message: "It is not there now.", attempts: 2, attempts_max: 9 });
    const { since } = await waiting();
    expect(Date.parse(since)).toBeLessThanOrEqual(Date.now());
    isAway = false;
    const done = await jobAs(host, job, "completed");

    expect([done.waiting, done.error, done.documents.created]).toEqual([null, null, 1]);
    expect(warnings).toMatchObject([{ code, attempts: 1, tenant: host.tenant }]);
    const events = await (await host.events("GET", `${job}/events`)).rest();
    const told = events
      .filter(({ event }) => event === "event")
      .map(({ data }) => JSON.parse(data).event as Json)
      .filter(({ type }) => type === "waiting" || type === "going-on");
    expect(told[0]).toMatchObject({ type: "waiting", code, attempts: 1 });
    expect(told.at(-1)).toEqual({ type: "going-on" });
  },
  30_000,
);

test("a job that embeds anew says it too, and forgets it when it is paused", async () => {
  other.before = () => Promise.resolve();
  const path = await newCollection("builtin");
  await host.call("POST", `${path}/documents?wait=true`, { text: "The toad went." });
  other.before = () => Promise.reject(new RuntimeError("PROVIDER_LIMITED", "Too many."));

  const sent = await host.call("POST", `${path}/reembed`, { embedder: "other-1" });
  const job = sent.headers.get("location") ?? "";
  const waiting = async (): Promise<Json> => (await host.call("GET", job)).body.waiting;

  await expect.poll(waiting, patient).toMatchObject({ code: "PROVIDER_LIMITED" });
  await host.call("POST", `${job}/pause`);
  expect((await jobAs(host, job, "paused")).waiting).toBeNull();
});

const full = new RuntimeError("STORE_FULL", "The disk is full.");
const said = { code: "STORE_FULL", message: "The disk is full.", attempts_max: 9 };

async function waitingOf(job: string): Promise<Json> {
  return (await host.call("GET", job)).body.waiting;
}

/** Location of a job that takes a text in. */
async function added(path: string): Promise<string> {
  const text = "The heron stood.";
  const { headers } = await host.call("POST", `${path}/documents?wait=false`, { text });
  return headers.get("location") ?? "";
}

/** Location of a job that embeds a collection anew. */
async function reembedded(): Promise<string> {
  const path = await newCollection("builtin");
  await host.call("POST", `${path}/documents?wait=true`, { text: "The ibis flew." });
  const { headers } = await host.call("POST", `${path}/reembed`, { embedder: "other-1" });
  return headers.get("location") ?? "";
}

test("a job that has ended and cannot remove what it kept says that, with the run that does", async () => {
  faults.set("ingest.clear", full);
  const job = await added(await newCollection("builtin"));
  await jobAs(host, job, "completed");

  await expect
    .poll(() => waitingOf(job), patient)
    .toMatchObject({ ...said, clearing: expect.stringMatching(/^rn_/) });
  const { clearing } = await waitingOf(job);
  faults.clear();
  await expect.poll(() => waitingOf(job), patient).toBeNull();
  const events = await (await host.events("GET", `/v2/runs/${clearing}/events`)).rest();
  const types = events
    .filter(({ event }) => event === "event")
    .map(({ data }) => JSON.parse(data).event.type);
  expect([types[0], types.at(-1)]).toEqual(["waiting", "going-on"]);
}, 30_000);

test("a clearing that is given up waits no longer", async () => {
  faults.set("ingest.clear", full);
  const job = await added(await newCollection("builtin"));
  await expect.poll(() => waitingOf(job), patient).toMatchObject(said);
  faults.set("ingest.clear", new RuntimeError("DATA_DAMAGED", "It cannot be read."));

  await expect.poll(() => waitingOf(job), patient).toBeNull();
  expect((await host.call("GET", job)).body.status).toBe("completed");
}, 30_000);

test("a cancelled job that looks for what it had made visible says what it waits for", async () => {
  other.before = () => Promise.reject(new RuntimeError("PROVIDER_UNAVAILABLE", "It is away."));
  faults.set("ingest.visible", full);
  const job = await added(await newCollection("other-1"));
  await expect.poll(() => waitingOf(job), patient).toMatchObject({ code: "PROVIDER_UNAVAILABLE" });
  await host.call("POST", `${job}/cancel`);

  await expect.poll(() => waitingOf(job), patient).toMatchObject(said);
  faults.clear();
  await expect.poll(() => waitingOf(job), patient).toBeNull();
  expect((await host.call("GET", job)).body.status).toBe("cancelled");
}, 30_000);

test("a job that cannot begin to embed anew says why", async () => {
  faults.set("reembed.begin", full);
  const job = await reembedded();

  await expect.poll(() => waitingOf(job), patient).toMatchObject(said);
  expect(await waitingOf(job)).not.toHaveProperty("clearing");
  faults.clear();
  expect((await jobAs(host, job, "completed")).waiting).toBeNull();
}, 30_000);

test("one that is cancelled and cannot remove what it built says why, until it has", async () => {
  faults.set("reembed.clear", full);
  other.before = () => Promise.reject(new RuntimeError("PROVIDER_UNAVAILABLE", "It is away."));
  const job = await reembedded();
  await expect.poll(() => waitingOf(job), patient).toMatchObject({ code: "PROVIDER_UNAVAILABLE" });
  await host.call("POST", `${job}/cancel`);

  await expect
    .poll(() => waitingOf(job), patient)
    .toMatchObject({ ...said, clearing: expect.stringMatching(/^rn_/) });
  faults.clear();
  expect((await jobAs(host, job, "cancelled")).waiting).toBeNull();
}, 30_000);
