// The dashboard and the alert rules: what they ask for is there, and promtool takes the rules and finds that they
// fire when they should.

import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { families } from "../../adapters/telemetry/families.ts";

const root = new URL("../../../", import.meta.url);
const rules = "adapters/telemetry/prometheus-rules.yaml";
const dashboard = "adapters/telemetry/grafana-dashboard.json";
/** What a whole histogram or summary is made of. */
const PARTS = ["", "_bucket", "_sum", "_count"];
/** Of prom-client; the rest of what it gives is not asked for. */
const ofProcess = ["process_resident_memory_bytes"];

const known = new Set([
  ...ofProcess,
  ...families.flatMap(({ name, type }) =>
    type === "histogram" || type === "summary" ? PARTS.map((part) => name + part) : [name],
  ),
]);

test.each([rules, dashboard])("every metric that %s names is one of the server's", async (file) => {
  const text = await readFile(new URL(file, root), "utf8");

  const named = text.match(/\b(troupe|gen_ai_client|process|nodejs)_[a-z_]+[a-z]\b/g) ?? [];

  expect(new Set(named).size).toBeGreaterThan(10);
  expect(named.filter((name) => !known.has(name))).toEqual([]);
});

test("labels that the dashboard and the rules group by are those of the metrics", async () => {
  const labels = new Set(families.flatMap((family) => family.labels));
  const ofScrape = ["instance", "job", "le", "quantile"];
  for (const file of [rules, dashboard]) {
    const text = await readFile(new URL(file, root), "utf8");
    const groups = [...text.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names = ""]) =>
      names.split(",").map((name) => name.trim()),
    );
    const unknown = groups.filter((name) => !labels.has(name) && !ofScrape.includes(name));
    expect([file, unknown]).toEqual([file, []]);
  }
});

test("no two panels of the dashboard have one place or id", async () => {
  const { panels } = JSON.parse(await readFile(new URL(dashboard, root), "utf8")) as {
    readonly panels: readonly { readonly id: number; readonly gridPos: object }[];
  };
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  expect(new Set(panels.map(({ gridPos }) => JSON.stringify(gridPos))).size).toBe(panels.length);
});

test.for([
  ["check", rules],
  ["test", "test/adapters/telemetry/prometheus-rules.test.yaml"],
] as const)("promtool %s rules %s finds nothing wrong", ([command, file], context) => {
  if (spawnSync("promtool", ["--version"]).error) {
    context.skip("promtool is not here: it comes with Debian's package prometheus");
    return;
  }
  const { status, stdout, stderr } = spawnSync("promtool", [command, "rules", file], {
    cwd: fileURLToPath(root),
    encoding: "utf8",
  });

  expect([status, stdout + stderr]).toEqual([0, expect.stringContaining("SUCCESS")]);
});
