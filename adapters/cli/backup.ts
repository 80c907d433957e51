// `troupe backup`: one file with what a data folder holds, of a server that runs or, when none has the
// folder open, of the folder itself.

import { resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { BackupManifest } from "../../runtime/backup/manifest.ts";
import { backupLimits, writeBackup } from "../../runtime/backup/write-backup.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Folder } from "../../runtime/store/folder.ts";
import { type Config, loadConfig } from "../config.ts";
import { TENANT_KEYS } from "../vault/tenant-keys.ts";
import { openApi } from "./api-client.ts";
import { ownFolder } from "./own-folder.ts";
import { createProgressBar, type ProgressBar } from "./progress-bar.ts";
import { packageVersion } from "./version.ts";

const options = {
  "with-keys": { type: "boolean" },
  "mib-per-second": { type: "string" },
  data: { type: "string" },
  url: { type: "string" },
  key: { type: "string" },
  json: { type: "boolean" },
} as const;

/** Between two questions how far it is, ms. */
const LOOK_MS = 200;
const MIB = 1024 ** 2;

type Values = ReturnType<typeof parse>["values"];
const parse = (args: readonly string[]) =>
  parseArgs({ args: [...args], options, strict: true, allowPositionals: true });

interface Done {
  readonly path: string;
  readonly bytes: number;
  readonly manifest: BackupManifest;
}

/** Makes a backup; exit code 1 when there is none in the end. */
export async function run(args: readonly string[]): Promise<number> {
  const bar = createProgressBar();
  try {
    const { values, positionals } = parse(args);
    const [target, ...more] = positionals;
    if (target === undefined || more.length > 0) {
      throw new RuntimeError("INVALID", "name one folder or file; troupe help backup");
    }
    const config = await loadConfig();
    const data = values.data === undefined ? config.data : resolve(values.data);
    const isOfServer = values.url !== undefined || values.key !== undefined;
    const folder = isOfServer ? null : ownFolder(data);
    const done =
      folder === null
        ? await askServer(resolve(target), values, { ...config, data }, bar)
        : await readFolder(resolve(target), values, folder, bar);
    bar.end();
    show(done, values);
    return 0;
  } catch (error) {
    bar.end();
    console.error(`troupe backup: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

async function readFolder(
  target: string,
  values: Values,
  folder: Folder,
  bar: ProgressBar,
): Promise<Done> {
  const stop = new AbortController();
  const cancel = (): void => stop.abort();
  process.once("SIGINT", cancel);
  try {
    return await writeBackup(
      {
        ...{ folder: folder.path, target, withKeys: values["with-keys"] ?? false },
        mibPerSecond: rateOf(values) ?? backupLimits.mibPerSecondMax,
        version: await packageVersion(),
      },
      {
        signal: stop.signal,
        progress: ({ rows, rowsTotal }) => bar.show(rows, rowsTotal, "rows"),
      },
    );
  } finally {
    process.off("SIGINT", cancel);
    folder.release();
  }
}

interface Shown {
  readonly status: string;
  readonly path: string;
  readonly rows: number;
  readonly rows_total: number;
  readonly bytes: number;
  readonly manifest: BackupManifest | null;
  readonly error: { readonly message: string } | null;
}

async function askServer(
  path: string,
  values: Values,
  config: Config,
  bar: ProgressBar,
): Promise<Done> {
  const api = await openApi(values, config);
  const rate = rateOf(values);
  let isCancelled = false;
  const cancel = (): void => {
    isCancelled = true;
  };
  process.once("SIGINT", cancel);
  try {
    let state = (await api.call("/admin/backup", {
      ...{ path, with_keys: values["with-keys"] ?? false },
      ...(rate === undefined ? {} : { mib_per_second: rate }),
    })) as Shown;
    while (state.status === "running") {
      await pause(LOOK_MS);
      const method = isCancelled ? "DELETE" : "GET";
      state = (await api.call("/admin/backup", undefined, method)) as Shown;
      bar.show(state.rows, state.rows_total, "rows");
    }
    if (state.manifest !== null) return { ...state, manifest: state.manifest };
    throw new RuntimeError("CANCELLED", state.error?.message ?? `The backup is ${state.status}.`);
  } finally {
    process.off("SIGINT", cancel);
  }
}

function rateOf(values: Values): number | undefined {
  const given = values["mib-per-second"];
  if (given === undefined) return undefined;
  const rate = Number(given);
  if (Number.isInteger(rate) && rate >= 1 && rate <= backupLimits.mibPerSecondMax) return rate;
  const text = `--mib-per-second is a whole number from 1 to ${backupLimits.mibPerSecondMax}`;
  throw new RuntimeError("INVALID", text);
}

function show(done: Done, values: Values): void {
  const { path, bytes, manifest } = done;
  if (values.json === true) {
    console.log(JSON.stringify({ path, bytes, manifest }));
    return;
  }
  const parts = Object.entries(manifest.environments).map(([name, { rows }]) => `${rows} ${name}`);
  console.log(`${path}: ${(bytes / MIB).toFixed(1)} MiB, rows: ${parts.join(", ")}.`);
  keysOfTenants(manifest);
  const files = Object.keys(manifest.files);
  if (files.length > 0) {
    console.log(`KEYS ARE IN IT, IN CLEAR: ${files.join(", ")}. Keep it as you keep keys.`);
    return;
  }
  console.log(
    "NO KEYS ARE IN IT: keep the data folder's master-key apart from it. Without that file nobody can " +
      "read the credentials in this backup, and no server starts on it. --with-keys puts the key files in.",
  );
}

function keysOfTenants({ leftOut }: BackupManifest): void {
  if (!leftOut.includes(TENANT_KEYS)) return;
  console.log(
    `THE KEYS OF TENANTS ARE NOT IN IT: without a copy of the folder ${TENANT_KEYS} nobody can read it. ` +
      "Keep one apart, as adapters/vault/README.md says.",
  );
}
