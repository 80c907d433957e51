// Recorded runs of workflows are run again: every kind of node decides the same, and a fork of one too. What
// can be swapped in one is swapped, what cannot is refused in words of its own.

import { afterAll, beforeAll, expect, test } from "vitest";
import { joinRecord, type RecordItem } from "../../../actors/run-record.ts";
import { compareReplays } from "../../../adapters/replay/compare.ts";
import { replayRecord, replayWith } from "../../../adapters/replay/replay.ts";
import type { RunRecord } from "../../../runtime/testkit/recording.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

const end = { id: "end", type: "end" };

let host: HttpHost;
let run = "";
beforeAll(async () => {
  host = await startHttpHost();
  host.llm.script = ({ request }) =>
    `${request.model}: ${String(request.messages.at(-1)?.content)}`;
  run = await finished();
});
afterAll(() => host.stop());

async function make(path: string, body: object): Promise<string> {
  const made = await host.call("POST", path, body);
  expect(made.body, JSON.stringify(made.body)).toMatchObject({ id: expect.any(String) });
  return made.body.id;
}

const edges = (...ids: readonly string[]) =>
  ids.slice(1).map((to, at) => ({ from: ids[at] ?? "", to }));

/** A workflow with every kind of node that waits or works; a run of it that has ended. */
async function finished(): Promise<string> {
  const agent = await make("/v2/agents", { name: "Clerk", model_name: "m-1" });
  const inner = await make("/v2/workflows", {
    name: "Inner",
    graph_definition: {
      nodes: [{ id: "one", type: "set", value: "input.n + 1", save: "n" }, end],
      edges: edges("one", "end"),
    },
    state_schema: { properties: { n: { type: "integer" } } },
    output: "n",
  });
  const flow = await make("/v2/workflows", {
    name: "All",
    graph_definition: {
      nodes: [
        { id: "split", type: "parallel" },
        { id: "ask", type: "agent", ref: agent, input: '"left"', save: "said" },
        {
          id: "sum",
          type: "tool",
          ref: "calculator",
          arguments: '{"expression": "6*7"}',
          save: "sum",
        },
        { id: "join", type: "join" },
        { id: "sub", type: "sub_workflow", ref: inner, input: '{"n": 1}', save: "n" },
        { id: "nap", type: "sleep", ms: 30 },
        { id: "paid", type: "event", event: "paid", save: "paid" },
        { id: "agree", type: "approval", reason: "It costs.", arguments: "{}", save: "agreed" },
        {
          ...{ id: "each", type: "map", items: "[1, 2]", save: "all" },
          body: {
            nodes: [
              { id: "twice", type: "set", value: "item * 2", save: "two" },
              { id: "out", type: "end" },
            ],
            edges: edges("twice", "out"),
          },
        },
        end,
      ],
      edges: [
        ...[
          { from: "split", to: "ask" },
          { from: "split", to: "sum" },
        ],
        ...[
          { from: "ask", to: "join" },
          { from: "sum", to: "join" },
        ],
        ...edges("join", "sub", "nap", "paid", "agree", "each", "end"),
      ],
    },
    state_schema: {
      properties: {
        said: {},
        sum: {},
        n: {},
        paid: {},
        agreed: {},
        two: {},
        all: { type: "array" },
      },
    },
    output: '{"said": said, "n": n, "paid": paid, "all": all}',
  });
  const body = { input: { order: 7 }, mode: "background" };
  const started = await host.call("POST", `/v2/workflows/${flow}/runs`, body);
  const id = started.body.id;
  const told = await host.call("POST", `/v2/runs/${id}/events/paid`, { euros: 5 });
  expect(told.status).toBe(202);
  const stream = await host.events("GET", `/v2/runs/${id}/events`);
  let approval: Json;
  while (approval === undefined) {
    const { event } = JSON.parse((await stream.next())?.data ?? "null");
    if (event?.type === "approval_requested") approval = event.id;
  }
  await host.call("POST", `/v2/approvals/${approval}/decide`, { decision: "approve" });
  const last = JSON.parse((await stream.rest()).at(-1)?.data ?? "{}");
  expect(last.reply.output).toEqual({
    ...{ said: "m-1: left", n: 2, paid: { euros: 5 }, all: [2, 4] },
  });
  return id;
}

async function recordOf(id: string): Promise<RunRecord> {
  const items: RecordItem[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const more: string = cursor === "" ? "" : `?cursor=${cursor}`;
    const page = await host.call("GET", `/v2/runs/${id}/record${more}`, undefined, {
      key: await host.makeKey(["runs"], host.tenant, "owner"),
    });
    expect(page.status, JSON.stringify(page.body)).toBe(200);
    items.push(...page.body.data);
    cursor = page.body.next_cursor;
  }
  return joinRecord(items);
}

test("a run of a workflow decides the same again, node by node, and asks nobody", async () => {
  const calls = host.llm.requests.length;

  const { replay } = await replayRecord(await recordOf(run));

  expect(replay.divergence).toBeNull();
  expect(replay.outcome?.status).toBe("completed");
  expect(host.llm.requests).toHaveLength(calls);
  const nodes = replay.entries.flatMap((entry) =>
    entry.type === "event" && (entry.event as Json).state === "completed"
      ? [(entry.event as Json).node]
      : [],
  );
  expect(nodes).toEqual(
    expect.arrayContaining(["ask", "sum", "sub", "nap", "paid", "agree", "each"]),
  );
});

test("a forged result of a node is found", async () => {
  const record = await recordOf(run);
  const log = record.log.map((entry) =>
    entry.type === "step" && entry.key === "event:paid"
      ? { ...entry, result: { euros: 6 } }
      : entry,
  );

  const { replay } = await replayRecord({ ...record, log });

  expect(replay.divergence).not.toBeNull();
});

test("a fork's record, with what it was copied with, decides the same again", async () => {
  const late = await host.call("POST", `/v2/runs/${run}/fork`, { node: "each" });
  const again = await host.call("POST", `/v2/runs/${late.body.id}/fork`, { node: "each" });

  expect([late.body.usage, again.body.usage]).toMatchObject([
    { total_tokens: 0 },
    { total_tokens: 0 },
  ]);
  for (const forked of [late, again]) {
    const { replay } = await replayRecord(await recordOf(forked.body.id));
    expect(replay.divergence).toBeNull();
    expect(replay.outcome?.status).toBe("completed");
  }
});

const outside = () => ({ ports: { llm: host.llm } as never, isDry: false });

test("with another model the agents of a workflow are asked again, and nothing else is done", async () => {
  const record = await recordOf(run);
  const calls = host.llm.requests.length;

  const both = await replayWith(record, { model: "m-2" }, outside());

  expect(both.base.replay.divergence).toBeNull();
  expect(host.llm.requests.slice(calls).map(({ model }) => model)).toEqual(["m-2"]);
  expect((both.swapped.replay.outcome as Json).result.output).toMatchObject({ said: "m-2: left" });
  expect(compareReplays(both)).toBeDefined();
});

test("what a workflow has not cannot be swapped, and that is said", async () => {
  const record = await recordOf(run);

  const message = replayWith(record, { systemMessage: "Be brief." }, outside());
  await expect(message).rejects.toMatchObject({
    code: "INVALID",
    message: expect.stringMatching(/^Workflow wf_\w+ has no system message\. Swap model=NAME/),
  });
  const version = replayWith(record, { version: 9 }, outside());
  await expect(version).rejects.toMatchObject({
    code: "INVALID",
    message: expect.stringContaining("cannot be swapped"),
  });
});
