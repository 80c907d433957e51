// Looks for secrets wherever a product may have put one: what its routes tell, exports, records and events of
// runs, a backup, the log, and every file of the data folder. Test support.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Product } from "./product.ts";
import { type Json, request } from "./wire-client.ts";

/** Runs whose records and events are looked through, newest first. */
const RUNS_MAX = 40;
const BACKUP_MS = 20_000;

/** Where each was found, as "place: beginning of the secret"; none: []. Kills the product and starts it again. */
export async function findSecrets(
  product: Product,
  key: string,
  secrets: readonly string[],
): Promise<readonly string[]> {
  const found: string[] = [];
  const look = (place: string, said: string | Buffer): void => {
    const bytes = typeof said === "string" ? Buffer.from(said) : said;
    for (const secret of secrets) {
      if (bytes.includes(secret)) found.push(`${place}: ${secret.slice(0, 6)}`);
    }
  };
  const text = async (method: string, path: string, body?: unknown): Promise<string> => {
    const answer = await request(product.url + path, { method, body, key, headers: {} });
    const said = await answer.text();
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${said}`);
    look(`${method} ${path}`, said);
    return said;
  };
  for (const path of ["/v2/tokens", "/v2/integrations", "/v2/agents", "/v2/tools"]) {
    await text("GET", `${path}?limit=100`.replace("integrations?limit=100", "integrations"));
  }
  await text("GET", "/admin/audit?limit=100");
  await text("GET", "/admin/audit/export");
  await text("GET", "/metrics");
  await text("POST", "/admin/tenants/tn_default/export");
  const agents = JSON.parse(await text("GET", "/v2/agents?limit=1")) as Json;
  const ids = agents.data.map(({ id }: Json) => id);
  await text("POST", "/v2/packs/export", { pack: "all", ids });
  const runs = JSON.parse(await text("GET", `/v2/runs?limit=${RUNS_MAX}`)) as Json;
  for (const { id, status } of runs.data as readonly Json[]) {
    await text("GET", `/v2/runs/${id}/record`);
    if (status !== "waiting") await text("GET", `/v2/runs/${id}/events`);
  }
  const file = join(product.folder, "searched.backup");
  await text("POST", "/admin/backup", { path: file });
  const untilMs = Date.now() + BACKUP_MS;
  while ((JSON.parse(await text("GET", "/admin/backup")) as Json).status === "running") {
    if (Date.now() > untilMs) throw new Error("The backup takes too long.");
    await new Promise((resolve) => setImmediate(resolve));
  }
  const backup = await readFile(file);
  // Else nothing would be found in it, whatever there is.
  if (!backup.includes("tokens-use")) throw new Error("The backup cannot be searched.");
  look("the backup", backup);
  look("the log", product.server.output() + product.server.errors());
  await product.kill();
  const all = await readdir(product.folder, { recursive: true, withFileTypes: true });
  for (const one of all.filter((entry) => entry.isFile())) {
    look(one.name, await readFile(join(one.parentPath, one.name)));
  }
  await product.start();
  return found;
}
