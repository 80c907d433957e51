// Rows of a Parquet file, one row group after the other.

import type { FileHandle } from "node:fs/promises";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import type { Compressors } from "hyparquet";
import { RuntimeError } from "../../../runtime/errors.ts";
import { fileLimits } from "../limits.ts";
import { bytesAt } from "../read.ts";
import type { Row, Table } from "./table.ts";
import { unreadable } from "./texts.ts";

/** Rows that are made of columns at once; a group is read in few parts, as each part may read all of it. */
const ROWS_AT_ONCE = 20_000;
const PARTS_OF_GROUP = 8;

/** Beside those of the library (none, Snappy). */
const compressors: Compressors = {
  GZIP: (input, length) => gunzipSync(input, { maxOutputLength: roomFor(length) }),
  BROTLI: (input, length) => brotliDecompressSync(input, { maxOutputLength: roomFor(length) }),
};

const roomFor = (bytes: number): number => Math.min(Math.max(1, bytes), fileLimits.rowGroupBytes);

/** @throws DOCUMENT_UNREADABLE. */
export async function readParquet(handle: FileHandle, bytes: number, table: Table): Promise<void> {
  const { parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import("hyparquet");
  const file = {
    byteLength: bytes,
    slice: async (start: number, end: number = bytes): Promise<ArrayBuffer> => {
      const piece = await bytesAt(handle, start, Math.max(0, Math.min(end, bytes) - start));
      return Uint8Array.from(piece).buffer;
    },
  };
  try {
    const metadata = await parquetMetadataAsync(file, { geoparquet: false });
    table.head(parquetSchema(metadata).children.map(({ element }) => element.name));
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      if (Number(group.total_byte_size) > fileLimits.rowGroupBytes) {
        throw unreadable(`A row group has more than ${fileLimits.rowGroupBytes} bytes.`);
      }
      const rows = Number(group.num_rows);
      const end = rowStart + rows;
      const part = Math.max(ROWS_AT_ONCE, Math.ceil(rows / PARTS_OF_GROUP));
      for (let from = rowStart; from < end; from += part) {
        const read = await parquetReadObjects({
          ...{ file, metadata, compressors, geoparquet: false, useOffsetIndex: true },
          ...{ rowStart: from, rowEnd: Math.min(end, from + part) },
        });
        for (const row of read) table.add(row as Row);
      }
      rowStart = end;
    }
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    const why = error instanceof Error ? error.message.slice(0, 200) : "";
    throw unreadable(`The Parquet file cannot be read: ${why}`, error);
  }
}
