// A tenant that is removed while the server runs goes from its files without anybody doing anything: the server
// starts again in its process, or has a new one take over, which refuses nobody.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { plantTenant } from "../support/planted-tenant.ts";
import { startProduct } from "../support/product.ts";

const TIMEOUT_MS = 60_000;
const env = {
  ...{ TROUPE_WORKERS: "1" },
  ...{ TROUPE_PURGE_IDLE_AFTER_MS: "500", TROUPE_PURGE_LATEST_MS: "500" },
};

function holding(data: string, text: string): readonly string[] {
  return readdirSync(data, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    if (!entry.isFile()) return [];
    const path = join(entry.parentPath, entry.name);
    return readFileSync(path).includes(text) ? [path] : [];
  });
}

test.each(["in_place", "hand_over"])(
  "a removed tenant is purged by a server that nobody restarts: %s",
  {
    timeout: TIMEOUT_MS,
  },
  async (by) => {
    const product = await startProduct({ env: { ...env, TROUPE_PURGE_BY: by } });
    onTestFinished(() => product.end());
    const { pid } = product.server.process;
    const data = join(product.folder, "data");
    const gone = await plantTenant(product, "zqxpurgedvk7", 4);
    const stays = await plantTenant(product, "zqxkeptvk7", 4);
    const before = holding(data, "zqxpurgedvk7");
    const statuses = new Set<number>();

    await product.call("DELETE", `/admin/tenants/${gone.tenant}`);
    const status = async (): Promise<string> => {
      const others = await call("/v2/agents", stays.key);
      statuses.add(others.status);
      return (await call(`/admin/tenants/${gone.tenant}`, product.adminKey)).body?.status ?? "";
    };
    const call = (path: string, key: string) =>
      product.call("GET", path, undefined, { key }).catch(() => ({ status: 0, body: null }));
    await expect.poll(status, { timeout: 40_000, interval: 100 }).toBe("purged");

    expect(before.length).toBeGreaterThan(0);
    const { exitCode } = product.server.process;
    if (by === "in_place") expect([exitCode, product.server.process.pid]).toEqual([null, pid]);
    else expect([...statuses]).toEqual([200]);
    expect((await call("/v2/agents", stays.key)).status).toBe(200);
    expect(holding(data, "zqxpurgedvk7")).toEqual([]);
    expect(holding(data, "zqxkeptvk7").length).toBeGreaterThan(0);
  },
);
