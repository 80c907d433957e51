// `troupe init`, `status`, `logs` and `restart` as they are typed: what init makes starts as it stands, without a
// provider, and the others say how it is.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../support/channels/channel-desk.ts";
import { type RunningServer, startServer } from "../support/running-server.ts";
import { answerOf, type Json, request } from "../support/wire-client.ts";

const program = fileURLToPath(new URL("../../../adapters/cli/troupe.js", import.meta.url));
const key = "admin-key-of-the-e2e-tests";
const START_MS = 60_000;
let folder = "";
let server: RunningServer;
let agent = "";

const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  ...{ TROUPE_ADMIN_KEY: key, TROUPE_SAMPLE: "off", TROUPE_WORKERS: "1" },
  ...(server !== undefined && { TROUPE_URL: server.url, TROUPE_KEY: key }),
});
function troupe(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    ...{ cwd: folder, env: environment(), encoding: "utf8", timeout: 60_000 },
  });
  return { code: status, out: stdout, errors: stderr };
}
const call = async (method: string, path: string, body?: unknown): Promise<Json> =>
  (await answerOf(await request(server.url + path, { method, body, key, headers: {} }))).body;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "troupe-init-"));
  const made = troupe(
    "init",
    "--domain",
    "agents.example.com",
    "--client-id",
    "acme",
    "--with-deps",
  );
  expect([made.errors, made.code]).toEqual(["", 0]);
  expect(made.out).toContain("nothing to install");
  const env = { TROUPE_ADMIN_KEY: key, TROUPE_SAMPLE: "off", TROUPE_WORKERS: "1" };
  server = await startServer(env, { cwd: folder });
  await server.printed(/Chat page/);
  agent = (await call("POST", "/v2/agents", { name: "Help Desk" })).id;
}, START_MS);
afterAll(async () => {
  await server?.end();
  rmSync(folder, { recursive: true, force: true });
});

test("what init makes starts as it stands, with its tenant, logs and the built-in answerer", async () => {
  expect((await call("GET", "/admin/tenants/tn_default")).name).toBe("acme");
  const run = await call("POST", `/v2/agents/${agent}/runs`, { input: "Are you there?" });
  expect(run).toMatchObject({ status: "completed", model: "builtin" });
  const log = join(folder, "logs", "agents", "Help Desk.log");
  await until(() => existsSync(log), Boolean);

  expect(existsSync(join(folder, "logs", "troupe.log"))).toBe(true);
  expect(readFileSync(join(folder, "troupe.yaml"), "utf8")).toContain(
    'public_url: "https://agents.example.com"',
  );
  const told = server
    .errors()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(told.filter(({ level }) => level > 30)).toEqual([]);
  expect(told[0]).toMatchObject({ msg: "The server listens.", url: server.url });
});

test("init overwrites nothing unless it is forced, and says what it cannot take", () => {
  writeFileSync(join(folder, "settings.json"), "{}");
  const again = troupe("init");
  expect([again.code, again.errors]).toEqual([1, expect.stringContaining("settings.json")]);
  expect(readFileSync(join(folder, "settings.json"), "utf8")).toBe("{}");

  const wrong = troupe("init", "other", "--client-id", "../up");
  expect([wrong.code, wrong.errors]).toEqual([1, expect.stringContaining("agents.client_id")]);
  expect(troupe("init", "--force").code).toBe(0);
  expect(readFileSync(join(folder, "settings.json"), "utf8")).toContain("max_running");
});

test("status says version, data folder, agents with their last runs and triggers", async () => {
  const target = { target: agent, type: "schedule", name: "Nightly", cron: "0 3 * * *" };
  const trigger = await call("POST", "/v2/triggers", { ...target, input: "Look." });
  expect(trigger.id).toMatch(/^tr_/);
  const said = troupe("status");

  expect([said.errors, said.code]).toEqual(["", 0]);
  expect(said.out).toMatch(/^Troupe \d+\.\d+\.\d+\S* is up at http/);
  expect(said.out).toContain(join(folder, "data"));
  expect(said.out).toMatch(/idle {5}Help Desk \(ag_\w+\): last run rn_\w+ completed at \d{4}-/);
  expect(said.out).toMatch(/schedule {5}Nightly of Help Desk: next \d{4}-.*T\d\d:00:00/);
  expect(JSON.parse(troupe("status", "--json").out)).toMatchObject({
    ...{ status: "ok", process: server.process.pid },
    agents: expect.arrayContaining([expect.objectContaining({ id: agent, name: "Help Desk" })]),
  });
});

test("status says what is wrong with files of agents", async () => {
  const file = join(folder, "agents", "odd.yaml");
  writeFileSync(file, "name: odd\nconstraints:\n  max_runtime: long\n");
  const said = await until(
    () => troupe("status").out,
    (out) => out.includes("odd.yaml"),
  );
  rmSync(file);

  expect(said).toContain("  odd.yaml:3:16: /constraints/max_runtime must be");
});

test("a name that would forge lines or move the cursor is shown with its characters named", async () => {
  const name = "Evil\nagents    0\u001b[2J";
  // While a command ran nobody heard that the server closed a connection.
  await new Promise(setImmediate);
  const { id } = await call("POST", "/v2/agents", { name });
  const { out } = troupe("status");
  await new Promise(setImmediate);
  await call("DELETE", `/v2/agents/${id}`);

  expect(out).toContain("Evil\\u000aagents    0\\u001b[2J (ag_");
});

test("status without a server says where it looked", () => {
  const { code, errors } = troupe("status", "--url", "http://127.0.0.1:9");

  expect([code, errors]).toEqual([
    1,
    expect.stringContaining("No server answers at http://127.0.0.1:9"),
  ]);
});

test("logs shows an agent's lines by name, level, time and text, and goes on with -f", async () => {
  const all = troupe("logs", "Help Desk");
  expect([all.errors, all.code]).toEqual(["", 0]);
  expect(all.out).toMatch(/^\d{4}-\S+Z INFO {2}run began rn_\w+ kind=supervisor$/m);
  expect(troupe("logs", agent, "--search", "completed").out.trim().split("\n")).toHaveLength(1);
  expect(troupe("logs", agent, "--level", "error").out).toBe("");
  expect(troupe("logs", agent, "--since", "0s").out).toBe("");
  expect(troupe("logs", "Nobody").errors).toContain('there is no agent "Nobody"');
  expect(troupe("logs", agent, "--since", "soon").errors).toContain("--since must be");

  const follow = spawn(process.execPath, [program, "logs", "-f", "Help Desk"], {
    ...{ cwd: folder, env: environment() },
  });
  let out = "";
  follow.stdout.on("data", (bytes) => {
    out += String(bytes);
  });
  await until(
    () => out,
    (text) => text.includes("run completed"),
  );
  const { id } = await call("POST", `/v2/agents/${agent}/runs`, { input: "And now?" });
  await until(
    () => out,
    (text) => text.includes(`run completed ${id}`),
  );
  follow.kill();
  const lines = out.trim().split("\n");
  expect(new Set(lines).size).toBe(lines.length);
});

test("logs without an agent shows the server's own log, which restart hands over in", async () => {
  expect(troupe("logs").code).toBe(0);
  const restarted = troupe("restart");
  expect([restarted.errors, restarted.code]).toEqual(["", 0]);
  const pid = Number(/Process (\d+) has taken over/.exec(restarted.out)?.[1]);
  try {
    const path = join(folder, "logs", "troupe.log");
    writeFileSync(
      path,
      `{"level":50,"time":"2026-01-01T00:00:00.000Z","msg":"It broke.","code":"X"}\n`,
      {
        flag: "a",
      },
    );
    expect(troupe("logs", "--level", "error", "--search", "broke").out).toBe(
      "2026-01-01T00:00:00.000Z ERROR It broke. code=X\n",
    );
    expect(troupe("logs", "--since", "1d", "--search", "broke").out).toBe("");
  } finally {
    process.kill(pid, "SIGKILL");
  }
});
