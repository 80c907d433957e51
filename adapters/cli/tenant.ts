// `troupe tenant export`: everything that a tenant has as a file, of a server that runs or, when none has the
// folder open, of the folder itself. `troupe tenant check`: whether such a file is whole.

import { createReadStream, existsSync } from "node:fs";
import { link, open, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { parseArgs } from "node:util";
import { openSnapshot } from "../../runtime/backup/snapshot.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { sealsOf } from "../../runtime/store/sealed-rows.ts";
import { loadConfig } from "../config.ts";
import { checkExport, type ExportChecked } from "../tenants/check-export.ts";
import { exportPieces } from "../tenants/export-lines.ts";
import { sealedFolder } from "../vault/sealed-folder.ts";
import { openApi } from "./api-client.ts";
import { jsonLines } from "./json-lines.ts";
import { ownFolder } from "./own-folder.ts";
import { packageVersion } from "./version.ts";

const options = {
  data: { type: "string" },
  url: { type: "string" },
  key: { type: "string" },
  json: { type: "boolean" },
} as const;

type Values = ReturnType<typeof parse>["values"];
const parse = (args: readonly string[]) =>
  parseArgs({ args: [...args], options, strict: true, allowPositionals: true });

/** Exports or checks; exit code 1 when there is no whole file in the end. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parse(args);
    const [verb, ...rest] = positionals;
    const [first, second] = rest;
    if (verb === "check" && first !== undefined && rest.length === 1) {
      show(first, await checked(first), values);
      return 0;
    }
    if (verb === "export" && first !== undefined && second !== undefined && rest.length === 2) {
      const path = resolve(second);
      show(path, await exportTo(path, first, values), values);
      return 0;
    }
    const text = "say export TENANT FILE, or check FILE: troupe help tenant";
    throw new RuntimeError("INVALID", text);
  } catch (error) {
    console.error(`troupe tenant: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

/** Until it is whole and was checked it has another name. */
async function exportTo(path: string, tenant: string, values: Values): Promise<ExportChecked> {
  if (existsSync(path)) throw isThere(path);
  const partial = `${path}.${process.pid}.partial`;
  const file = await open(partial, "wx", 0o600);
  try {
    for await (const piece of piecesOf(tenant, values)) await file.writeFile(piece);
    await file.sync();
    const done = await checked(partial);
    // A name that is there by now is not overwritten.
    await link(partial, path).catch((cause: NodeJS.ErrnoException) => {
      throw cause.code === "EEXIST" ? isThere(path) : cause;
    });
    return done;
  } finally {
    await file.close();
    await rm(partial, { force: true });
  }
}

async function* piecesOf(tenant: string, values: Values): AsyncIterable<string | Uint8Array> {
  const config = await loadConfig();
  const data = values.data === undefined ? config.data : resolve(values.data);
  const isOfServer = values.url !== undefined || values.key !== undefined;
  const folder = isOfServer ? null : ownFolder(data);
  if (folder === null) {
    const api = await openApi(values, { ...config, data });
    const path = `/admin/tenants/${encodeURIComponent(tenant)}/export`;
    yield* Readable.fromWeb(await api.stream(path, "POST"));
    return;
  }
  try {
    const sealed = await sealedFolder({ ...config, data });
    const snapshot = await openSnapshot(data, { seals: sealed && sealsOf(sealed.sealer) });
    try {
      yield* exportPieces({ snapshot, tenant, version: await packageVersion() });
    } finally {
      await snapshot.close();
    }
  } finally {
    folder.release();
  }
}

const checked = (path: string): Promise<ExportChecked> =>
  checkExport(jsonLines(createReadStream(path)));

const isThere = (path: string): RuntimeError =>
  new RuntimeError("CONFLICT", `${path} is there already; an export overwrites nothing.`);

function show(path: string, done: ExportChecked, { json }: Values): void {
  if (json === true) {
    console.log(JSON.stringify({ path, ...done }));
    return;
  }
  const kinds = Object.entries(done.counts).map(([kind, count]) => `${count} ${kind}`);
  console.log(`${path}: ${done.tenant} as of ${done.at}, whole. ${kinds.join(", ")}.`);
}
