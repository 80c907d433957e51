// A tenant that is removed while the server runs goes from its files without anybody doing anything: the server
// starts again in its process, or has a new one take over, which refuses nobody.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { loadNativeListen } from "../../adapters/http/listen.ts";
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

/** On node:http no other process can listen at the same port, so that none can take over. */
const isNative = (await loadNativeListen(16_384)) !== null;

test.each(["in_place", ...(isNative ? ["hand_over"] : [])])(
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
    const healths = new Set<number>();

    await product.call("DELETE", `/admin/tenants/${gone.tenant}`);
    const status = async (): Promise<string> => {
      const others = await call("/v2/agents", stays.key);
      statuses.add(others.status);
      healths.add((await call("/health", "")).status);
      return (await call(`/admin/tenants/${gone.tenant}`, product.adminKey)).body?.status ?? "";
    };
    const call = (path: string, key: string) =>
      product.call("GET", path, undefined, { key }).catch(() => ({ status: 0, body: null }));
    await expect.poll(status, { timeout: 40_000, interval: 100 }).toBe("purged");

    expect(before.length).toBeGreaterThan(0);
    const { exitCode } = product.server.process;
    // Held while the folder is compacted, and then answered.
    expect([...statuses]).toEqual([200]);
    if (by === "in_place") {
      expect([exitCode, product.server.process.pid]).toEqual([null, pid]);
      expect([...healths]).toEqual([200]);
    }
    expect((await call("/v2/agents", stays.key)).status).toBe(200);
    expect(holding(data, "zqxpurgedvk7")).toEqual([]);
    expect(holding(data, "zqxkeptvk7").length).toBeGreaterThan(0);
    if (by === "hand_over") return;
    // And once more in the same process, on the port that is open since its first life.
    await product.call("DELETE", `/admin/tenants/${stays.tenant}`);
    const again = async () =>
      (await call(`/admin/tenants/${stays.tenant}`, product.adminKey)).body?.status;
    await expect.poll(again, { timeout: 40_000, interval: 100 }).toBe("purged");
    expect(holding(data, "zqxkeptvk7")).toEqual([]);
  },
);
