// Calls that come again, or are given up before their run has a name: under a key there is one run, and
// whoever gives up before there is anything to cancel has it cancelled once there is.

import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { Services } from "../../../adapters/http/services/services.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate } from "../../support/scripted-llm.ts";
import { answerOf, type Json, request, streamOf } from "../../support/wire-client.ts";
import { type Desk, type Era, eras, makeDesk } from "./mcp-host.ts";

const REVISION = "2026-07-28";
const KEY = "io.modelcontextprotocol/idempotencyKey";
const SOON = { timeout: 10_000, interval: 10 };

let host: HttpHost;
let services: Services;
let desk: Desk;
beforeAll(async () => {
  host = await startHttpHost({
    routes: async (within) => {
      services = within.services;
      return [];
    },
  });
  desk = await makeDesk(host);
});
afterAll(() => host.stop());
afterEach(() => {
  host.llm.script = () => "You can export from Settings.";
});

interface Sent {
  readonly era?: Era;
  readonly id?: number;
  readonly message?: string;
  readonly name?: string;
  /** By the header, or in the message. */
  readonly header?: string;
  readonly own?: unknown;
  readonly progress?: string;
  readonly session?: string;
}

const callOf = (of: Sent) => {
  const { era = "current", id = 1, message = "Export?", name = desk.agent, own, progress } = of;
  const revision = {
    "io.modelcontextprotocol/protocolVersion": REVISION,
    "io.modelcontextprotocol/clientInfo": { name: "raw", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const _meta = {
    ...(era === "current" ? revision : {}),
    ...(own === undefined ? {} : { [KEY]: own }),
    ...(progress === undefined ? {} : { progressToken: progress }),
  };
  const params = { name, arguments: { message }, _meta };
  return { jsonrpc: "2.0", id, method: "tools/call", params };
};

const post = (body: unknown, of: Sent): Promise<Response> => {
  const { era = "current", name = desk.agent, header, session } = of;
  const current = {
    ...{ "MCP-Protocol-Version": REVISION, "Mcp-Method": "tools/call", "Mcp-Name": name },
  };
  return request(`${host.url}/mcp`, {
    ...{ method: "POST", body, key: host.key },
    headers: {
      Accept: "application/json, text/event-stream",
      ...(era === "current" ? current : {}),
      ...(header === undefined ? {} : { "Idempotency-Key": header }),
      ...(session === undefined ? {} : { "Mcp-Session-Id": session }),
    },
  });
};
const send = (of: Sent = {}): Promise<Response> => post(callOf(of), of);

/** The last message of a response: the result or the error. */
async function answered(response: Response): Promise<Json> {
  const events = await streamOf(response).rest();
  return JSON.parse(events.at(-1)?.data ?? "null");
}
const runs = async (): Promise<readonly Json[]> =>
  (await host.call("GET", "/v2/runs?limit=100")).body.data;

describe.each(eras)("a client of the %s revision", (era) => {
  test("sends a call again under its key: it is the same run, paid once", async () => {
    const [before, had] = [await host.balance(), (await runs()).length];

    const first = await answered(await send({ era, header: `h-${era}`, progress: "a" }));
    const again = await answered(await send({ era, header: `h-${era}`, id: 7, progress: "b" }));
    const own = await answered(await send({ era, own: `m-${era}` }));
    const ownAgain = await answered(await send({ era, own: `m-${era}`, header: "other" }));
    const free = await answered(await send({ era }));

    expect([first.id, again.id]).toEqual([1, 7]);
    expect(again.result).toEqual(first.result);
    expect(ownAgain.result.structuredContent.run_id).toBe(own.result.structuredContent.run_id);
    expect(free.result.structuredContent.response).toBe("You can export from Settings.");
    expect((await runs()).length - had).toBe(3);
    expect(before - (await host.balance())).toBe(3_000);
  });

  test("loses the connection of a call with a key, and gets its answer by sending it again", async () => {
    const gate = createGate();
    host.llm.script = async ({ signal }) => {
      await gate.wait(signal);
      return "After all.";
    };
    const of = { era, header: `lost-${era}` };

    const stream = streamOf(await send(of));
    await gate.reached;
    const [run] = await runs();
    stream.cut();
    const again = answered(await send({ ...of, id: 2 }));
    gate.open();

    expect((await again).result.structuredContent).toMatchObject({
      ...{ response: "After all.", run_id: run.id },
    });
  });

  test("is told when it gives a key to another call, or one that is none", async () => {
    const header = `reused-${era}`;
    const had = (await runs()).length;
    await answered(await send({ era, header }));

    const reused = await answered(await send({ era, header, message: "Import?" }));
    const other = await answered(await send({ era, header, name: desk.team }));
    const none = await answered(await send({ era, own: 5 }));
    const long = await answered(await send({ era, own: "x".repeat(256) }));

    for (const { result } of [reused, other]) {
      expect(result.isError).toBe(true);
      expect(result.content[0].text).toContain("KEY_REUSED");
    }
    expect([none.error.code, long.error.code]).toEqual([-32_602, -32_602]);
    expect((await runs()).length - had).toBe(1);
  });
});

test("the header is of one call: in a batch of several each has its own key", async () => {
  const had = (await runs()).length;
  const era = "older";
  const batch = (owns: readonly (string | undefined)[]) =>
    owns.map((own, at) => callOf({ era, id: at, own, message: `Export ${at}?` }));
  const allOf = async (response: Response): Promise<readonly Json[]> =>
    (await streamOf(response).rest()).map(({ data }) => JSON.parse(data));

  const refused = await allOf(await post(batch([undefined, undefined]), { era, header: "b" }));
  const first = await allOf(await post(batch(["b-0", "b-1"]), { era }));
  const again = await allOf(await post(batch(["b-0", "b-1"]), { era }));

  expect(refused.map(({ error }) => error.code)).toEqual([-32_602, -32_602]);
  const runOf = (all: readonly Json[]) =>
    all.map(({ id, result }) => [id, result.structuredContent.run_id]).sort();
  expect(runOf(again)).toEqual(runOf(first));
  expect((await runs()).length - had).toBe(2);
});

test("a call that is cancelled before its run has a name has the run cancelled once it has one", async () => {
  const asked = createGate();
  const { start } = services.chat;
  onTestFinished(() => void Object.assign(services.chat, { start }));
  Object.assign(services.chat, {
    start: async (...of: Parameters<typeof start>) => {
      await asked.wait(new AbortController().signal);
      return await start(...of);
    },
  });
  host.llm.script = async ({ signal }) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    return "";
  };
  const had = (await runs()).length;
  const opening = {
    ...{ jsonrpc: "2.0", id: 0, method: "initialize" },
    params: {
      ...{ protocolVersion: "2025-06-18", capabilities: {} },
      clientInfo: { name: "raw", version: "1" },
    },
  };
  const opened = await post(opening, { era: "older" });
  const session = opened.headers.get("mcp-session-id") ?? "";
  await answerOf(opened);

  const stream = streamOf(await send({ era: "older", id: 5, session }));
  await asked.reached;
  const cancel = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 5 } };
  const told = await post(cancel, { era: "older", session });
  expect([told.status, (await runs()).length]).toEqual([202, had]);
  asked.open();

  await expect.poll(async () => (await runs()).length, SOON).toBe(had + 1);
  await expect.poll(async () => (await runs())[0]?.status, SOON).toBe("cancelled");
  stream.cut();
});
