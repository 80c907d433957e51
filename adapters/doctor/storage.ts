// The stores: damage, format, how full they and their disk are, slots of readers.

import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { RuntimeError } from "../../runtime/errors.ts";
import { decode } from "../../runtime/store/codec.ts";
import { FOLDER_FORMAT } from "../../runtime/store/folder.ts";
import { inspectFile } from "../../runtime/store/inspect-file.ts";
import { keys } from "../../runtime/store/keys.ts";
import { environmentFile, READERS_MAX } from "../../runtime/store/lmdb.ts";
import { open } from "../../runtime/store/lmdb-library.ts";
import type { Environment } from "../../runtime/store/store.ts";
import { type Check, error, type Finding, ok, type Patient, warning } from "./check.ts";

const MIB = 1024 ** 2;
/** Bytes left on the disk below which is warned, and below which a start may be refused. */
const ROOM_LOW = 1024 * MIB;
const ROOM_NONE = 64 * MIB;
/** Shares of the address space, and of the readers. */
const FULL = 0.95;
const NEARLY = 0.8;
/** Time to look for damage in each file, ms. */
const INSPECTION_MS = 3_000;

export const storageCheck: Check = {
  name: "storage",
  run: async (patient) => {
    const findings = await roomOf(patient.data);
    for (const environment of ["hot", "bulk"] as const) {
      if (!existsSync(environmentFile(patient.data, environment))) continue;
      findings.push(...(await storeOf(environment, patient)));
    }
    return findings;
  },
};

async function roomOf(data: string): Promise<Finding[]> {
  let place = data;
  while (!existsSync(place) && dirname(place) !== place) place = dirname(place);
  const { bavail, bsize, blocks } = await statfs(place);
  const free = bavail * bsize;
  const share = blocks === 0 ? 1 : bavail / blocks;
  const text = `${Math.floor(free / MIB)} MiB (${Math.floor(share * 100)} %) are free on the disk of ${data}`;
  const fix = "Make room, or move the data folder to a larger disk.";
  if (free < ROOM_NONE) return [error(`Only ${text}: writes are refused when none are left.`, fix)];
  if (free < ROOM_LOW) return [warning(`Only ${text}.`, fix)];
  return [ok(`${text}.`)];
}

/** A file that is damaged is not opened: LMDB believes what is in it. */
async function storeOf(environment: Environment, patient: Patient): Promise<Finding[]> {
  const file = environmentFile(patient.data, environment);
  // Of a store that is written to a page may change while it is looked at.
  if (patient.owner === null) {
    try {
      inspectFile(file, { treeMs: INSPECTION_MS, mayHaveLostPower: false });
    } catch (thrown) {
      const isOurs = thrown instanceof RuntimeError;
      const text = isOurs ? thrown.message : `${file} cannot be read.`;
      return [error(text, "Restore a backup into a new folder: troupe restore FILE --to FOLDER.")];
    }
  }
  const database = open<Uint8Array, string>({
    ...{ path: file, encoding: "binary", readOnly: true, maxReaders: READERS_MAX },
  });
  try {
    const stats = database.getStats() as Stats;
    const header = database.getBinary(keys.header);
    return [
      ...formatOf(environment, header),
      ...sizeOf(environment, stats, patient),
      ...readersOf(environment, database.readerList().split("\n").slice(1)),
    ];
  } finally {
    await database.close();
  }
}

function formatOf(environment: Environment, header: Uint8Array | undefined): Finding[] {
  if (header === undefined) return [];
  const { format } = decode(header) as { readonly format?: number };
  if (format === FOLDER_FORMAT) return [ok(`The ${environment} store has format ${format}.`)];
  if (format !== undefined && format < FOLDER_FORMAT) {
    const older = `The ${environment} store has format ${format}: the next start makes it ${FOLDER_FORMAT}, which no earlier version opens.`;
    return [warning(older, "Make a backup first: troupe backup FOLDER.")];
  }
  const text = `The ${environment} store has format ${format}, and this version reads ${FOLDER_FORMAT}.`;
  const fix = "Start it with the version that wrote it, or a newer one; nothing was changed.";
  return [error(text, fix)];
}

function sizeOf(environment: Environment, stats: Stats, { config, owner }: Patient): Finding[] {
  const used = (stats.lastPageNumber + 1) * stats.pageSize;
  const free = used - (pagesOf(stats) + pagesOf(stats.free) + 2) * stats.pageSize;
  const text = `The ${environment} store has ${stats.entryCount} rows in ${Math.ceil(used / MIB)} MiB`;
  const most = config?.runtime.mapBytes;
  const share = most === undefined ? 0 : (used - free) / most;
  const fix = "Raise runtime.map_bytes, or remove what is not needed.";
  if (share >= FULL) return [error(`${text}, ${percent(share)} of what it may have.`, fix)];
  if (share >= NEARLY) return [warning(`${text}, ${percent(share)} of what it may have.`, fix)];
  const looked = owner === null ? "; no damage was found" : "";
  return [ok(`${text}${looked}.`)];
}

/** @param readers a line for each, as LMDB lists them. */
export function readersOf(environment: Environment, readers: readonly string[]): Finding[] {
  const used = readers.filter((line) => line.trim() !== "").length;
  if (used < READERS_MAX * NEARLY) return [];
  const text = `${used} of ${READERS_MAX} slots for readers of ${environment} are taken.`;
  return [
    warning(text, "Stop programs that read the folder beside the server, or start it again."),
  ];
}

const percent = (share: number): string => `${Math.floor(share * 100)} %`;

function pagesOf(tree: Tree): number {
  return tree.treeBranchPageCount + tree.treeLeafPageCount + tree.overflowPages;
}

interface Tree {
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

interface Stats extends Tree {
  readonly entryCount: number;
  readonly pageSize: number;
  readonly lastPageNumber: number;
  readonly free: Tree;
}
