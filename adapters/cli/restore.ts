// `troupe restore`: makes a data folder of a backup, or only looks whether it is whole.

import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { BackupManifest } from "../../runtime/backup/manifest.ts";
import { restoreBackup } from "../../runtime/backup/restore-backup.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { COPY_FILE, RESTORED_FILE } from "../data-folder.ts";
import { TENANT_KEYS } from "../vault/tenant-keys.ts";
import { createProgressBar } from "./progress-bar.ts";

const options = {
  to: { type: "string" },
  copy: { type: "boolean" },
  check: { type: "boolean" },
  json: { type: "boolean" },
} as const;

const MIB = 1024 ** 2;

/** Restores; exit code 1 when the backup is damaged or the folder cannot be made. */
export async function run(args: readonly string[]): Promise<number> {
  const bar = createProgressBar();
  try {
    const { values, positionals } = parseArgs({
      ...{ args: [...args], options, strict: true, allowPositionals: true },
    });
    const [file, ...more] = positionals;
    const isOnly = values.check === true;
    if (file === undefined || more.length > 0 || (values.to === undefined) !== isOnly) {
      throw new RuntimeError(
        "INVALID",
        "name one file, and --to FOLDER or --check; troupe help restore",
      );
    }
    const to = values.to === undefined ? null : resolve(values.to);
    const isCopy = values.copy === true;
    const mark = { restored_at: new Date().toISOString(), file: resolve(file), copy: isCopy };
    const note = `${JSON.stringify(mark)}\n`;
    const added = { [RESTORED_FILE]: note, ...(isCopy && { [COPY_FILE]: note }) };
    const manifest = await restoreBackup(
      { file: resolve(file), to, added },
      { progress: (bytes, total) => bar.show(toMib(bytes), toMib(total), "MiB") },
    );
    bar.end();
    if (values.json === true) console.log(JSON.stringify(manifest));
    else for (const line of linesOf(manifest, to, isCopy)) console.log(line);
    return 0;
  } catch (error) {
    bar.end();
    console.error(`troupe restore: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

const toMib = (bytes: number): number => Math.ceil(bytes / MIB);

function linesOf(manifest: BackupManifest, to: string | null, isCopy: boolean): readonly string[] {
  const { version, at, environments, files } = manifest;
  const rows = Object.entries(environments).map(([name, part]) => `${part.rows} ${name}`);
  const whole = `The backup of ${at}, by version ${version}, is whole: rows: ${rows.join(", ")}.`;
  if (to === null) return [whole];
  const keyed = Object.keys(files).length > 0;
  return [
    whole,
    `It is in ${to}. Start it with: TROUPE_DATA=${to} troupe start`,
    keyed
      ? `Its key files are there: ${Object.keys(files).join(", ")}.`
      : "NO KEYS WERE IN IT: put the master-key of the original there; the server does not start " +
        "without it. A new admin key is made unless you put the old one there.",
    ...(manifest.leftOut.includes(TENANT_KEYS)
      ? [
          `THE KEYS OF TENANTS ARE NOT THERE, as they are in no backup: copy the mirror of ${TENANT_KEYS}/ that is ` +
            `of the time of the backup or later to ${join(to, TENANT_KEYS)}, or name it by tenant_keys. Without it no text ` +
            "of a tenant can be read, and the server does not start.",
        ]
      : []),
    isCopy
      ? `It is a copy: it calls no webhook, no tool and no other agent until ${COPY_FILE} is removed from it.`
      : "It goes on with the runs that were open, webhooks and calls of tools included. Do not run it " +
        "beside the original: for that, restore with --copy.",
  ];
}
