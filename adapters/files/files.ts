// The port of files: granted folders, what is in them opened name by name; searches and statistics in the
// compute pool, with times and memory of their own.

import type { DataFormat, DataQuery, Files, FilesFound } from "../../actors/files.ts";
import type { Compute, Parser } from "../../actors/ports.ts";
import type { FolderGrant } from "../../actors/tools/folders.ts";
import { pooled } from "../../actors/tools/pooled.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { isDocument, readDocument } from "./documents.ts";
import { fileLimits } from "./limits.ts";
import { filePlace, placeFor, rootOf, rootsFor } from "./place.ts";
import { isFolderAt, listFolder, readPiece, readWhole, stateOf } from "./read.ts";
import type { SearchTask } from "./search.ts";
import type { AnalyzeTask } from "./tables/analyze.ts";
import { writeFile } from "./write.ts";

/** What the reader of documents may take. */
export const documentsWithin = {
  runMs: fileLimits.documentRunMs,
  waitMs: fileLimits.documentWaitMs,
  memoryMib: fileLimits.documentMib,
} as const;

/** Names of the compute pool's tasks. */
const tasks = { search: "files.search", analyze: "files.analyze" } as const;

/** The port over what the operator granted. @param parser of documents; absent: they are binary files. */
export function createFiles(
  grants: readonly FolderGrant[],
  compute: Compute,
  parser?: Parser,
): Files {
  return {
    look: async (input) => {
      if (input.path === "" && input.paths.length > 1) {
        const roots = rootsFor(grants, input);
        const entries = roots.map(({ shown }) => ({ name: shown, kind: "folder" as const }));
        return { path: "", kind: "folder", entries };
      }
      const place = placeFor(grants, input);
      const isTop = place.parts.length === 0;
      const isFolder = isTop || (await isFolderAt(filePlace(place)));
      if (isFolder) return await listFolder(rootOf(place));
      const file = filePlace(place);
      if (parser === undefined || !isDocument(file.name)) return await readPiece(file, input);
      return await readDocument(file, input, parser);
    },
    state: async (target) => await stateOf(filePlace(placeFor(grants, target))),
    read: async (input) => await readWhole(filePlace(placeFor(grants, input)), input.bytesMax),
    write: async (input) => {
      const place = placeFor(grants, input);
      if (place.grant.access === "write") return await writeFile(filePlace(place), input);
      const text = `The folder "${place.grant.name}" is granted for reading alone.`;
      throw new RuntimeError("FORBIDDEN", text, { pointer: "/path" });
    },
    search: async (query, signal) => {
      const { tenant, path, glob, text, pattern, isCaseSensitive } = query;
      const roots = path === "" ? rootsFor(grants, query) : [rootOf(placeFor(grants, query))];
      const task: SearchTask = {
        roots,
        query: {
          ...(glob !== undefined && { glob }),
          ...(text !== undefined && { text }),
          ...(pattern !== undefined && { pattern }),
          ...(isCaseSensitive !== undefined && { isCaseSensitive }),
        },
      };
      const { searchRunMs: runMs, dataWaitMs, searchMib: memoryMib } = fileLimits;
      const options = { tenant, signal, timeoutMs: dataWaitMs + runMs, runMs, memoryMib };
      const work = { name: tasks.search, input: task, what: "The search" };
      return (await pooled(compute, work, options)) as FilesFound;
    },
    analyze: async (query, signal) => {
      const { dataRunMs: runMs, dataWaitMs, dataMib: memoryMib } = fileLimits;
      const options = {
        tenant: query.tenant,
        signal,
        timeoutMs: dataWaitMs + runMs,
        runMs,
        memoryMib,
      };
      const input = analyzeTask(grants, query);
      return await pooled(compute, { name: tasks.analyze, input, what: "The data" }, options);
    },
  };
}

function analyzeTask(grants: readonly FolderGrant[], query: DataQuery): AnalyzeTask {
  const { text, columns, groupBy } = query;
  const wanted = { ...(columns && { columns }), ...(groupBy !== undefined && { groupBy }) };
  if (text !== undefined) {
    const { format } = query;
    if (format !== undefined && format !== "parquet") return { ...wanted, format, text };
    const said = "With data comes its format: csv, json or jsonl.";
    throw new RuntimeError("INVALID", said, { pointer: "/format" });
  }
  const place = filePlace(placeFor(grants, query));
  return { ...wanted, format: query.format ?? formatOf(place.name), place };
}

const endings: Readonly<Record<string, DataFormat>> = {
  ...{ csv: "csv", tsv: "csv", json: "json", jsonl: "jsonl", ndjson: "jsonl" },
  ...{ parquet: "parquet", pq: "parquet" },
};

function formatOf(name: string): DataFormat {
  const format = endings[name.slice(name.lastIndexOf(".") + 1).toLowerCase()];
  if (format !== undefined) return format;
  const text = `The name ${name} does not say what is in it: give the format.`;
  throw new RuntimeError("INVALID", text, { pointer: "/format" });
}
