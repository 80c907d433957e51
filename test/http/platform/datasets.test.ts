// Items of data sets through the door: sent one or many, as a file, or taken from runs that were recorded.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import {
  capitals,
  type EvaluationDesk,
  evaluationDesk,
  knows,
  lastUser,
  user,
} from "../../support/evaluation-desk.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

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

test("a recorded run is added with one call: what was asked and said before, its answer, who answered", async () => {
  const agent = await desk.agentOf("You know capitals.");
  host.llm.script = ({ request }) => knows(lastUser(request));
  const path = `/v2/agents/${agent}/runs`;
  const first = await host.call("POST", path, { input: "Capital of France?" });
  const { conversation_key } = first.body;
  const second = await host.call("POST", path, { input: "Capital of Italy?", conversation_key });
  const dataset_id = await desk.dataset([]);

  const added = await desk.make(`/v2/datasets/${dataset_id}/items`, {
    ...{ run_id: second.body.id, tags: ["recorded"] },
  });
  const { results } = await desk.evaluate({
    ...{ dataset_id, targets: [{ target: agent }], tags: ["recorded"] },
    scorers: [{ type: "exact" }, { type: "routing" }],
  });

  expect(added).toMatchObject({
    run_id: second.body.id,
    messages: [
      user("Capital of France?"),
      { role: "assistant", content: "Paris" },
      user("Capital of Italy?"),
    ],
    expected: { text: "Rome", route: second.body.routing_info.action_name },
  });
  expect(results[0]?.sides[0].score).toBe(1);
  const again = { run_id: results[0]?.sides[0].run_id };
  const ofEvaluation = await desk.make(`/v2/datasets/${dataset_id}/items`, again);
  expect(ofEvaluation.messages).toEqual(added.messages);
});

test("a stateless completion, whose messages are not kept, is no item", async () => {
  const agent = await desk.agentOf("You answer.");
  const model = `agent:${agent}`;
  const messages = [user("Capital of France?")];
  const { body } = await host.call("POST", "/v1/chat/completions", { model, messages });
  const dataset_id = await desk.dataset([]);

  const refused = await host.call("POST", `/v2/datasets/${dataset_id}/items`, {
    run_id: body.run_id,
  });

  expect([refused.status, refused.body.code]).toEqual([409, "CONFLICT"]);
  expect(refused.body.detail).toContain("are not kept");
});

test("items come as JSON lines too, all of them or none, and the line that is wrong is named", async () => {
  const id = await desk.dataset([]);
  const path = `/v2/datasets/${id}/items`;
  const send = async (lines: readonly string[]) =>
    await fetch(host.url + path, {
      method: "POST",
      headers: { "X-API-Key": host.key, "Content-Type": "application/jsonl" },
      body: lines.join("\n"),
    });
  const line = JSON.stringify(capitals[0]);

  const added = await send([line, "", JSON.stringify(capitals[1]), ""]);
  const broken = await send([line, "{"]);
  const wrong = await send([line, JSON.stringify({ messages: [{ role: "user" }] })]);
  const last = await send([JSON.stringify({ messages: [{ role: "assistant", content: "x" }] })]);

  expect(added.status).toBe(201);
  expect(((await broken.json()) as Json).detail).toContain("Line 2:");
  expect(((await wrong.json()) as Json).pointer).toBe("/1/messages/0/content");
  expect(((await last.json()) as Json).pointer).toBe("/0/messages/0/role");
  const listed = await host.call("GET", path);
  expect(listed.body.data.map(({ messages }: Json) => messages[0].content)).toEqual([
    "Capital of France?",
    "Capital of Italy?",
  ]);
});

test("an item is changed from the version it is at, and a repeated request adds nothing", async () => {
  const id = await desk.dataset([]);
  const path = `/v2/datasets/${id}/items`;
  const once = { headers: { "Idempotency-Key": "add-1" } };

  const first = await host.call("POST", path, capitals, once);
  const again = await host.call("POST", path, capitals, once);
  const one = `${path}/${first.body.data[0].id}`;
  const stale = await host.call("PATCH", one, { tags: ["x"] }, { headers: { "If-Match": '"7"' } });
  const patched = await host.call("PATCH", one, { tags: ["x"], expected: null });

  expect(again.body).toEqual(first.body);
  expect((await host.call("GET", path)).body.data).toHaveLength(2);
  expect(stale.status).toBe(412);
  expect(patched.body).toMatchObject({ version: 2, tags: ["x"], expected: null });
});
