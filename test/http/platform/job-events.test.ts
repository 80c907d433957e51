// A large ingestion job as it is watched from outside: its events taken up again where a connection was
// cut, over a pause too, and its reports read page by page.

import { afterAll, beforeAll, expect, test } from "vitest";
import type { Compute } from "../../../actors/ports.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { inlineCompute } from "../../support/inline-compute.ts";
import { jobAs } from "../../support/jobs.ts";
import { createGate, type Gate } from "../../support/scripted-llm.ts";
import type { Json, WireEvent } from "../../support/wire-client.ts";

const collections = "/v2/knowledge/collections";
const DOCUMENTS = 1_000;

/** Where the pool is held before it prepares a text that has the marker. */
let held: { readonly marker: string; readonly gate: Gate } | null = null;
const compute: Compute = {
  async run(task, input, options) {
    const { texts = [] } = input as { readonly texts?: readonly string[] };
    const { signal = new AbortController().signal } = options;
    if (held !== null && texts.some((text) => text.includes(held?.marker ?? ""))) {
      await held.gate.wait(signal);
    }
    return await inlineCompute.run(task, input, options);
  },
};

let host: HttpHost;
beforeAll(async () => {
  host = await startHttpHost({ compute });
});
afterAll(() => host.stop());

async function start(count: number): Promise<string> {
  const { body } = await host.call("POST", collections, { name: "Docs" });
  const documents = Array.from({ length: count }, (_, at) =>
    at % 100 === 99
      ? { id: `page-${at}`, text: " " }
      : { id: `page-${at}`, text: `The page mark${at}m is short.` },
  );
  const path = `${collections}/${body.id}/documents?wait=false`;
  const { status, headers } = await host.call("POST", path, documents);
  expect(status).toBe(202);
  return headers.get("location") ?? "";
}

const numbersIn = (events: readonly WireEvent[]): readonly number[] =>
  events
    .filter(({ event }) => event === "event")
    .flatMap(({ data }) => JSON.parse(data).event.documents ?? [])
    .map(({ number }: Json) => number);

test("a thousand documents: every one has its report on one page, with the reason of those that failed", async () => {
  const job = await start(DOCUMENTS);
  const done = await jobAs(host, job, "completed", 60_000);
  const reports: Json[] = [];
  for (let query = "limit=64"; ; ) {
    const { body } = await host.call("GET", `${job}/documents?${query}`);
    reports.push(...body.data);
    if (body.next_cursor === null) break;
    query = `limit=64&cursor=${body.next_cursor}`;
  }

  expect(reports.map(({ number }) => number)).toEqual(
    Array.from({ length: DOCUMENTS }, (_, at) => at),
  );
  const failed = reports.filter(({ status }) => status === "failed");
  expect(failed.map(({ id }) => id)).toEqual(
    Array.from({ length: DOCUMENTS / 100 }, (_, at) => `page-${at * 100 + 99}`),
  );
  for (const { error } of failed) expect(error.message).toMatch(/\w{3,}/);
  expect(done.documents).toMatchObject({ total: DOCUMENTS, created: DOCUMENTS - 10, failed: 10 });
  expect(done.done).toBe(DOCUMENTS);
}, 90_000);

test("events go on after the last one that was seen, over a pause, and none is missing or told twice", async () => {
  const gate = createGate();
  held = { marker: "mark150m", gate };
  const job = await start(300);
  await gate.reached;
  const first = await host.events("GET", `${job}/events`);
  const seen: WireEvent[] = [];
  while (numbersIn(seen).length < 32) {
    const next = await first.next();
    if (next === undefined) throw new Error("The events end early.");
    seen.push(next);
  }
  first.cut();
  const last = seen.at(-1)?.id ?? "";
  await host.call("POST", `${job}/pause`);
  gate.open();
  held = null;
  await jobAs(host, job, "paused", 60_000);
  const again = await host.events("GET", `${job}/events`, undefined, {
    headers: { "Last-Event-ID": last },
  });
  const rest = await again.rest();
  await host.call("POST", `${job}/resume`);
  const resumed = await host.events("GET", `${job}/events`, undefined, {
    headers: { "Last-Event-ID": rest.at(-1)?.id ?? last },
  });
  const after = await resumed.rest();
  const done = await jobAs(host, job, "completed", 60_000);

  expect(rest.at(0)?.event).toBe("job");
  const told = [seen, rest, after].flatMap(numbersIn);
  expect(told).toHaveLength(new Set(told).size);
  expect(told).toHaveLength(300);
  expect(after.at(-1)?.event).toBe("end");
  expect(done.done).toBe(300);
}, 60_000);
