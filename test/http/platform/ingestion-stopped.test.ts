// Whoever stops an ingestion job to put back what was there hears of its end when nothing of it is written any more,
// also where a step does not hear that it was cut.

import { afterAll, beforeAll, expect, test } from "vitest";
import type { Compute } from "../../../actors/ports.ts";
import type { Services } from "../../../adapters/http/services/services.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { inlineCompute } from "../../support/inline-compute.ts";
import { jobAs } from "../../support/jobs.ts";
import { createGate } from "../../support/scripted-llm.ts";

const WAIT_MS = 30_000;
/** Requests after which whoever did not wait for the step has been heard of. */
const LATER = 50;
const gate = createGate();

/** Is held where it prepares a document, and does not hear that it is cut. */
const compute: Compute = {
  async run(task, input, options) {
    if (task === "knowledge.prepare") await gate.wait(new AbortController().signal);
    return await inlineCompute.run(task, input, options);
  },
};

let host: HttpHost;
let services: Services;
beforeAll(async () => {
  host = await startHttpHost({
    compute,
    routes: async (within) => {
      services = within.services;
      return [];
    },
  });
});
afterAll(() => host.stop());

test("who stops a job hears of its end when nothing of it is written any more", async () => {
  const { body } = await host.call("POST", "/v2/knowledge/collections", { name: "Docs" });
  const path = `/v2/knowledge/collections/${body.id}/documents`;
  const texts = [{ id: "shrew", text: "The shrew stands on this page." }];
  const started = await host.call("POST", `${path}?wait=false`, texts);
  await gate.reached;
  const said: string[] = [];

  const stopped = services.ingestion
    .stop(host.tenant, started.body.id, WAIT_MS)
    .then(() => said.push("stopped"));
  await jobAs(host, started.headers.get("location") ?? "", "cancelled");
  for (let request = 0; request < LATER; request += 1) await host.call("GET", path);

  expect(said).toEqual([]);
  gate.open();
  await stopped;
  expect((await host.call("GET", path)).body.data).toEqual([]);
});
