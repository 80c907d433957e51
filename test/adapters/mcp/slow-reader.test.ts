// A client that reads too slowly for what a run shows: through the real door, whose sink here says so when
// the test wants it. What is kept for such a client stays as small as one message.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HttpResponse, ResponseSink } from "../../../adapters/http/server.ts";
import { mcpRoute } from "../../../adapters/mcp/route.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate, type Gate } from "../../support/scripted-llm.ts";
import { type Json, request, streamOf } from "../../support/wire-client.ts";
import { type Era, eras } from "./mcp-host.ts";

const NODES = 60;

let host: HttpHost;
let flow = "";
let agent = "";
/** Closed, the client is slow. */
let slow: Gate;
/** Opened with the first event that is written. */
let shown: Gate;
/** Opened when the call has its answer, which is then on its way to the client. */
let answered: Gate;
/** Pieces that were written while it was closed. */
let held = 0;

beforeAll(async () => {
  host = await startHttpHost({
    routes: async ({ services }) => {
      const { wait } = services.chat;
      Object.assign(services.chat, {
        wait: async (...of: Parameters<typeof wait>) => {
          const waited = await wait(...of);
          // A fast run would be over before anything of it was shown.
          await shown.opened;
          setImmediate(() => answered.open());
          return waited;
        },
      });
      const route = mcpRoute(services, async () => "0.0.0");
      const handler: typeof route.handler = async (context) => slowly(await route.handler(context));
      return [{ ...route, pattern: "/slow/mcp", handler }];
    },
  });
  const nodes = Array.from({ length: NODES }, (_, at) => ({
    ...{ id: `n${at}`, type: "set", value: `${at}`, save: "n" },
  }));
  const ids = [...nodes.map(({ id }) => id), "end"];
  const made = await host.call("POST", "/v2/workflows", {
    name: "Long",
    graph_definition: {
      nodes: [...nodes, { id: "end", type: "end" }],
      edges: nodes.map(({ id }, at) => ({ from: id, to: ids[at + 1] })),
    },
    ...{ state_schema: { properties: { n: { type: "integer" } } }, output: "n" },
  });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  flow = made.body.id;
  agent = (await host.call("POST", "/v2/agents", { name: "Desk", model_name: "m-1" })).body.id;
});
afterAll(() => host.stop());

/** The response, whose client takes no second piece until the gate is opened. */
function slowly(response: HttpResponse): HttpResponse {
  if (!("stream" in response)) return response;
  const stream = (sink: ResponseSink): Promise<void> => {
    const gone = new Promise<void>((resolve) => {
      sink.signal.addEventListener("abort", () => resolve(), { once: true });
    });
    let isSlow = true;
    const opened = slow.opened.then(() => {
      isSlow = false;
    });
    return response.stream({
      signal: sink.signal,
      drained: Promise.race([opened, gone]),
      write: (piece) => {
        const isTaken = sink.write(piece);
        // What only keeps the connection alive is no event.
        if (!isSlow || !Buffer.from(piece).includes("data:")) return isTaken;
        held += 1;
        shown.open();
        return false;
      },
    });
  };
  return { ...response, stream };
}

const call = (era: Era, name: string): Promise<Response> => {
  const current = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "raw", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const isCurrent = era === "current";
  const _meta = { progressToken: "p", ...(isCurrent ? current : {}) };
  const params = { name, arguments: { message: "Go." }, _meta };
  return request(`${host.url}/slow/mcp`, {
    ...{ method: "POST", key: host.key },
    body: { jsonrpc: "2.0", id: 1, method: "tools/call", params },
    headers: {
      Accept: "application/json, text/event-stream",
      ...(isCurrent && {
        ...{ "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": name },
      }),
    },
  });
};
const reset = (): void => {
  [slow, shown, answered, held] = [createGate(), createGate(), createGate(), 0];
};

describe.each(eras)("a slow client of the %s revision", (era) => {
  test("is shown no more of a run than it takes, and has its answer when it has caught up", async () => {
    reset();
    const stream = streamOf(await call(era, flow));
    const first = JSON.parse((await stream.next())?.data ?? "null");
    await answered.opened;

    expect(held).toBe(1);
    slow.open();
    const rest = (await stream.rest()).map(({ data }) => JSON.parse(data) as Json);

    expect(first.method).toBe("notifications/progress");
    expect(rest.at(-1).result.structuredContent.output).toBe(NODES - 1);
    // One was on its way when the client grew slow; all the others were never made.
    expect(rest.length).toBeLessThanOrEqual(2);
  });

  test("is shown the end of a long answer alone", async () => {
    reset();
    const gate = createGate();
    const piece = "x".repeat(1_000);
    host.llm.script = async ({ write, signal }) => {
      write("Well, ");
      await gate.wait(signal);
      for (let at = 0; at < 400; at += 1) {
        write(piece);
        if (at % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      return "Well, ".concat(piece.repeat(400));
    };
    const stream = streamOf(await call(era, agent));
    await gate.reached;
    const first = JSON.parse((await stream.next())?.data ?? "null");
    gate.open();
    await answered.opened;

    expect([first.method, held]).toEqual(["notifications/progress", 1]);
    slow.open();
    const rest = (await stream.rest()).map(({ data }) => JSON.parse(data) as Json);

    expect(rest.at(-1).result.structuredContent.response).toHaveLength(400_006);
    expect(rest.length).toBeLessThanOrEqual(2);
  });
});
