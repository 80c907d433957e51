// What the doctor learns by asking: the running server about its tenants, and providers about the time.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { readConfig } from "../../../adapters/config.ts";
import { channelsCheck } from "../../../adapters/doctor/channels.ts";
import type { Check, Patient } from "../../../adapters/doctor/check.ts";
import { examine } from "../../../adapters/doctor/examine.ts";
import { providersCheck } from "../../../adapters/doctor/providers.ts";
import { tenantsCheck } from "../../../adapters/doctor/tenants.ts";

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "troupe-asked-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const nobody: Patient = { config: null, configError: null, data: "", owner: null, ask: null };
const levelsOf = async (check: Check, of: Partial<Patient>): Promise<readonly string[]> =>
  (await examine([check], { ...nobody, ...of })).map(
    ({ level, what, fix }) => `${level}: ${what} -> ${fix}`,
  );

test("a provider whose clock shows something else", async () => {
  const server = createServer(({ url }, response) => {
    const apart = url?.startsWith("/late") ? 300_000 : 0;
    const date = new Date(Date.now() - apart).toUTCString();
    response.writeHead(200, { "content-type": "application/json", date });
    response.end(JSON.stringify({ data: [] }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const provider = (name: string) =>
    `  - { name: ${name}, kind: openai, base_url: "http://127.0.0.1:${port}/${name}", api_key: "\${KEY}" }\n`;
  const at = mkdtempSync(join(root, "clocks-"));
  writeFileSync(join(at, "troupe.yaml"), `providers:\n${provider("late")}${provider("right")}`);
  const config = await readConfig({ KEY: "sk-k" }, at);

  const lines = await levelsOf(providersCheck, { config });

  expect(lines.filter((line) => !line.startsWith("ok: "))).toEqual([
    expect.stringMatching(
      /^warning: late: our clock is (299|300|301) s ahead of .* -> timedatectl/,
    ),
  ]);
});

test("money that is used up, budgets that do not turn and removals that are overdue are told", async () => {
  const hoursAgo = (hours: number): string =>
    new Date(Date.now() - hours * 3_600_000).toISOString();
  const purge = (hours: number, phase: string) => ({ requested_at: hoursAgo(hours), phase });
  const budget = { scope: "tenant", limit: 5, on_exhausted: "stop", left: 1, overrun: 0 };
  const answers: Readonly<Record<string, unknown>> = {
    "/admin/tenants?limit=100": {
      data: [
        { id: "tn_a", status: "active", purge: null },
        { id: "tn_b", status: "purging", purge: purge(30, "compacting") },
        { id: "tn_c", status: "purging", purge: purge(2, "compacting") },
        { id: "tn_d", status: "purged", purge: purge(90, "done") },
        { id: "tn_e", status: "suspended", purge: null },
      ],
      next_cursor: null,
    },
    "/admin/balance?tenant=tn_a": { balance: -0.5 },
    "/admin/budgets?tenant=tn_a&limit=100": {
      data: [
        { ...budget, id: "bd_1", period: "total", left: 0, resets_at: null },
        { ...budget, id: "bd_2", period: "day", resets_at: hoursAgo(3) },
        { ...budget, id: "bd_3", period: "month", overrun: 0.2, resets_at: hoursAgo(-9) },
        { ...budget, id: "bd_4", period: "day", resets_at: hoursAgo(-9) },
      ],
      next_cursor: null,
    },
    "/admin/balance?tenant=tn_e": { balance: 3 },
    "/admin/budgets?tenant=tn_e&limit=100": { data: [], next_cursor: null },
  };
  const ask = async (path: string): Promise<unknown> => answers[path];

  const lines = await levelsOf(tenantsCheck, { owner: 1, ask });

  expect(lines).toEqual([
    expect.stringMatching(/^error: tn_b was removed 30 h ago.* -> .*troupe compact/),
    expect.stringMatching(/^error: tn_a has a balance of -0.5.* -> POST .*tn_a\/credit/),
    expect.stringMatching(
      /^warning: Budget bd_1 .* is used up: its calls are refused.*raised\. -> PATCH/,
    ),
    expect.stringMatching(/^error: Budget bd_2 .*should have begun anew/),
    expect.stringMatching(/^warning: Budget bd_3 .*took 0.2 more than could be reserved/),
  ]);
});

test("channels of the configuration are looked at, through the server or without one", async () => {
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const at = mkdtempSync(join(root, "channels-"));
  const chat = "kind: slack, agent: Desk, bot_token: xoxb-mine, signing_secret: signs-it-all";
  writeFileSync(
    join(at, "troupe.yaml"),
    `gateway: {hosts: [127.0.0.1]}\nchannels:\n  desk: {${chat}, api_url: "http://127.0.0.1:${port}/api"}\n`,
  );
  const config = await readConfig({}, at);
  const asked: unknown[] = [];
  const ask: Patient["ask"] = async (path, more) => {
    asked.push([path, more?.tenant]);
    if (path === "/v2/channels/check") {
      return { findings: [{ ok: false, text: "The token is refused.", help: "Take it anew." }] };
    }
    if (path.endsWith("/status")) return { state: "open", last_error: null };
    if (path.startsWith("/v2/agents")) return { data: [{ id: "ag_1" }] };
    if (path.startsWith("/v2/channels?")) return { data: [{ id: "ch_1", kind: "slack" }] };
    return { data: [] };
  };

  const here = await levelsOf(channelsCheck, { config });
  const there = await levelsOf(channelsCheck, { config, owner: 1, ask });

  expect(here).toEqual([
    expect.stringMatching(/^error: desk: Slack could not be asked .* -> Look at the network/),
    expect.stringMatching(/^warning: desk: The signing secret is set/),
  ]);
  expect(there).toEqual(["error: desk: The token is refused. -> Take it anew."]);
  expect(asked).toContainEqual(["/v2/channels/check", "tn_default"]);
});
