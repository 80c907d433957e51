// `troupe audit` as it is typed: the audit of a running server, of a data folder after its end, and of an
// export, each verified by a process of its own, which finds what was changed.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const program = fileURLToPath(new URL("../../../adapters/cli/troupe.js", import.meta.url));
let product: Product;
let folder = "";

beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "1" } });
  folder = mkdtempSync(join(tmpdir(), "troupe-audit-cli-"));
  for (let at = 0; at < 5; at += 1) {
    await product.call("POST", "/v2/prompts", { name: `P${at}`, template: "Hi." });
  }
  await product.call("POST", "/admin/keys", { name: "k" });
  // Its secret is sealed wherever it stands in a row; the audit has none.
  const headers = { Authorization: "Bearer planted-in-a-header" };
  const config = { url: "https://example.com/x", method: "GET", headers };
  const tool = { name: "Fetch", type: "http_request", description: "Fetches.", config };
  expect((await product.call("POST", "/v2/tools", tool)).status).toBe(201);
});
afterAll(async () => {
  await product.end();
  rmSync(folder, { recursive: true, force: true });
});

interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

function troupe(...args: readonly string[]): Said {
  const env = {
    ...process.env,
    TROUPE_DATA: join(product.folder, "data"),
    TROUPE_KEY: product.adminKey,
  };
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, "audit", ...args], {
    env,
    encoding: "utf8",
    timeout: 180_000,
  });
  return { code: status, out: stdout, errors: stderr };
}

test("a running server, its export and its folder say the same, and a changed line is named", async () => {
  const wrong = { "X-API-Key": "troupe_wrong" };
  for (let at = 0; at < 4; at += 1) await fetch(`${product.url}/v2/agents`, { headers: wrong });
  const live = troupe("verify", "--url", product.url);
  const system = troupe("verify", "--url", product.url, "--tenant", "tn_system", "--json");
  const file = join(folder, "audit.jsonl");
  const out = troupe("export", "--url", product.url, "--out", file);
  const csv = troupe("export", "--url", product.url, "--format", "csv", "--action", "prompt.");
  await product.stop();

  expect([live.code, out.code, csv.code], live.errors + out.errors + csv.errors).toEqual([0, 0, 0]);
  expect(live.out).toMatch(
    /^tn_default: whole\. \d+ entries\. Codes were not checked: the key is not at hand\.\nhead \d+:[0-9a-f]{64}\n$/,
  );
  expect(JSON.parse(system.out)).toMatchObject({ tenant: "tn_system", fault: null });
  expect(csv.out.trim().split("\r\n")).toHaveLength(6);

  const [, head = ""] = /head (\S+)/.exec(live.out) ?? [];
  const stopped = troupe("verify", "--head", head);
  const [, entries = ""] = /(\d+) entries/.exec(live.out) ?? [];
  const said = live.out.replace(/Codes .*/, `${entries} are signed by the key.`);
  expect([stopped.code, stopped.out], stopped.errors).toEqual([0, said]);

  const lines = readFileSync(file, "utf8").trim().split("\n");
  const at = lines.findIndex((line) => line.includes('"prompt.create"'));
  const entry = JSON.parse(lines[at] ?? "{}") as Json;
  expect(entry["row"]).toMatchObject({
    by: "operator",
    request_id: expect.stringMatching(/^req_/),
  });
  const told = (changed: readonly string[], ...more: readonly string[]): Said => {
    writeFileSync(file, `${changed.join("\n")}\n`);
    return troupe("verify", "--from-file", file, ...more);
  };
  const byOther = lines.map((line, n) => (n === at ? line.replace("operator", "ak_other") : line));
  expect(told(lines).code).toBe(0);
  expect(lines.join("\n")).not.toContain("planted-in-a-header");
  expect(told(byOther)).toMatchObject({ code: 1, out: expect.stringContaining("(changed)") });
  expect(told(lines.filter((_, n) => n !== at)).out).toContain(
    `entry ${entry["n"]} is wrong (missing)`,
  );
  expect(told(lines.slice(0, -2))).toMatchObject({
    code: 1,
    out: expect.stringContaining("(truncated)"),
  });
  expect(told(["{}"]).code).toBe(1);
  expect(troupe("verify", "--from-file", join(folder, "none.jsonl")).code).toBe(2);
});

test("starts, stops, sign-ins and changed settings are told in the system's audit, without secrets", async () => {
  writeFileSync(join(product.folder, "troupe.yaml"), "audit:\n  retention_days: 30\n");
  await product.start();
  const [, code = ""] = await product.server.printed(/login\?code=(\S+)/);
  const signedIn = await fetch(`${product.url}/login?code=${code}`, { redirect: "manual" });
  const system = (query: string) =>
    product.call("GET", `/admin/audit?tenant=tn_system&${query}`, undefined, {});
  const starts = (await system("action=server.start")).body.data as readonly Json[];
  const stops = (await system("action=server.stop")).body.data as readonly Json[];
  const settings = (await system("action=settings.change")).body.data as readonly Json[];
  const sessions = (await product.call("GET", "/admin/audit?action=session.open")).body.data;
  const refused = (await system("action=request.refuse")).body.data as readonly Json[];
  const all = readFileSync(join(product.folder, "data", "hot.mdb"), "latin1");

  // What was counted when the server was told to stop.
  expect(refused.map(({ details }) => (details as Json)["more"])).toEqual([3, undefined]);
  expect(signedIn.status).toBe(303);
  expect(starts.map((row) => (row["details"] as Json)["boots"])).toEqual([2, 1]);
  expect(stops).toHaveLength(1);
  expect(settings).toMatchObject([
    {
      ...{ by: "server", channel: "server" },
      before: { audit: { retentionDays: 365 } },
      after: { audit: { retentionDays: 30 } },
    },
  ]);
  expect(sessions).toMatchObject([
    { by: "session", channel: "console", from: expect.stringContaining("127.0.0.1") },
  ]);
  expect(all.includes(product.adminKey)).toBe(false);
  await product.stop();
  expect(troupe("verify", "--tenant", "tn_system").code).toBe(0);
});
