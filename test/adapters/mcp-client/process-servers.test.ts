// Tool servers that are child processes of the operator's configuration: real processes, of both libraries.

import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { createProcessServers } from "../../../adapters/mcp-client/process-servers.ts";
import type { LogFields } from "../../../runtime/log.ts";
import type { Json } from "../../support/wire-client.ts";

const SOON = { timeout: 10_000, interval: 10 };
const program = fileURLToPath(new URL("../../support/mcp-process.js", import.meta.url));
const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** One of each way, granted to one tenant. */
function start(ways: readonly string[], closed?: string) {
  const lines: (LogFields & { readonly said: string })[] = [];
  const clock = { ms: 1_000_000 };
  const servers = createProcessServers({
    servers: ways.map((name) => ({
      ...{ name, command: process.execPath, args: [program, name], env: ["SHOP_KEY"] },
      ...{ folder: null, tenants: ["tn_1"] },
    })),
    environment: (names) =>
      Object.fromEntries(
        Object.entries({ PATH: "/usr/bin:/bin", SHOP_KEY: "k-1", OPENAI_API_KEY: "sk-1" }).filter(
          ([name]) => names.includes(name),
        ),
      ),
    log: { write: (_level, said, fields) => void lines.push({ ...fields, said }) },
    closed,
    nowMs: () => clock.ms,
  });
  ends.push(() => servers.end());
  const call = async (server: string, tool = "process", more: { tenant?: string } = {}) => {
    const of = { tenant: "tn_1", server, tool, arguments: {}, timeoutMs: 20_000, ...more };
    const answer = await servers.call(of);
    return (answer as unknown as { result: { structured_content: Json } }).result
      .structured_content;
  };
  return { servers, call, lines, clock };
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe.each(["current", "older"])("a process of the %s library", (way) => {
  test("is one for all who ask it, and is given PATH and the variables that are named", async () => {
    const { servers, call } = start([way]);

    const [first, second] = await Promise.all([call(way), call(way)]);
    const environment = await call(way, "environment");
    const listed = await servers.list({ tenant: "tn_1", server: way, tools: ["process", "none"] });

    expect(first["pid"]).toBe(second["pid"]);
    expect(environment).toEqual({ PATH: "/usr/bin:/bin", SHOP_KEY: "k-1" });
    expect(listed).toMatchObject([{ name: "process", description: "Tells of the process." }]);
  });

  test("hears that a call is given up", async () => {
    const { servers, call } = start([way]);
    await call(way);
    const stop = new AbortController();
    const of = { tenant: "tn_1", server: way, tool: "wait", arguments: {}, timeoutMs: 20_000 };

    const given = servers.call(of, stop.signal);
    await expect.poll(async () => (await call(way))["waiting"], SOON).toBe(1);
    stop.abort();

    await expect(given).rejects.toMatchObject({ code: "CANCELLED" });
    await expect.poll(async () => (await call(way))["cancelled"], SOON).toBe(1);
  });
});

test("a process that ends is started again, each time later, and its calls say that it has ended", async () => {
  const { call, clock, lines } = start(["dies"]);
  const ended = () => lines.filter(({ said }) => said.includes("has ended")).length;

  await expect(call("dies")).rejects.toMatchObject({ code: "PROVIDER_UNAVAILABLE" });
  await expect.poll(ended, SOON).toBe(1);
  await expect(call("dies")).rejects.toMatchObject({
    details: { retryAfterMs: 1_000 },
    message: expect.stringContaining("started again in 1 s"),
  });
  clock.ms += 1_000;
  await expect(call("dies")).rejects.toMatchObject({ code: "PROVIDER_UNAVAILABLE" });
  await expect.poll(ended, SOON).toBe(2);

  await expect(call("dies")).rejects.toMatchObject({ details: { retryAfterMs: 2_000 } });
});

test("the server's end is that of the process and of what it has started", async () => {
  const { servers, call } = start(["helper"]);
  const { pid, helper } = await call("helper");

  await servers.end();

  expect(isAlive(pid)).toBe(false);
  await expect.poll(() => isAlive(helper), SOON).toBe(false);
  await expect(call("helper")).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
});

test("a tenant that it is not granted to is told that there is none", async () => {
  const { call } = start(["current"]);

  const refused = {
    code: "NOT_FOUND",
    message: "There is no tool server current for this tenant.",
  };
  await expect(call("current", "process", { tenant: "tn_2" })).rejects.toMatchObject(refused);
  await expect(call("other")).rejects.toMatchObject({ code: "NOT_FOUND" });
  await expect(start(["current"], "it is a copy").call("current")).rejects.toMatchObject({
    code: "EGRESS_REFUSED",
  });
});

test("what a process writes to its standard error is in the log, up to 100 lines a minute", async () => {
  const { call, lines } = start(["loud"]);

  await call("loud");

  await expect.poll(() => lines.length, SOON).toBe(101);
  expect(lines[7]).toMatchObject({ server: "loud", line: "line 7" });
  expect(lines[100]?.said).toMatch(/writes too much/);
});

test("a process that writes a line without end is ended; one that is not there says so", async () => {
  const { call } = start(["endless"]);
  const none = createProcessServers({
    servers: [
      { name: "none", command: "/no/program", args: [], env: [], folder: null, tenants: ["*"] },
    ],
    environment: () => ({}),
    log: { write: () => undefined },
  });

  await expect(call("endless")).rejects.toMatchObject({
    code: expect.stringMatching(/^PROVIDER_/),
  });
  await expect(none.list({ tenant: "tn_1", server: "none", tools: ["a"] })).rejects.toMatchObject({
    code: "PROVIDER_UNAVAILABLE",
    message: "The tool server none could not be started (ENOENT).",
  });
});
