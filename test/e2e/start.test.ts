// What a newcomer meets: `npm start` on an empty data folder, the curl line it prints, stopping,
// starting again, and being told plainly what is wrong.

import { execFile } from "node:child_process";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createFakeProvider } from "../support/fake-provider.ts";
import { type RunningServer, spawnServer, startServer } from "../support/running-server.ts";

const run = promisify(execFile);
const CURL_LINE = /^(curl .*)$/m;

let folder = "";
let data = "";
const servers: Pick<RunningServer, "end">[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "troupe-start-"));
  data = join(folder, "data");
});

afterEach(async () => {
  for (const server of servers.splice(0)) {
    await server.end();
  }
  await rm(folder, { recursive: true, force: true });
});

async function start(env: Record<string, string> = {}, launcher: "npm" | "node" = "node") {
  const server = await startServer({ TROUPE_DATA: data, ...env }, { launcher });
  servers.push(server);
  return server;
}

/** Runs a line as if pasted into a shell. */
async function paste(line: string): Promise<string> {
  const { stdout } = await run("bash", ["-c", line], { timeout: 20_000 });
  return stdout;
}

interface Chunk {
  readonly run_id?: string;
  readonly conversation_key?: string;
  readonly routing_info?: { readonly action_name: string };
  readonly sources?: readonly { readonly text: string }[];
  readonly builtin?: boolean;
  readonly choices: readonly [{ readonly delta: { readonly content?: string } }];
}

function chunksOf(stream: string): Chunk[] {
  return stream
    .split("\n")
    .filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice(6)) as Chunk);
}

const textOf = (chunks: readonly Chunk[]): string =>
  chunks.map(({ choices: [{ delta }] }) => delta.content ?? "").join("");

test("npm start prints a curl line that works as pasted and answers from the project's pages", async () => {
  const server = await start({}, "npm");
  const [line] = await server.printed(CURL_LINE);

  const stream = await paste(line);
  const chunks = chunksOf(stream);

  expect(stream.trimEnd().endsWith("data: [DONE]")).toBe(true);
  expect(chunks[0]?.routing_info?.action_name).toBe("Docs");
  expect(textOf(chunks)).toContain("OPENAI_API_KEY");
  const texts = chunks.at(-1)?.sources?.map((source) => source.text);
  expect(texts?.some((text) => text.includes("OPENAI_API_KEY"))).toBe(true);
  expect(chunks.at(-1)?.builtin).toBe(true);
  expect(server.output()).toMatch(/built-in answerer/);
  expect(server.output()).toMatch(/OPENAI_API_KEY=\.\.\. npm start/);
  expect(server.errors()).not.toContain("troupe:");
  expect(await server.stop()).toBe(0);
});

test("a first start is not ready before its sample is there, and lives meanwhile", async () => {
  const server = await start();
  const look = async (path: string) => (await fetch(`${server.url}/health/${path}`)).status;
  const alive = await look("live");

  // The file of the sample's key is written when all else of the sample is there.
  await expect.poll(() => look("ready"), { timeout: 20_000, interval: 5 }).toBe(200);
  const { size } = await stat(join(data, "sample-key"));

  expect(alive).toBe(200);
  expect(size).toBeGreaterThan(0);
  await server.printed(CURL_LINE);
});

test("a second start keeps the conversation, prints the sample again and the admin key not", async () => {
  const first = await start();
  const [, adminKey = ""] = await first.printed(/Admin key +(\S+)/);
  const [firstLine] = await first.printed(CURL_LINE);
  const [chunk] = chunksOf(await paste(firstLine));
  expect(await first.stop()).toBe(0);

  const second = await start();
  const [line] = await second.printed(CURL_LINE);
  const key = /X-API-Key: (\S+?)'/.exec(line)?.[1] ?? "";
  const details = `${second.url}/v1/proxy/core-agent-conversation-details/${chunk?.conversation_key}`;
  const response = await fetch(details, { headers: { "X-API-Key": key } });
  const { data: conversation } = (await response.json()) as {
    data: { messages: { role: string; content: string }[] };
  };

  expect(second.output()).not.toContain("Admin key");
  expect(second.output()).not.toContain(adminKey);
  expect(firstLine).toContain(key);
  expect(conversation.messages.map(({ role }) => role)).toEqual(["user", "assistant"]);
  expect(conversation.messages[1]?.content).toContain("OPENAI_API_KEY");
  expect((await stat(join(data, "admin-key"))).mode & 0o777).toBe(0o600);
  expect((await stat(join(data, "sample-key"))).mode & 0o777).toBe(0o600);
});

test("the sample's key cannot create agents and sees its own tenant only", async () => {
  const server = await start();
  const [line] = await server.printed(CURL_LINE);
  const key = /X-API-Key: (\S+?)'/.exec(line)?.[1] ?? "";

  const refused = await fetch(`${server.url}/v1/proxy/core-agent-create`, {
    method: "POST",
    headers: { "X-API-Key": key, "Content-Type": "application/json" },
    body: JSON.stringify({ name: "Mine" }),
  });
  const listed = await fetch(`${server.url}/v1/proxy/core-agents`, {
    headers: { "X-API-Key": key },
  });

  expect(refused.status).toBe(403);
  expect(((await listed.json()) as { data: { name: string }[] }).data).toMatchObject([
    { name: "Support Supervisor" },
  ]);
});

test("the sample is loaded once: an agent that was deleted does not come back", async () => {
  const first = await start();
  const [, adminKey = ""] = await first.printed(/Admin key +(\S+)/);
  const [line] = await first.printed(CURL_LINE);
  const agent = /"agent_key":"(\w+)"/.exec(line)?.[1] ?? "";
  const asAdmin = { "X-API-Key": adminKey, "X-Tenant": "tn_sample" };
  const deleted = await fetch(`${first.url}/v1/proxy/core-agent-delete/${agent}`, {
    method: "DELETE",
    headers: asAdmin,
  });
  await first.stop();

  const second = await start();
  await second.printed(/Chat page/);
  const listed = await fetch(`${second.url}/v1/proxy/core-agents`, { headers: asAdmin });

  expect(deleted.status).toBe(200);
  expect(((await listed.json()) as { data: unknown[] }).data).toEqual([]);
});

test("a wrong setting ends the start with its place, and with no stack", async () => {
  await writeFile(join(folder, "troupe.yaml"), "prot: 80\n");
  const server = spawnServer({ TROUPE_DATA: data }, { cwd: folder });
  servers.push(server);

  const code = await new Promise((resolve) => server.process.on("close", resolve));

  expect(code).toBe(1);
  expect(server.errors()).toBe(
    'troupe: troupe.yaml:1:1: unknown field "prot"; did you mean "port"?\n',
  );
});

test("a port that is taken ends the start with one line", async () => {
  const first = await start();
  const port = new URL(first.url).port;
  const second = spawnServer({ TROUPE_DATA: join(folder, "other"), TROUPE_PORT: port });
  servers.push(second);

  const code = await new Promise((resolve) => second.process.on("close", resolve));

  expect(code).toBe(1);
  expect(second.errors()).toMatch(new RegExp(`^troupe: 127\\.0\\.0\\.1:${port} .*in use\\.\n$`));
});

test("a data folder that another server owns ends the start with one line", async () => {
  await start();
  const second = spawnServer({ TROUPE_DATA: data });
  servers.push(second);

  const code = await new Promise((resolve) => second.process.on("close", resolve));

  expect(code).toBe(1);
  expect(second.errors()).toMatch(/^troupe: [^\n]*(in use|owned|locked)[^\n]*\n$/i);
});

test("SIGINT stops the server as SIGTERM does", async () => {
  const server = await start({ TROUPE_SAMPLE: "off" });

  expect(await server.stop("SIGINT")).toBe(0);
});

test("everything runs on the main thread with no workers", async () => {
  const server = await start({ TROUPE_WORKERS: "0" });
  const [line] = await server.printed(CURL_LINE);

  expect(textOf(chunksOf(await paste(line)))).toContain("OPENAI_API_KEY");
  expect(await server.stop()).toBe(0);
});

test("the terminal chat answers from a running server", async () => {
  const server = await start();
  const [line] = await server.printed(CURL_LINE);
  const key = /X-API-Key: (\S+?)'/.exec(line)?.[1] ?? "";
  const troupe = new URL("../../../adapters/cli/troupe.js", import.meta.url).pathname;
  const args = ["chat", "--key", key, "--message", "How do I set a provider?"];
  // The command knows the port from the settings, as the server does.
  const env = { ...process.env, TROUPE_PORT: new URL(server.url).port };

  const { stdout } = await run(process.execPath, [troupe, ...args], { timeout: 20_000, env });

  expect(stdout).toMatch(/\[Docs: /);
  expect(stdout).toContain("OPENAI_API_KEY");
  expect(stdout).toMatch(/Sources: /);
});

test("metrics are served in Prometheus' format", async () => {
  const server = await start({ TROUPE_SAMPLE: "off" });

  const response = await fetch(`${server.url}/metrics`);
  const text = await response.text();

  expect(response.headers.get("content-type")).toContain("text/plain");
  expect(text).toMatch(/^troupe_runs_started_total\{worker="\d+"\} \d+$/m);
  expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
});

test("a provider of the environment answers, with the default model and the pages in its prompt", async () => {
  const provider = await createFakeProvider();
  provider.otherwise({ pieces: ["From ", "the ", "model."] });
  try {
    const server = await start({
      OPENAI_BASE_URL: provider.openaiUrl,
      OPENAI_API_KEY: "sk-test-0123456789",
      TROUPE_DEFAULT_MODEL: "llama-test",
    });
    const [line] = await server.printed(CURL_LINE);

    const chunks = chunksOf(await paste(line));
    const [call] = provider.calls();

    expect(server.output()).toContain("openai, by default with llama-test");
    expect(textOf(chunks)).toBe("From the model.");
    expect(chunks.at(-1)?.builtin).toBe(false);
    expect(provider.count()).toBe(1);
    expect(call?.model).toBe("llama-test");
    expect(call?.prompt).toContain("ANTHROPIC_API_KEY");
    expect(server.output() + server.errors()).not.toContain("sk-test");
  } finally {
    await provider.close();
  }
});

test("a server that is told to stop lets the answer under way end, and keeps it", async () => {
  const provider = await createFakeProvider();
  provider.otherwise({ pieces: ["slow ", "but ", "whole"], tokenMs: 300 });
  try {
    const env = { OPENAI_BASE_URL: provider.openaiUrl, OPENAI_API_KEY: "sk-test-0123456789" };
    const first = await start(env);
    const [line] = await first.printed(CURL_LINE);
    const answered = paste(line);
    await provider.until((call) => call.tokens > 0);
    expect(await first.stop()).toBe(0);
    const [chunk] = chunksOf(await answered.catch((error: { stdout: string }) => error.stdout));

    const second = await start(env);
    const key = /X-API-Key: (\S+?)'/.exec(line)?.[1] ?? "";
    await second.printed(CURL_LINE);
    const run = await endedRun(`${second.url}/v2/runs/${chunk?.run_id}`, key);

    expect(run).toMatchObject({ status: "completed" });
    expect(JSON.stringify(run)).toContain("slow but whole");
  } finally {
    await provider.close();
  }
});

/** A run, once it has ended; its events end with it. */
async function endedRun(url: string, key: string): Promise<unknown> {
  const headers = { "X-API-Key": key };
  await (await fetch(`${url}/events`, { headers })).text();
  return (await fetch(url, { headers })).json();
}
