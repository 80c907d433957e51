// A server over https as it is set up: official clients, secure headers, files that change while it runs
// and files that are wrong.

import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { Agent, fetch as undiciFetch } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readConfig } from "../../adapters/config.ts";
import { certificateCheck } from "../../adapters/doctor/certificate.ts";
import { decode } from "../../runtime/store/codec.ts";
import { openFolderReader } from "../../runtime/store/folder-reader.ts";
import { createCertificates } from "../support/certificates.ts";
import { type RunningServer, spawnServer, startServer } from "../support/running-server.ts";

const certificates = createCertificates();
const key = "admin-key-of-the-tls-tests";
let folder = "";
let server: RunningServer;
let env: Readonly<Record<string, string>> = {};
let agent: Agent;

const place = (name: string): string => join(folder, name);

/** Puts this pair where the server looks. */
function put(name: string, days?: number): void {
  const { certFile, keyFile } = certificates.make(name, days);
  copyFileSync(keyFile, place("tls.key"));
  copyFileSync(certFile, place("tls.crt"));
}

/** A fetch that trusts these certificates, and takes a new connection for each call. */
function trusting(...names: readonly string[]): Agent {
  const ca = names.map((name) => readFileSync(join(certificates.folder, `${name}.crt`)));
  return new Agent({ connect: { ca }, pipelining: 0 });
}

const get = (path: string, dispatcher = agent) =>
  undiciFetch(`${server.url}${path}`, { dispatcher, headers: { "X-API-Key": key } });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "troupe-tls-e2e-"));
  put("first");
  agent = trusting("first");
  env = {
    TROUPE_DATA: place("data"),
    TROUPE_ADMIN_KEY: key,
    TROUPE_WORKERS: "1",
    TROUPE_TLS_CERT: place("tls.crt"),
    TROUPE_TLS_KEY: place("tls.key"),
    TROUPE_GUARDRAILS: place("chain.json"),
  };
  writeFileSync(place("chain.json"), "[]");
  server = await startServer(env);
  await server.printed(/^curl /m);
});
afterAll(async () => {
  await server.end();
  certificates.end();
  rmSync(folder, { recursive: true, force: true });
});

test("official clients speak to it, answers and cookies are for https alone", async () => {
  const fetch = ((url: string, init: object) =>
    undiciFetch(url, { ...init, dispatcher: agent })) as unknown as typeof globalThis.fetch;
  const headers = { "X-Tenant": "tn_sample" };
  const listed = (await (
    await undiciFetch(`${server.url}/v2/agents`, {
      dispatcher: agent,
      headers: { "X-API-Key": key, ...headers },
    })
  ).json()) as { data: { id: string }[] };
  const model = `agent:${listed.data[0]?.id}`;
  const openai = new OpenAI({
    ...{ apiKey: key, baseURL: `${server.url}/v1`, fetch, defaultHeaders: headers, maxRetries: 0 },
  });
  const messages = [{ role: "user", content: "How do I set a provider?" }] as const;

  const whole = await openai.chat.completions.create({ model, messages: [...messages] });
  const stream = await openai.chat.completions.create({
    ...{ model, messages: [...messages], stream: true },
  });
  let streamed = "";
  for await (const chunk of stream) streamed += chunk.choices[0]?.delta?.content ?? "";
  const anthropic = new Anthropic({
    ...{ apiKey: key, baseURL: server.url, fetch, defaultHeaders: headers, maxRetries: 0 },
  });
  const message = await anthropic.messages.create({
    ...{ model, max_tokens: 500, messages: [...messages] },
  });

  expect(server.url).toMatch(/^https:/);
  expect(whole.choices[0]?.message.content).toContain("OPENAI_API_KEY");
  expect(streamed).toContain("OPENAI_API_KEY");
  expect(JSON.stringify(message.content)).toContain("OPENAI_API_KEY");
  const health = await get("/v2/models");
  expect(health.headers.get("strict-transport-security")).toBe("max-age=31536000");
  const [, login = ""] = /(\/login\?code=\S+)/.exec(server.output()) ?? [];
  const signed = await undiciFetch(`${server.url}${login}`, {
    ...{ dispatcher: agent, redirect: "manual" },
  });
  expect(signed.headers.get("set-cookie")).toMatch(/; HttpOnly; .*; Secure$/);
});

test("new files are served at SIGHUP, wrong ones are not, and both are logged", async () => {
  const old = await get("/health");
  await old.text();
  writeFileSync(place("tls.crt"), "no certificate");
  server.process.kill("SIGHUP");
  await expect
    .poll(() => server.errors(), { timeout: 10_000 })
    .toMatch(/certificate is kept.*tls\.crt is no certificate in PEM/);
  expect((await get("/health", trusting("first"))).status).toBe(200);

  put("second");
  server.process.kill("SIGHUP");
  await expect
    .poll(() => server.errors(), { timeout: 10_000 })
    .toContain("A new certificate is served.");

  expect((await get("/health", trusting("second"))).status).toBe(200);
  await expect(get("/health", trusting("first"))).rejects.toThrow();
});

test("the operator's guardrails are taken anew at SIGHUP, and wrong ones leave those that hold", async () => {
  const send = async (path: string, body?: object): Promise<{ status: number; text: string }> => {
    const headers = {
      "X-API-Key": key,
      "X-Tenant": "tn_sample",
      "Content-Type": "application/json",
    };
    const sent = body && { method: "POST", body: JSON.stringify(body) };
    const dispatcher = trusting("second");
    const answer = await undiciFetch(`${server.url}${path}`, { dispatcher, headers, ...sent });
    return { status: answer.status, text: await answer.text() };
  };
  const { data } = JSON.parse((await send("/v2/agents")).text) as { data: { id: string }[] };
  const ask = () => send(`/v2/agents/${data[0]?.id}/runs`, { input: "How does a falcon fly?" });
  const rule = (word: string, action = "block") => [
    { name: "birds", on: ["input"], check: { type: "words", words: [word] }, action },
  ];
  const set = (rules: object): void => {
    writeFileSync(place("chain.json"), JSON.stringify(rules));
    server.process.kill("SIGHUP");
  };

  const before = await ask();
  set(rule("falcon"));
  await expect.poll(() => ask(), { timeout: 10_000 }).toMatchObject({ status: 400 });
  set(rule("heron", "ask"));
  const kept = /guardrails are kept.*\/0\/action: a rule of the operator asks nobody/;
  await expect.poll(() => server.errors(), { timeout: 10_000 }).toMatch(kept);
  const after = await ask();

  expect([before.status, after.status]).toEqual([200, 400]);
  expect(after.text).toContain("GUARDRAIL_BLOCKED");
  writeFileSync(place("chain.json"), JSON.stringify(rule("falcon")));
});

test("files that change are taken without a signal", { timeout: 30_000 }, async () => {
  put("third");

  await expect
    .poll(() => get("/health", trusting("third")).then(({ status }) => status, String), {
      ...{ timeout: 20_000, interval: 250 },
    })
    .toBe(200);
});

test("a start with a pair that cannot be served is refused, and says why", async () => {
  const other = certificates.make("other");
  const past = certificates.make("past", -1);
  const cases = [
    [{ TROUPE_TLS_KEY: other.keyFile }, /other\.key is not the key of .*tls\.crt/],
    [
      { TROUPE_TLS_CERT: past.certFile, TROUPE_TLS_KEY: past.keyFile },
      /past\.crt has expired on 20/,
    ],
    [{ TROUPE_TLS_CERT: place("none") }, /tls\.cert_file: .*none cannot be read \(ENOENT\)/],
    [{ TROUPE_TLS_KEY: "" }, /tls: cert_file and key_file belong together/],
  ] as const;

  for (const [at, [changed, words]] of cases.entries()) {
    const started = spawnServer({ ...env, TROUPE_DATA: place(`data-${at}`), ...changed });
    const code = await new Promise((resolve) => started.process.once("close", resolve));
    expect([code, started.errors()]).toEqual([1, expect.stringMatching(words)]);
  }
});

test("the doctor tells of the end of a certificate two weeks before it", async () => {
  const soon = certificates.make("soon", 10);
  const config = await readConfig(
    { TROUPE_TLS_CERT: soon.certFile, TROUPE_TLS_KEY: soon.keyFile },
    folder,
  );
  const patient = { config, configError: null, data: folder, owner: null, ask: null };
  const mixed = { ...config, tls: { ...config.tls, certFile: place("tls.crt") } } as typeof config;

  expect(await certificateCheck.run(patient)).toMatchObject([
    { level: "warning", what: expect.stringMatching(/ends in \d+ days/) },
  ]);
  expect(await certificateCheck.run({ ...patient, config: mixed })).toMatchObject([
    { level: "error", what: expect.stringContaining("is not the key of") },
  ]);
});

test("each new certificate, and other guardrails, are in the audit of the server", async () => {
  await server.stop();
  const reader = openFolderReader(place("data"));
  const rows = await reader.hot.range({ from: " ", to: "~", limit: 100_000 });
  await reader.close();

  const told = rows.flatMap(({ value }) => {
    const row = decode(value) as { readonly action?: unknown } | null;
    return String(row?.action).endsWith(".reload") ? [row] : [];
  });
  const by = { by: "server", outcome: "done" };
  expect(told).toMatchObject([
    { ...by, action: "tls.reload", subject: "tls" },
    {
      ...{ ...by, action: "guardrails.reload", subject: "operator" },
      before: { guardrails: [] },
      after: { guardrails: [{ name: "birds", check: { words: ["falcon"] } }] },
    },
    { ...by, action: "tls.reload", subject: "tls" },
  ]);
});
