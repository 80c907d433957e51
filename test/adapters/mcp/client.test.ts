// The official MCP client, unchanged, is the judge of /mcp: forced to the current revision, and forced to
// those before it.

import type { Client } from "@modelcontextprotocol/client";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate } from "../../support/scripted-llm.ts";
import type { Json } from "../../support/wire-client.ts";
import { connect, type Desk, eras, makeDesk } from "./mcp-host.ts";

const ANSWER = "You can export from Settings.";
const SOON = { timeout: 10_000, interval: 10 };

let host: HttpHost;
let desk: Desk;
let foreign: Desk;
const open: Client[] = [];

beforeAll(async () => {
  host = await startHttpHost();
  desk = await makeDesk(host);
  foreign = await makeDesk(host, host.otherKey);
});
afterAll(() => host.stop());
afterEach(async () => {
  host.llm.script = () => ANSWER;
  await Promise.all(open.splice(0).map((client) => client.close()));
});

const namesOf = ({ tools }: { readonly tools: readonly { readonly name: string }[] }) =>
  tools.map(({ name }) => name);
const runOf = async (run: unknown): Promise<Json> =>
  (await host.call("GET", `/v2/runs/${String(run)}`)).body;
const newestRun = async (): Promise<Json> =>
  (await host.call("GET", "/v2/runs?limit=1")).body.data[0];

describe.each(eras)("a client of the %s revision", (era) => {
  const client = async (key = host.key, person?: (message: string) => object): Promise<Client> => {
    const made = await connect(host.url, key, era, person === undefined ? {} : { person });
    open.push(made);
    return made;
  };

  test("is told the tenant's own agents, teams, workflows and collections, always in one order", async () => {
    const mcp = await client();

    const listed = await mcp.listTools();

    expect(namesOf(listed)).toEqual([
      ...[desk.agent, desk.team, desk.orders, desk.asks],
      ...[`search_${desk.collection}`, "run_result"],
    ]);
    expect(namesOf(await mcp.listTools())).toEqual(namesOf(listed));
    for (const { name } of listed.tools) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    expect(listed.tools[0]).toMatchObject({
      ...{ title: "Desk", description: "Knows exports." },
      inputSchema: { type: "object", required: ["message"], properties: { message: {} } },
      outputSchema: { type: "object", required: expect.arrayContaining(["response", "run_id"]) },
    });
    expect(listed.tools[2]?.inputSchema).toMatchObject({
      properties: { conversation_key: {}, order: { $ref: "#/$defs/number" } },
      $defs: { number: { type: "integer" } },
    });
  });

  test("asks an agent, goes on in its conversation, and is charged as for a chat", async () => {
    const mcp = await client();
    await mcp.listTools();
    const before = await host.balance();

    const first = await mcp.callTool({ name: desk.agent, arguments: { message: "Export?" } });
    const between = await host.balance();
    const { conversation_key, run_id } = first.structuredContent as Json;
    const second = await mcp.callTool({
      name: desk.agent,
      arguments: { message: "And then?", conversation_key },
    });

    expect(first.isError).toBeFalsy();
    expect(first.content?.[0]).toEqual({ type: "text", text: ANSWER });
    expect(JSON.stringify(first.content)).toContain(conversation_key);
    expect(first.structuredContent).toMatchObject({ response: ANSWER, finish_reason: "stop" });
    expect((await runOf(run_id)).status).toBe("completed");
    expect((second.structuredContent as Json).conversation_key).toBe(conversation_key);
    expect(host.llm.requests.at(-1)?.messages.map(({ content }) => content)).toContain("Export?");
    const chat = await host.call("POST", `/v2/agents/${desk.agent}/runs`, { input: "Export?" });
    expect(before - between).toBe(chat.body.cost.tokens * 1_000_000);
  });

  test("runs a team, and a workflow on its own fields, whose value is structured", async () => {
    const mcp = await client();
    await mcp.listTools();

    const team = await mcp.callTool({ name: desk.team, arguments: { message: "Export?" } });
    const flow = await mcp.callTool({ name: desk.orders, arguments: { order: 7 } });
    const wrong = await mcp.callTool({ name: desk.orders, arguments: { order: "x" } });

    expect(team.content?.[0]).toEqual({ type: "text", text: ANSWER });
    expect(flow.structuredContent).toMatchObject({ output: { order: 7 } });
    expect(wrong).toMatchObject({ isError: true });
    expect(JSON.stringify(wrong.content)).toContain("order");
  });

  test("finds passages in a collection, and is told when there are none", async () => {
    const mcp = await client();
    const name = `search_${desk.collection}`;

    const found = await mcp.callTool({ name, arguments: { query: "export an invoice", top_k: 1 } });
    const none = await mcp.callTool({ name, arguments: { query: "zebra giraffe" } });

    expect(found.structuredContent).toMatchObject({
      passages: [{ title: "Export", text: expect.stringContaining("PDF") }],
      nothing_relevant: false,
    });
    expect(none.structuredContent).toEqual({ passages: [], nothing_relevant: true });
  });

  test("gets wrong arguments and a failed run as results, and an unknown tool as an error", async () => {
    const mcp = await client();
    host.llm.script = () => {
      throw new Error("sk-secret stands in the provider's words");
    };

    const failed = await mcp.callTool({ name: desk.agent, arguments: { message: "Export?" } });
    const empty = await mcp.callTool({ name: desk.agent, arguments: { message: "" } });
    const more = await mcp.callTool({ name: desk.agent, arguments: { message: "x", odd: 1 } });

    expect(failed).toMatchObject({ isError: true });
    expect(JSON.stringify(failed)).not.toContain("sk-secret");
    expect(JSON.stringify(empty.content)).toContain("/message");
    expect(JSON.stringify(more.content)).toContain("/odd");
    for (const name of ["none", "ag_none", "search_cl_none", foreign.agent, foreign.asks]) {
      await expect(mcp.callTool({ name, arguments: { message: "x" } })).rejects.toMatchObject({
        code: -32602,
      });
    }
  });

  test("sees and calls nothing that its key may not use", async () => {
    const knowledge = await client(await host.makeKey(["mcp", "knowledge"]));
    const runs = await client(await host.makeKey(["mcp", "runs"]));

    expect(namesOf(await knowledge.listTools())).toEqual([`search_${desk.collection}`]);
    expect(namesOf(await runs.listTools())).not.toContain(`search_${desk.collection}`);
    const ask = knowledge.callTool({ name: desk.agent, arguments: { message: "x" } });
    await expect(ask).rejects.toMatchObject({ code: -32602 });
    const find = runs.callTool({
      name: `search_${desk.collection}`,
      arguments: { query: "export" },
    });
    await expect(find).rejects.toMatchObject({ code: -32602 });
    await expect(client(await host.makeKey(["runs"]))).rejects.toThrow();
  });

  test("is shown the tenant's stored prompts, and gets one filled in", async () => {
    const stored = async (key: string): Promise<string> => {
      const body = {
        ...{
          name: "Letter",
          description: "Writes a letter.",
          template: "To {{name}}, {{count}} times.",
        },
        variables: [
          { name: "name", type: "string", required: true, description: "Who gets it." },
          { name: "count", type: "integer", default: 1 },
        ],
      };
      return (await host.call("POST", "/v2/prompts", body, { key })).body.id;
    };
    const [id, theirs] = [await stored(host.key), await stored(host.otherKey)];
    const mcp = await client();
    const mayNot = await client(await host.makeKey(["mcp", "runs"]));

    const { prompts } = await mcp.listPrompts();
    const filled = await mcp.getPrompt({ name: id, arguments: { name: "Ann", count: "3" } });

    expect(prompts.map(({ name }) => name)).toContain(id);
    expect(prompts.map(({ name }) => name)).not.toContain(theirs);
    expect(prompts.find(({ name }) => name === id)).toMatchObject({
      ...{ title: "Letter", description: "Writes a letter." },
      arguments: [
        { name: "name", description: "Who gets it.", required: true },
        { name: "count", required: false },
      ],
    });
    expect(filled.messages).toEqual([
      { role: "user", content: { type: "text", text: "To Ann, 3 times." } },
    ]);
    const wrong = [
      mcp.getPrompt({ name: theirs, arguments: { name: "Ann" } }),
      mcp.getPrompt({ name: id }),
      mcp.getPrompt({ name: id, arguments: { name: "Ann", count: "many" } }),
      mayNot.getPrompt({ name: id, arguments: { name: "Ann" } }),
    ];
    for (const one of wrong) await expect(one).rejects.toMatchObject({ code: -32602 });
    expect((await mayNot.listPrompts()).prompts).toEqual([]);
  });

  test("is shown progress while the model writes", async () => {
    const gate = createGate();
    host.llm.script = async ({ write, signal }) => {
      write("You can ");
      await gate.wait(signal);
      return ANSWER;
    };
    const mcp = await client();
    const seen: { progress: number; message?: string | undefined }[] = [];

    const result = await mcp.callTool(
      { name: desk.agent, arguments: { message: "Export?" } },
      {
        onprogress: (progress) => {
          seen.push(progress);
          if (progress.message?.includes("You can")) gate.open();
        },
      },
    );

    expect(result.content?.[0]).toEqual({ type: "text", text: ANSWER });
    expect(seen.map(({ message }) => message)).toContain("You can ");
    expect(seen.map(({ progress }) => progress)).toEqual(seen.map((_, at) => at + 1));
  });

  test("cancels the run when it cancels the call", async () => {
    const gate = createGate();
    host.llm.script = async ({ signal }) => {
      await gate.wait(signal);
      return ANSWER;
    };
    const mcp = await client();
    const abort = new AbortController();

    const call = mcp
      .callTool({ name: desk.agent, arguments: { message: "Export?" } }, { signal: abort.signal })
      .catch((error: unknown) => error);
    await gate.reached;
    const { id } = await newestRun();
    abort.abort("not wanted");

    expect(await call).toBeInstanceOf(Error);
    await expect.poll(async () => (await runOf(id)).status, SOON).toBe("cancelled");
  });

  test.each(["approve", "reject"])("has its person %s what a run wants to do", async (decision) => {
    const asked: string[] = [];
    const mcp = await client(host.key, (message) => {
      asked.push(message);
      return { action: "accept", content: { decision, note: "As said." } };
    });

    const result = await mcp.callTool({ name: desk.asks, arguments: { message: "go" } });

    expect(asked).toHaveLength(1);
    expect(asked[0]).toContain("It costs.");
    expect(result.isError).toBeFalsy();
    expect(result.structuredContent).toMatchObject({
      output: { approved: decision === "approve" },
    });
    const { run_id } = result.structuredContent as Json;
    const list = await host.call("GET", `/v2/approvals?run_id=${run_id}`);
    expect(list.body.data).toMatchObject([{ note: "As said." }]);
  });

  test("has a form that its person declines count as a rejection", async () => {
    const mcp = await client(host.key, () => ({ action: "decline" }));

    const result = await mcp.callTool({ name: desk.asks, arguments: { message: "go" } });

    expect(result.structuredContent).toMatchObject({ output: { approved: false } });
  });

  test("is told how to decide when it cannot ask, or its key may not decide, and gets the answer later", async () => {
    const unable = await client();
    const mayNot = await client(await host.makeKey(["mcp", "runs"]), () => {
      throw new Error("It must not be asked.");
    });

    for (const mcp of [unable, mayNot]) {
      const held = await mcp.callTool({ name: desk.asks, arguments: { message: "go" } });

      expect(held).toMatchObject({ isError: true });
      const waiting = held._meta?.["troupe/waiting"] as Json;
      const [{ id }] = waiting.approvals;
      expect(JSON.stringify(held.content)).toContain(`/v2/approvals/${id}/decide`);
      await host.call("POST", `/v2/approvals/${id}/decide`, { decision: "approve" });
      const result = await mcp.callTool({
        name: "run_result",
        arguments: { run_id: waiting.run_id },
      });
      expect(result.structuredContent).toMatchObject({
        ...{ output: { approved: true }, run_id: waiting.run_id },
      });
    }
  });

  test("gets no result of another tenant's run", async () => {
    const mine = await client();
    const other = await client(host.otherKey);
    const { structuredContent } = await mine.callTool({
      ...{ name: desk.agent, arguments: { message: "Export?" } },
    });
    const { run_id } = structuredContent as Json;

    const stolen = await other.callTool({ name: "run_result", arguments: { run_id } });

    expect(stolen).toMatchObject({ isError: true });
    expect(JSON.stringify(stolen)).not.toContain(ANSWER);
  });

  test("is refused once its key was revoked", async () => {
    const made = await host.call("POST", "/admin/keys", { name: "k", allowed_services: ["*"] });
    const mcp = await client(made.body.key);
    await mcp.listTools();

    await host.call("DELETE", `/admin/keys/${made.body.id}`);

    const call = mcp.callTool({ name: desk.agent, arguments: { message: "x" } });
    await expect(call).rejects.toThrow(/401|not valid|Unauthorized/i);
  });
});
