// Restarts under load: the new process takes over from the old one while clients talk, each message sent
// once and never again. Nobody is refused, nothing is lost or done twice, and what cannot start or is
// killed meanwhile harms nothing.

import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import OpenAI from "openai";
import { Agent, fetch as undiciFetch } from "undici";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { loadNativeListen } from "../../adapters/http/listen.ts";
import { ownerOf } from "../../runtime/store/folder.ts";
import { createCertificates } from "../support/certificates.ts";
import { CHAT, chunksOf, makeDesk, type Product, startProduct } from "../support/product.ts";
import { startServer } from "../support/running-server.ts";

/** Elsewhere the door is that of node:http, at whose port nobody can listen beside. */
const isNative = (await loadNativeListen(16_384)) !== null;
const run = promisify(execFile);
const cli = fileURLToPath(new URL("../../../adapters/cli/troupe.js", import.meta.url));
/** Between two messages of a client, ms. */
const PAUSE_MS = 25;
let product: Product;
let agent = "";
let data = "";

beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "1" } });
  agent = await makeDesk(product);
  data = join(product.folder, "data");
});
afterAll(async () => {
  await product.end();
});

const owner = (of = data): number => ownerOf(of)?.pid ?? 0;
const stateOf = (): string => {
  const { state } = JSON.parse(readFileSync(join(data, "restart.json"), "utf8"));
  return state;
};

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** As an operator does it. */
const restart = (): Promise<{ readonly stdout: string }> =>
  run(process.execPath, [cli, "restart", "--data", data], {
    cwd: product.folder,
    env: { PATH: process.env["PATH"] ?? "" },
  });

interface Sent {
  readonly marker: string;
  readonly status: number;
  readonly conversation: string;
  readonly text: string;
  readonly ms: number;
}

/** A client that says one thing after the other, each once, and notes what it is answered. */
function startClient(name: string, dispatcher: Agent): { end(): Promise<readonly Sent[]> } {
  const sent: Sent[] = [];
  let isEnding = false;
  const say = async (marker: string): Promise<Sent> => {
    const fromMs = performance.now();
    const body = JSON.stringify({ agent_key: agent, message: `refund ${marker}` });
    const headers = { "X-API-Key": product.adminKey, "Content-Type": "application/json" };
    const answered = (status: number, conversation: string, text: string): Sent => {
      return { marker, status, conversation, text, ms: performance.now() - fromMs };
    };
    try {
      const method = "POST";
      const answer = await undiciFetch(product.url + CHAT, { dispatcher, method, headers, body });
      const text = await answer.text();
      if (answer.status !== 200) return answered(answer.status, "", text);
      const { data: of } = JSON.parse(text);
      return answered(200, of.conversation_key, of.response);
    } catch (error) {
      const { cause } = error as Error;
      return answered(0, "", String(cause ?? error));
    }
  };
  const all = (async () => {
    for (let number = 0; !isEnding; number += 1) {
      sent.push(await say(`${name}-${number}.`));
      // As fast as a quick machine answers, the key's rate would refuse them.
      await pause(PAUSE_MS);
    }
    return sent;
  })();
  return {
    end: async () => {
      isEnding = true;
      return await all;
    },
  };
}

test.runIf(isNative)(
  "three restarts under load refuse nobody, and each message is there once",
  async () => {
    const first = product.server.process;
    const kept = ["a", "b", "c"].map((name) => startClient(name, new Agent({ connections: 1 })));
    const anew = ["d", "e"].map((name) => startClient(name, new Agent({ pipelining: 0 })));
    // A step that is longer than the drain limit is cut, and goes on in the new process.
    product.provider.when("long-whole", { hang: "at-once", times: 1 });
    product.provider.when("long-whole", { text: "at last" });
    product.provider.when("long-stream", { pieces: ["on ", "and ", "on"], hang: 2, times: 1 });
    const openai = new OpenAI({
      ...{ apiKey: product.adminKey, baseURL: `${product.url}/v1`, maxRetries: 0 },
    });
    const whole = openai.chat.completions.create({
      model: `agent:${agent}`,
      messages: [{ role: "user", content: "refund long-whole" }],
    });
    const stream = await product.events("POST", CHAT, {
      ...{ agent_key: agent, message: "refund long-stream", stream: true },
    });
    await product.provider.until(({ lastUser }) => lastUser.includes("long-whole"));
    await product.provider.until(({ lastUser, tokens }) => {
      return lastUser.includes("long-stream") && tokens === 2;
    });
    const [{ run_id: streamed }] = chunksOf([await stream.next()]);
    const watched = await product.events("GET", `/v2/runs/${streamed}/events`);

    const owners = [owner()];
    const tookMs: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const { stdout } = await restart();
      tookMs.push(Number(/in (\d+) ms/.exec(stdout)?.[1]));
      owners.push(owner());
    }
    const sent = (await Promise.all([...kept, ...anew].map((client) => client.end()))).flat();

    expect(sent.filter(({ status }) => status !== 200)).toEqual([]);
    const histories: Awaited<ReturnType<Product["history"]>>[] = [];
    for (const { conversation } of sent) histories.push(await product.history(conversation));
    const longest = Math.max(...sent.map(({ ms }) => ms));
    process.stdout.write(
      `restarts took ${tookMs.join(", ")} ms; of ${sent.length} requests the longest ${Math.round(longest)} ms\n`,
    );
    expect(sent.length).toBeGreaterThan(15);
    expect(new Set(owners).size).toBe(4);
    expect(histories.map((one) => one.map(([role, text]) => `${role}: ${text}`))).toEqual(
      sent.map(({ marker, text }) => [`user: refund ${marker}`, `assistant: ${text}`]),
    );
    expect((await whole).choices[0]?.message.content).toContain("at last");
    // Who watches frames sees the text begin again; OpenAI's chunks have no word for that but an error.
    const frames = (await watched.rest()).map(({ data: text }) => JSON.parse(text));
    expect(frames.map(({ type }) => type)).toContain("reset");
    expect(frames.at(-1)).toMatchObject({ type: "end", outcome: { status: "completed" } });
    expect((await stream.rest()).at(-1)?.data).toContain("stream_restarted");
    expect(product.provider.count("long-whole")).toBe(2);
    await expect.poll(() => first.exitCode, { timeout: 20_000 }).toBe(0);
  },
);

test.runIf(isNative)(
  "processes of the command end as well: after a hand-over, and when the new one is told to stop",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "troupe-command-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const env = { TROUPE_DATA: folder, TROUPE_SAMPLE: "off", TROUPE_WORKERS: "1" };
    const server = await startServer(env, { launcher: "command" });
    onTestFinished(() => server.end());
    const first = owner(folder);

    await run(process.execPath, [cli, "restart", "--data", folder], {
      env: { PATH: process.env["PATH"] ?? "" },
    });
    const second = owner(folder);
    expect(second).not.toBe(first);
    await expect.poll(() => isAlive(first), { timeout: 20_000 }).toBe(false);
    process.kill(second, "SIGTERM");
    await expect.poll(() => isAlive(second), { timeout: 20_000 }).toBe(false);
  },
);

test("a new process that cannot start leaves the old one as it was", async () => {
  const before = owner();
  const config = join(product.folder, "troupe.yaml");
  writeFileSync(config, "workers: many\n");

  const failure = await restart().catch((error: { readonly stderr: string }) => error.stderr);
  rmSync(config);

  expect(failure).toMatch(/goes on as it was.*it ended with code 1/);
  expect(product.server.errors()).toMatch(/workers.*\n(.*\n)*.*This process goes on/);
  expect(owner()).toBe(before);
  expect((await product.call("GET", "/health/ready")).body).toMatchObject({ ready: true });
  expect((await product.call("GET", "/v2/agents")).status).toBe(200);
});

test.runIf(isNative)(
  "a new process that is killed while it waits is started again, and what it held is answered",
  async () => {
    const before = owner();
    product.provider.when("killed", { hang: "at-once", times: 1 });
    product.provider.when("killed", { text: "after all" });
    const answer = product.call("POST", CHAT, { agent_key: agent, message: "refund killed" });
    await product.provider.until(({ lastUser }) => lastUser.includes("killed"));
    const told = product.server.errors().length;

    process.kill(before, "SIGUSR2");
    const successor = /"pid":(\d+),"msg":"A new process takes over/;
    await expect
      .poll(() => product.server.errors().slice(told), { timeout: 20_000, interval: 5 })
      .toMatch(successor);
    const [, pid] = successor.exec(product.server.errors().slice(told)) ?? [];
    const held = product.call("GET", "/v2/agents");
    process.kill(Number(pid), "SIGKILL");

    expect((await answer).body.data.response).toContain("after all");
    // It had come to the one that was killed, or to the other one, which has asked the next.
    expect([200, "cut"]).toContain(await held.then(({ status }) => status).catch(() => "cut"));
    await expect.poll(stateOf, { timeout: 20_000 }).toBe("done");
    expect(owner()).not.toBe(Number(pid));
    expect(owner()).not.toBe(before);
  },
);

test.each(isNative ? [] : ["node:http"])(
  "on %s a restart is refused, and the server goes on",
  async () => {
    const before = owner();

    const failure = await restart().catch((error: { readonly stderr: string }) => error.stderr);

    expect(failure).toMatch(/goes on as it was/);
    expect(product.server.errors()).toMatch(/a restart needs uWebSockets\.js/);
    expect(owner()).toBe(before);
    expect((await product.call("GET", "/v2/agents")).status).toBe(200);
  },
);

test.runIf(isNative)(
  "over TLS and encrypted, and asked for again while the new process starts, it is restarted twice",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "troupe-restart-"));
    const certificates = createCertificates();
    const { certFile, keyFile } = certificates.make("first");
    const [sealed, key] = [join(folder, "data"), "admin-key-of-the-restart"];
    const server = await startServer({
      ...{ TROUPE_DATA: sealed, TROUPE_ADMIN_KEY: key, TROUPE_WORKERS: "1" },
      ...{ TROUPE_TLS_CERT: certFile, TROUPE_TLS_KEY: keyFile, TROUPE_ENCRYPTION: "on" },
    });
    onTestFinished(async () => {
      await server.end();
      certificates.end();
      rmSync(folder, { recursive: true, force: true });
    });
    await server.printed(/Chat page/);
    const dispatcher = new Agent({ connect: { ca: readFileSync(certFile) }, connections: 2 });
    const statuses: unknown[] = [];
    const ask = async (path: string, body?: object): Promise<unknown> => {
      const headers = { "X-API-Key": key, "Content-Type": "application/json" };
      const of =
        body === undefined ? { method: "GET" } : { method: "POST", body: JSON.stringify(body) };
      const answer = await undiciFetch(server.url + path, { ...of, dispatcher, headers });
      if (!answer.ok) statuses.push([path, answer.status]);
      return await answer.json();
    };
    const made = (await ask("/v2/agents", { name: "Sealed" })) as { readonly id: string };
    let isEnding = false;
    const asking = (async () => {
      for (; !isEnding; await pause(PAUSE_MS)) {
        await ask("/v2/agents").catch((error: unknown) => statuses.push(error));
      }
    })();

    const first = owner(sealed);
    process.kill(first, "SIGUSR2");
    const next = (of: number) =>
      expect
        .poll(() => owner(sealed), { timeout: 20_000, interval: 1 })
        .not.toSatisfy((pid) => pid === 0 || pid === of);
    await next(first);
    const second = owner(sealed);
    // It has the folder, and is far from waiting for a restart.
    process.kill(second, "SIGUSR2");
    await next(second);
    const state = (): unknown => JSON.parse(readFileSync(join(sealed, "restart.json"), "utf8"));
    await expect
      .poll(state, { timeout: 20_000 })
      .toMatchObject({ state: "done", pid: owner(sealed) });
    isEnding = true;
    await asking;

    expect(statuses).toEqual([]);
    expect(await ask(`/v2/agents/${made.id}`)).toMatchObject({ name: "Sealed" });
  },
);
