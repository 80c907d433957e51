// `troupe compact`: copies the data folder into fresh files, without what was removed. Only where no
// server runs: what removed tenants left is gone from every file when it ends.

import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { loadConfig } from "../config.ts";
import { compactData } from "../tenants/compact.ts";
import { sealedFolder } from "../vault/sealed-folder.ts";

const MIB = 1024 * 1024;

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  const options = { data: { type: "string" } } as const;
  const { values } = parseArgs({ args: [...args], options });
  const config = await loadConfig();
  const data = values.data === undefined ? config.data : resolve(values.data);
  const beganMs = performance.now();
  const { environments, removed } = await compactData(
    data,
    await sealedFolder({ ...config, data }),
  );
  for (const { environment, rows, dropped, bytesBefore, bytesAfter } of environments) {
    const [before, after] = [bytesBefore, bytesAfter].map((bytes) => (bytes / MIB).toFixed(1));
    console.log(`${environment}: ${rows} rows, ${dropped} left out, ${before} MiB -> ${after} MiB`);
  }
  if (removed.length > 0) console.log(`purged: ${removed.join(", ")}`);
  console.log(`compacted in ${((performance.now() - beganMs) / 1_000).toFixed(1)} s`);
  return 0;
}
