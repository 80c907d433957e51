// Statistics of a table of data, in a thread of the compute pool.

import type { DataFormat } from "../../../actors/files.ts";
import { fileLimits } from "../limits.ts";
import type { FilePlace } from "../place.ts";
import { bytesAt, withFile } from "../read.ts";
import { pieceText } from "../text-of.ts";
import { Table, type Wanted } from "./table.ts";
import { readCsv, readJson, readJsonLines, unreadable } from "./texts.ts";

/** What is analysed: a file, or a text. */
export type AnalyzeTask = Wanted & { readonly format: DataFormat } & (
    | { readonly place: FilePlace }
    | { readonly text: string }
  );

/** The compute pool's function. @throws NOT_FOUND, FORBIDDEN, INVALID, DOCUMENT_UNREADABLE. */
export async function analyzeData(input: unknown): Promise<unknown> {
  const task = input as AnalyzeTask;
  const { format } = task;
  const table = new Table(task, format === "csv");
  if ("text" in task) {
    readText(task.text, format, table);
    return { format, ...table.summary() };
  }
  return await withFile(task.place, async ({ handle, stats }) => {
    if (stats.size > fileLimits.dataBytes) {
      throw unreadable(`The file has ${stats.size} bytes, the limit is ${fileLimits.dataBytes}.`);
    }
    if (format === "parquet") {
      await (await import("./parquet.ts")).readParquet(handle, stats.size, table);
    } else {
      const text = pieceText(await bytesAt(handle, 0, stats.size), true)?.text;
      if (text === undefined) throw unreadable("The file is binary, or no UTF-8.");
      readText(text, format, table);
    }
    return { path: task.place.shown, format, bytes: stats.size, ...table.summary() };
  });
}

function readText(text: string, format: DataFormat, table: Table): void {
  if (format === "csv") readCsv(text, table);
  else if (format === "jsonl") readJsonLines(text, table);
  else readJson(text, table);
}
