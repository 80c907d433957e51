// `troupe mcp` as a desktop client starts it: the official client over the standard streams of the real
// program, which carries its messages to a server.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate } from "../../support/scripted-llm.ts";
import type { Json } from "../../support/wire-client.ts";
import { createClient, type Desk, eras, makeDesk } from "./mcp-host.ts";

const ANSWER = "You can export from Settings.";
const SOON = { timeout: 10_000, interval: 10 };
const program = fileURLToPath(new URL("../../../../adapters/cli/troupe.js", import.meta.url));

let host: HttpHost;
let desk: Desk;

beforeAll(async () => {
  host = await startHttpHost();
  desk = await makeDesk(host);
});
afterAll(() => host.stop());
afterEach(() => {
  host.llm.script = () => ANSWER;
});

describe.each(eras)("a client of the %s revision", (era) => {
  test("lists, asks with progress, has its person decide, and cancels", {
    timeout: 60_000,
  }, async () => {
    const client = createClient(era, () => ({
      ...{ action: "accept", content: { decision: "approve" } },
    }));
    await client.connect(
      new StdioClientTransport({
        command: process.execPath,
        args: [program, "mcp"],
        env: { ...process.env, TROUPE_URL: host.url, TROUPE_KEY: host.key } as Record<
          string,
          string
        >,
      }),
    );
    const writing = createGate();
    host.llm.script = async ({ write, signal }) => {
      write("You can ");
      await writing.wait(signal);
      return ANSWER;
    };
    const progress: unknown[] = [];

    const { tools } = await client.listTools();
    const answer = await client.callTool(
      { name: desk.agent, arguments: { message: "Export?" } },
      {
        onprogress: ({ message }) => {
          progress.push(message);
          if (message?.startsWith("You can")) writing.open();
        },
      },
    );
    const decided = await client.callTool({ name: desk.asks, arguments: { message: "go" } });
    const gate = createGate();
    host.llm.script = async ({ signal }) => {
      await gate.wait(signal);
      return ANSWER;
    };
    const abort = new AbortController();
    const cut = client
      .callTool({ name: desk.agent, arguments: { message: "?" } }, { signal: abort.signal })
      .catch((error: unknown) => error);
    await gate.reached;
    const [run]: readonly Json[] = (await host.call("GET", "/v2/runs?limit=1")).body.data;
    abort.abort("not wanted");

    expect(tools.map(({ name }) => name)).toContain(desk.agent);
    expect(answer.content?.[0]).toEqual({ type: "text", text: ANSWER });
    expect(progress).toContain("You can ");
    expect(decided.structuredContent).toMatchObject({ output: { approved: true } });
    expect(await cut).toBeInstanceOf(Error);
    const status = async () => (await host.call("GET", `/v2/runs/${run?.id}`)).body.status;
    await expect.poll(status, SOON).toBe("cancelled");
    await client.close();
  });
});

/** Runs the program on some lines of input; what it said, and its exit code. */
async function troupeMcp(
  lines: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{
  readonly code: number | null;
  readonly out: readonly Json[];
  readonly errors: string;
}> {
  const { TROUPE_KEY: _, TROUPE_URL: __, ...own } = process.env;
  const child = spawn(process.execPath, [program, "mcp"], { env: { ...own, ...env } });
  let out = "";
  let errors = "";
  child.stdout.on("data", (piece: Buffer) => {
    out += piece.toString();
    // A request's answer is waited for: the end of the input would let go of it.
    if (out.split("\n").length > lines.length) child.stdin.end();
  });
  child.stderr.on("data", (piece: Buffer) => {
    errors += piece.toString();
  });
  child.stdin.on("error", () => undefined);
  child.stdin.write(lines.map((line) => `${line}\n`).join(""));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  const said = out.split("\n").filter((line) => line !== "");
  return { code, out: said.map((line) => JSON.parse(line)), errors };
}

const list = '{"jsonrpc":"2.0","id":"a","method":"tools/list"}';

test("a key that is not valid, a line that is none, and a server that is not there are told as errors", async () => {
  const wrong = await troupeMcp([list, "nonsense"], {
    ...{ TROUPE_URL: host.url, TROUPE_KEY: "troupe_wrong" },
  });
  const away = await troupeMcp([list], { TROUPE_URL: "http://127.0.0.1:1", TROUPE_KEY: "k" });
  const keyless = await troupeMcp([], { TROUPE_URL: host.url });

  expect(wrong.out).toContainEqual(
    expect.objectContaining({ id: "a", error: expect.objectContaining({ code: -32_603 }) }),
  );
  expect(wrong.out).toContainEqual(
    expect.objectContaining({ id: null, error: expect.objectContaining({ code: -32_700 }) }),
  );
  expect(away.out).toMatchObject([{ id: "a", error: { code: -32_000 } }]);
  expect([keyless.code, keyless.out]).toEqual([1, []]);
  expect(keyless.errors).toContain("TROUPE_KEY");
});
