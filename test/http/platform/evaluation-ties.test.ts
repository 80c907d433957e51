// What an evaluation is tied to: the request that has started it, and the records that it names.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { capitals, type EvaluationDesk, evaluationDesk } from "../../support/evaluation-desk.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate } from "../../support/scripted-llm.ts";

let host: HttpHost;
let desk: EvaluationDesk;
beforeAll(async () => {
  host = await startHttpHost();
  desk = evaluationDesk(host);
});
afterAll(() => host.stop());
afterEach(() => {
  host.llm.script = () => "You can export from Settings.";
});

test("a repeated start is answered as the first one was, also when its data set is empty or gone by then", async () => {
  const targets = [{ target: await desk.agentOf("You answer.") }];
  const dataset_id = await desk.dataset(capitals);
  const body = { dataset_id, targets, scorers: [{ type: "exact" }] };
  const once = { headers: { "Idempotency-Key": "start-2" } };
  const refusedFirst = await host.call(
    ...([
      "POST",
      "/v2/evaluations",
      { ...body, dataset_id: await desk.dataset([]) },
      once,
    ] as const),
  );
  const first = await host.call("POST", "/v2/evaluations", body, once);
  await desk.ended(first.body.id);
  const items = `/v2/datasets/${dataset_id}/items`;
  for (const { id } of (await host.call("GET", items)).body.data) {
    await host.call("DELETE", `${items}/${id}`);
  }

  const emptied = await host.call("POST", "/v2/evaluations", body, once);
  await host.call("DELETE", `/v2/datasets/${dataset_id}`);
  const gone = await host.call("POST", "/v2/evaluations", body, once);
  const other = await host.call("POST", "/v2/evaluations", { ...body, threshold: 0.1 }, once);

  expect([refusedFirst.status, first.status]).toEqual([400, 201]);
  expect([emptied.status, emptied.body.id]).toEqual([201, first.body.id]);
  expect([gone.status, gone.body.id]).toEqual([201, first.body.id]);
  expect([other.status, other.body.code]).toEqual([422, "KEY_REUSED"]);
});

test("what an evaluation under way names is used by it, and stays until it has ended", async () => {
  const gate = createGate();
  host.llm.script = async ({ signal }) => {
    await gate.wait(signal);
    return "Paris";
  };
  const target = await desk.agentOf("You answer.");
  const dataset_id = await desk.dataset(capitals);
  const { id } = await desk.make("/v2/evaluations", {
    ...{ name: "Nightly", dataset_id, targets: [{ target, version: 1 }] },
    scorers: [{ type: "exact" }],
  });
  await gate.reached;
  const named = [`/v2/datasets/${dataset_id}`, `/v2/agents/${target}`];
  const users = async (path: string) => (await host.call("GET", `${path}/used-by`)).body.data;
  const remove = async (path: string) => await host.call("DELETE", path);

  const before = [await users(`/v2/datasets/${dataset_id}`)];
  const refused = [await remove(named[0] ?? ""), await remove(named[1] ?? "")];
  gate.open();
  const { end } = await desk.ended(id);

  expect(before).toEqual([[{ id, kind: "evaluation", name: "Nightly" }]]);
  expect(refused.map(({ status }) => status)).toEqual([409, 409]);
  expect(refused[0]?.body.detail).toContain(`evaluation ${id} (Nightly)`);
  expect(end).toMatchObject({ status: "completed", done: 2, skipped: 0 });
  expect(await users(`/v2/datasets/${dataset_id}`)).toEqual([]);
  expect((await remove(named[0] ?? "")).status).toBe(204);
  expect((await remove(named[1] ?? "")).status).toBe(204);
});
