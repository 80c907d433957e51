// `troupe audit verify`: whether the audit of a tenant is whole, in a running server, a data folder that no
// server has open, or an export; `troupe audit export`: writes it out. Exit code 0: it is whole; 1: an entry is wrong; 2: it could not be read.

import { createReadStream, createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { systemTenant } from "../../actors/records/api-key.ts";
import { auditKeysTable } from "../../actors/records/audit.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { openFolderReader } from "../../runtime/store/folder-reader.ts";
import type { Reader } from "../../runtime/store/store.ts";
import type { ChainKey, ChainPlace } from "../audit/chain.ts";
import { type ChainKeyRow, chainKeyRow, keyOfRow } from "../audit/chain-key.ts";
import { type AuditLine, auditLines } from "../audit/export-lines.ts";
import { folderTables } from "../audit/folder-tables.ts";
import { type AuditVerdict, verifyAudit } from "../audit/verify.ts";
import { type Config, loadConfig } from "../config.ts";
import { rowSeals } from "../secret-rows.ts";
import { keySource } from "../vault/key-source.ts";
import { emptyMasterKeys, replaceMasterKeys } from "../vault/master-keys.ts";
import { sealedFolder } from "../vault/sealed-folder.ts";
import { createVault } from "../vault/vault.ts";
import { openApi } from "./api-client.ts";
import { jsonLines } from "./json-lines.ts";

const options = {
  "from-file": { type: "string" },
  head: { type: "string" },
  format: { type: "string" },
  out: { type: "string" },
  action: { type: "string" },
  by: { type: "string" },
  subject: { type: "string" },
  from: { type: "string" },
  to: { type: "string" },
  json: { type: "boolean", default: false },
  data: { type: "string" },
  url: { type: "string" },
  key: { type: "string" },
  tenant: { type: "string" },
} as const;

const filters = ["action", "by", "subject", "from", "to"] as const;
const DEFAULT_TENANT = "tn_default";
const path = "/admin/audit/export";

type Values = ReturnType<typeof read>["values"];
const read = (args: readonly string[]) =>
  parseArgs({ args: [...args], options, strict: true, allowPositionals: true });

/** Verifies or exports. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = read(args);
    const [verb, ...more] = positionals;
    if (more.length === 0 && verb === "verify") return await verify(values);
    if (more.length === 0 && verb === "export") return await write(values);
    const isFile = verb === "verify" || verb === "export";
    const file = verb === "verify" ? "a file is given as --from-file" : "a file is named by --out";
    throw new RuntimeError(
      "INVALID",
      `${isFile ? file : "say verify or export"}: troupe help audit`,
    );
  } catch (error) {
    console.error(`troupe audit: ${error instanceof Error ? error.message : String(error)}`);
    return 2;
  }
}

async function verify(values: Values): Promise<number> {
  const seen = values.head === undefined ? null : placeOf(values.head);
  const { lines, keys } = await sourceOf(values);
  const verdict = await verifyAudit(lines, { seen, ...(keys && { keys }) });
  console.log(values.json ? JSON.stringify(verdict) : wordsOf(verdict));
  return verdict.fault === null ? 0 : 1;
}

/** The verdict in words. */
function wordsOf({ tenant, entries, erased, signed, fresh, head, fault }: AuditVerdict): string {
  const counts = `${entries} entries${erased === 0 ? "" : `, ${erased} of them erased`}`;
  if (fault !== null) {
    return `${tenant ?? "?"}: entry ${fault.n} is wrong (${fault.kind}). ${fault.text}\n${counts} before it are right.`;
  }
  const waiting = fresh === 0 ? "" : ` ${fresh} rows are not chained yet.`;
  const unsigned = " Codes were not checked: the key is not at hand.";
  const codes = signed > 0 ? ` ${signed} are signed by the key.` : entries > 0 ? unsigned : "";
  return `${tenant}: whole. ${counts}.${codes}${waiting}\nhead ${head.n}:${head.hash}`;
}

function placeOf(text: string): ChainPlace {
  const [, n, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (n !== undefined && hash !== undefined) return { n: Number(n), hash };
  throw new RuntimeError("INVALID", "--head is NUMBER:HASH, as an earlier verify has printed it.");
}

interface Source {
  readonly lines: AsyncIterable<AuditLine>;
  /** Absent: codes are not checked. */
  readonly keys?: readonly ChainKey[];
}

async function sourceOf(values: Values): Promise<Source> {
  const file = values["from-file"];
  if (file !== undefined) return { lines: parsed(createReadStream(file)) };
  const config = await loadConfig();
  const stopped = values.url === undefined ? await folderSource(values, config) : null;
  return stopped ?? { lines: parsed(await served(values, config, new URLSearchParams())) };
}

/** @returns null when a server has the folder open. */
async function folderSource(values: Values, config: Config): Promise<Source | null> {
  const data = values.data ?? config.data;
  try {
    const sealed = await sealedFolder({ ...config, data });
    const reader = openFolderReader(data, sealed?.sealer);
    const keys = await keysOf(reader.hot, { ...config, data });
    const lines = closing(reader, values.tenant ?? DEFAULT_TENANT);
    return { lines, ...(keys && { keys }) };
  } catch (error) {
    const isElsewhere =
      error instanceof RuntimeError && ["DATA_LOCKED", "NOT_FOUND"].includes(error.code);
    if (!isElsewhere || values.data !== undefined) throw error;
    return null;
  }
}

/** @returns null where the master key is not at hand, or nothing was signed. */
async function keysOf(hot: Reader, config: Config): Promise<readonly ChainKey[] | null> {
  const row = await folderTables(hot).get(systemTenant, auditKeysTable, chainKeyRow);
  const master = row === undefined ? null : await keySource(config).read();
  if (row === undefined || master === null) return null;
  const memory = emptyMasterKeys();
  replaceMasterKeys(memory, master);
  const { open } = rowSeals(createVault(memory));
  return [keyOfRow(open(systemTenant, auditKeysTable, row.value) as ChainKeyRow)];
}

async function* closing(
  reader: ReturnType<typeof openFolderReader>,
  tenant: string,
): AsyncIterable<AuditLine> {
  try {
    for await (const lines of auditLines(folderTables(reader.hot), tenant)) yield* lines;
  } finally {
    await reader.close();
  }
}

async function write(values: Values): Promise<number> {
  const query = new URLSearchParams({ format: values.format ?? "jsonl" });
  for (const name of filters) {
    const value = values[name];
    if (value !== undefined) query.set(name, value);
  }
  const body = await served(values, await loadConfig(), query);
  const { out } = values;
  await (out === undefined
    ? pipeline(body, process.stdout, { end: false })
    : pipeline(body, createWriteStream(out, { mode: 0o600 })));
  return 0;
}

/** The export of a running server, as it comes. */
async function served(values: Values, config: Config, query: URLSearchParams): Promise<Readable> {
  const { url, key, tenant } = values;
  const where = { ...(url && { url }), ...(key && { key }) };
  const api = await openApi(where, config);
  if (tenant !== undefined) query.set("tenant", tenant);
  return Readable.fromWeb(await api.stream(`${path}?${query}`));
}

async function* parsed(stream: Readable): AsyncIterable<AuditLine> {
  for await (const text of jsonLines(stream)) {
    if (text !== "") yield lineOf(text);
  }
}

function lineOf(text: string): AuditLine {
  const line = jsonOrNull(text);
  if (line !== null && typeof line === "object") return line as AuditLine;
  throw new RuntimeError("INVALID", "A line of the export is no JSON.");
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
