// Limits of reading, writing and searching files.

const MIB = 1024 * 1024;

/** All of them. */
export const fileLimits = {
  /** Entries of a folder that are looked at, and that are shown. */
  entriesRead: 20_000,
  entriesShown: 500,
  /** Entries of a folder that a tool makes files in: one more is refused. */
  entriesMade: 10_000,
  /** A file after a write, and one whose state is told. */
  writtenBytes: 16 * MIB,
  /** A document (PDF, Word, HTML) whose text is read; its reader on a thread, ms and MiB, and the wait for one. */
  documentBytes: 32 * MIB,
  documentRunMs: 20_000,
  documentWaitMs: 30_000,
  documentMib: 512,
  /** Bytes that are read or written at once. */
  pieceBytes: 256 * 1024,
  /** A search: entries it visits, files it shows, lines of one of them and characters of a line. */
  searchEntries: 50_000,
  searchFiles: 100,
  /** Folders inside each other that a search goes into: each of them is held open. */
  searchDepth: 32,
  searchLines: 10,
  searchLineChars: 300,
  /** Bytes read of one file and of all, and characters of a line that a pattern is tried on. */
  searchFileBytes: 8 * MIB,
  searchBytes: 256 * MIB,
  patternLineChars: 10_000,
  /** A search ends with what it has after the first; its thread is taken from it after the second, ms. */
  searchMs: 10_000,
  searchRunMs: 20_000,
  searchMib: 256,
  /** An analysis: bytes of a file, of one row group of Parquet, rows, columns and values of all. */
  dataBytes: 64 * MIB,
  rowGroupBytes: 256 * MIB,
  rows: 5_000_000,
  columns: 500,
  values: 20_000_000,
  /** Numbers of a column that its quantiles are taken of, values that are told apart, and those shown. */
  sample: 50_000,
  distinct: 10_000,
  shownValues: 5,
  valueChars: 80,
  /** Groups that are told apart, those shown, and columns that are summed up in each. */
  groups: 10_000,
  shownGroups: 50,
  groupColumns: 8,
  /** An analysis on its thread, ms, and the wait for one; what the process may grow by, MiB. */
  dataRunMs: 30_000,
  dataWaitMs: 60_000,
  dataMib: 1_024,
} as const;
