// The record of a run that called tools of records holds their versions, so that it can be replayed
// after they have changed.

import { afterAll, beforeAll, expect, test } from "vitest";
import { joinRecord, type RecordItem } from "../../../actors/run-record.ts";
import { replayRecord } from "../../../adapters/replay/replay.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

let host: HttpHost;

beforeAll(async () => {
  host = await startHttpHost();
});
afterAll(() => host.stop());

async function recordOf(run: string): Promise<readonly RecordItem[]> {
  const items: RecordItem[] = [];
  let cursor = "";
  do {
    const { body } = await host.call("GET", `/v2/runs/${run}/record?cursor=${cursor}`);
    items.push(...body.data);
    cursor = body.next_cursor ?? "";
  } while (cursor !== "");
  return items;
}

test("a run with tools of records is replayed the same after they have changed", async () => {
  const tool = await host.call("POST", "/v2/tools", { name: "sums", type: "calculator" });
  const agent = await host.call("POST", "/v2/agents", {
    ...{ name: "Desk", model_name: "m-1", tools: [{ tool: tool.body.id }] },
  });
  host.llm.script = ({ call }) =>
    call === 1 ? { calls: [{ name: "sums", arguments: { expression: "2 + 3" } }] } : "It is 5.";
  const started = await host.call("POST", `/v2/agents/${agent.body.id}/runs`, { input: "2 + 3?" });
  await host.call("PATCH", `/v2/tools/${tool.body.id}`, { name: "other" });

  const record = joinRecord(await recordOf(started.body.id));
  const { replay } = await replayRecord(record);

  expect(started.body.response).toBe("It is 5.");
  expect(record.rows.map(({ id }) => id)).toContain(`${tool.body.id}.1`);
  expect(replay.divergence).toBeNull();
  expect(replay.outcome).toMatchObject({ status: "completed" });
});
