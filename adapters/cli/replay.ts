// `troupe replay RUN`: runs a recorded run again and says whether it decides the same; with `--with`
// swaps the model, the system message or the agent's version and shows the difference. The record
// comes from a data folder that no server has open, else from the running server.

import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import type { Ports } from "../../actors/ports.ts";
import { joinRecord, type RecordItem } from "../../actors/run-record.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { type FolderReader, openFolderReader } from "../../runtime/store/folder-reader.ts";
import type { Reader } from "../../runtime/store/store.ts";
import { type Config, loadClientConfig, loadConfig } from "../config.ts";
import { priceListOf } from "../config-prices.ts";
import { providerMemory } from "../provider-memory.ts";
import { compareReplays } from "../replay/compare.ts";
import { findRun, readRecord } from "../replay/folder.ts";
import { replayRecord, replayWith } from "../replay/replay.ts";
import type { Swap } from "../replay/swap.ts";
import { comparisonLines, countsOf, headLine, stepLines, verdictLines } from "../replay/text.ts";
import { missedMemory } from "../telemetry/missed-vectors.ts";
import { emptyMasterKeys } from "../vault/master-keys.ts";
import { sealedFolder } from "../vault/sealed-folder.ts";
import { workerHost } from "../worker-host.ts";
import { openApi } from "./api-client.ts";
import { createRecordClient } from "./record-client.ts";

const options = {
  with: { type: "string", multiple: true },
  dry: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  data: { type: "string" },
  url: { type: "string" },
  key: { type: "string" },
  tenant: { type: "string" },
} as const;

/** Of the agent that answers, or "ag_1.3": of one that takes part. */
const VERSION = /^(?:(ag_[A-Za-z0-9]{1,61})\.)?([1-9]\d{0,14})$/;

interface Wanted {
  readonly run: string;
  readonly swap: Swap | null;
  readonly isDry: boolean;
  readonly isJson: boolean;
  readonly data?: string;
  readonly url?: string;
  readonly key?: string;
  readonly tenant?: string;
}

/** Where a record comes from, and what a swapped replay may read there. */
interface Source {
  /** In words, for who is told that something is not there. */
  readonly place: string;
  record(): Promise<readonly RecordItem[]>;
  readonly readers: { readonly hot: Reader; readonly bulk: Reader } | null;
  readonly retriever: Ports["retriever"] | null;
  close(): Promise<void>;
}

/** Replays. Exit code 1 when the run decides otherwise than its record, or cannot be replayed. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    const wanted = await wantedOf(args);
    const config = await loadConfig();
    const source = await openSource(wanted, config);
    try {
      return await replay(wanted, config, source);
    } finally {
      await source.close();
    }
  } catch (error) {
    console.error(`troupe replay: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

async function replay(wanted: Wanted, config: Config, source: Source): Promise<number> {
  const items = await source.record().catch((error: unknown) => {
    throw explained(error, source, config);
  });
  const record = joinRecord(items);
  if (wanted.swap === null) {
    const { replay: done } = await replayRecord(record);
    const { divergence, isOpen, entries, outcome } = done;
    print(
      wanted,
      {
        run: record.run.id,
        identical: divergence === null,
        isOpen,
        ...countsOf(done),
        divergence,
        outcome,
        entries,
      },
      [headLine(record), ...stepLines(done), ...verdictLines(done)],
    );
    return divergence === null ? 0 : 1;
  }
  const outside = { ports: portsOf(config, source), isDry: wanted.isDry };
  const both = await replayWith(record, wanted.swap, outside);
  const { divergence } = both.base.replay;
  const comparison = compareReplays(both);
  const lines = comparisonLines(comparison, both.swapped.replay);
  print(wanted, { run: record.run.id, with: wanted.swap, divergence, ...comparison }, [
    headLine(record),
    ...(divergence === null ? lines : verdictLines(both.base.replay)),
  ]);
  return divergence === null ? 0 : 1;
}

/** Of what is not there, or not any more: where it was looked for, and how long it is kept. */
function explained(error: unknown, { place, readers }: Source, config: Config): unknown {
  if (!(error instanceof RuntimeError)) return error;
  if (error.code !== "NOT_FOUND" && error.code !== "EVENTS_TRIMMED") return error;
  const days = config.engine.retentionDays;
  const time = days === 0 ? "for ever" : `for ${days} days`;
  const kept =
    readers === null ? "as long as the server's retention_days says" : `${time} (retention_days)`;
  const text = `${error.message} It was looked for ${place}, where the records of ended runs are kept ${kept}.`;
  return new RuntimeError(error.code, text, {}, { cause: error });
}

function print(wanted: Wanted, data: unknown, lines: readonly string[]): void {
  console.log(wanted.isJson ? JSON.stringify(data, null, 2) : lines.join("\n"));
}

async function wantedOf(args: readonly string[]): Promise<Wanted> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options,
    strict: true,
    allowPositionals: true,
  });
  const [run, ...more] = positionals;
  if (run === undefined || more.length > 0) {
    throw new RuntimeError("INVALID", "name one run: troupe replay rn_...");
  }
  const { with: swaps = [], dry: isDry, json: isJson, ...where } = values;
  return { ...where, run, isDry, isJson, swap: swaps.length === 0 ? null : await swapOf(swaps) };
}

async function swapOf(texts: readonly string[]): Promise<Swap> {
  let swap: Swap = {};
  for (const text of texts) {
    const [name = "", ...rest] = text.split("=");
    const value = rest.join("=");
    if (name === "model" && value !== "") swap = { ...swap, model: value };
    else if (name === "system_message" && value !== "") {
      swap = { ...swap, systemMessage: (await textOf(value)).trim() };
    } else if (name === "agent" && VERSION.test(value)) {
      const [, target, version] = VERSION.exec(value) ?? [];
      swap = { ...swap, ...(target && { target }), version: Number(version) };
    } else {
      const forms = "model=NAME, system_message=FILE, agent=VERSION or agent=AGENT.VERSION";
      throw new RuntimeError("INVALID", `--with takes ${forms}, not "${text}".`);
    }
  }
  return swap;
}

async function textOf(file: string): Promise<string> {
  return await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    const text = `--with system_message=FILE: the file "${file}" cannot be read (${cause.code}).`;
    throw new RuntimeError("INVALID", text, {}, { cause });
  });
}

/** A server that is named; else the folder; else, when that is in use, the server that uses it. */
async function openSource(wanted: Wanted, config: Config): Promise<Source> {
  const fromEnv = loadClientConfig();
  const url = wanted.url ?? (wanted.data === undefined ? fromEnv.url : null);
  const data = wanted.data ?? config.data;
  if (url) return await remote(wanted, config, url);
  try {
    const sealed = await sealedFolder({ ...config, data });
    return local(wanted, openFolderReader(data, sealed?.sealer), data);
  } catch (error) {
    const isInUse = error instanceof RuntimeError && error.code === "DATA_LOCKED";
    if (!isInUse || wanted.data !== undefined) throw error;
    return await remote(wanted, config);
  }
}

function local({ run, tenant, swap }: Wanted, folder: FolderReader, path: string): Source {
  const tenants = tenant === undefined ? null : [tenant];
  const of = tenant === undefined ? "all its tenants" : `the tenant ${tenant}`;
  return {
    place: `in the data folder ${path} (${of})`,
    record: async () =>
      await readRecord(folder.hot, await findRun(folder.hot, run, tenants), addedBy(swap)),
    readers: folder,
    retriever: null,
    close: () => folder.close(),
  };
}

/** What the record must hold beside what the run has read. */
function addedBy(swap: Swap | null): Pick<Swap, "version" | "target"> {
  const { version, target } = swap ?? {};
  return { ...(version !== undefined && { version }), ...(target !== undefined && { target }) };
}

async function remote(wanted: Wanted, config: Config, url?: string): Promise<Source> {
  const { run, swap, key, tenant } = wanted;
  const server = {
    ...(url === undefined ? {} : { url }),
    ...(key === undefined ? {} : { key }),
    ...(tenant === undefined ? {} : { tenant }),
  };
  const client = createRecordClient(await openApi(server, config));
  return {
    place: `at the server that ${url === undefined ? "has the data folder open" : `answers at ${url}`}`,
    record: () => client.record(run, addedBy(swap)),
    readers: null,
    retriever: client.retriever,
    close: async () => undefined,
  };
}

const nothing: Reader = { get: () => undefined, range: () => [] };

const refuseWrite = (): Promise<never> =>
  Promise.reject(new RuntimeError("DATA_LOCKED", "A replay writes nothing."));

/** The ports of a worker, with the providers of this configuration. */
function portsOf(config: Config, { readers, retriever }: Source): Ports {
  const ports = workerHost.createPorts({
    worker: 0,
    config: {
      ...config,
      prices: priceListOf(config),
      boot: "",
      missed: missedMemory(),
      providerMemory: providerMemory(config.providers),
      // What a replay shows needs no secret.
      masterKeys: emptyMasterKeys(),
    },
    hot: readers?.hot ?? nothing,
    bulk: { ...(readers?.bulk ?? nothing), commit: refuseWrite },
    compute: {
      run: () => Promise.reject(new RuntimeError("POOL_FULL", "A replay has no compute pool.")),
    },
    log: { write: () => undefined },
    weightOf: () => 1,
  }) as Ports;
  return retriever === null ? ports : { ...ports, retriever };
}
