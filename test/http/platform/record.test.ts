// The record of a run through the real door: in pages, for its own tenant's owner only.

import { afterAll, beforeAll, expect, test } from "vitest";
import { joinRecord, type RecordItem } from "../../../actors/run-record.ts";
import { replayRecord } from "../../../adapters/replay/replay.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";

let host: HttpHost;
let run = "";
const ANSWER_CHARS = 400_000;

beforeAll(async () => {
  host = await startHttpHost();
  const made = await host.call("POST", "/v2/agents", { name: "Desk", model_name: "m-1" });
  host.llm.script = ({ call }) => String(call).repeat(ANSWER_CHARS);
  const path = `/v2/agents/${made.body.id}/runs`;
  const first = await host.call("POST", path, { input: "tell me much" });
  const conversation_key = first.body.conversation_key;
  for (let more = 0; more < 4; more += 1) {
    const next = await host.call("POST", path, { input: "tell me more", conversation_key });
    run = next.body.id;
  }
});
afterAll(() => host.stop());

const asOperator = (): object => ({
  key: host.adminKey,
  headers: { "X-Tenant": host.tenant },
});

test("a long record comes in pages of a bounded size, and together they can be replayed", async () => {
  const items: RecordItem[] = [];
  const sizes: number[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const query: string = cursor === "" ? "" : `?cursor=${cursor}`;
    const { status, body } = await host.call(
      "GET",
      `/v2/runs/${run}/record${query}`,
      undefined,
      asOperator(),
    );
    expect(status).toBe(200);
    items.push(...body.data);
    sizes.push(JSON.stringify(body).length);
    cursor = body.next_cursor;
  }

  const { replay } = await replayRecord(joinRecord(items));

  expect(sizes.length).toBeGreaterThan(1);
  expect(Math.max(...sizes)).toBeLessThan(1_024 * 1_024 + 2 * ANSWER_CHARS);
  expect(replay.divergence).toBeNull();
  expect(replay.entries.filter(({ type }) => type === "step")).toHaveLength(1);
});

test("a wrong cursor, a version that is not there and another tenant are refused", async () => {
  const path = `/v2/runs/${run}/record`;
  const wrong = await host.call("GET", `${path}?cursor=nonsense`, undefined, asOperator());
  const version = await host.call("GET", `${path}?agent_version=7`, undefined, asOperator());
  const form = await host.call("GET", `${path}?agent_version=ag_1.x`, undefined, asOperator());
  const foreign = await host.call("GET", path, undefined, { key: host.adminKey });

  expect([wrong.status, version.status, foreign.status]).toEqual([400, 404, 404]);
  expect([form.status, form.body.detail]).toEqual([400, expect.stringContaining("ag_1.3")]);
});
