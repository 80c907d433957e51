// Files and folders of the server as tools have them: a port, built by the composition root. A tool names what
// it may reach as its configuration writes it; the port looks up what the operator granted its tenant, and
// stays inside.

/** What is reached, by whom. */
export interface FileTarget {
  readonly tenant: string;
  /** Of the tool's configuration: "name/below" of a granted folder, or an absolute path in one. */
  readonly paths: readonly string[];
  /** As the model writes it. "" for all of `paths`. */
  readonly path: string;
}

/** What is in a folder. */
export interface FolderEntry {
  readonly name: string;
  /** Links are not followed, and what is neither of the first two cannot be read. */
  readonly kind: "file" | "folder" | "link" | "other";
  readonly bytes?: number;
}

/** A folder's entries in the order of their names. */
export interface FolderLook {
  readonly path: string;
  readonly kind: "folder";
  readonly entries: readonly FolderEntry[];
  /** Why there are more than these. */
  readonly note?: string;
}

/** A piece of a file. */
export interface FileLook {
  readonly path: string;
  readonly kind: "file";
  /** Of the whole file. */
  readonly bytes: number;
  readonly modified: string;
  /** Where the piece begins, in bytes. */
  readonly offset: number;
  /** Absent for a file that is no text. */
  readonly text?: string;
  /** Where to go on; absent: this was the end. */
  readonly next_offset?: number;
  readonly note?: string;
}

/** What a file is, to see whether it has changed; null: there is none. */
export type FileState = { readonly bytes: number; readonly sha256: string } | null;

/** A file as it is. */
export interface FileBytes {
  /** Without its folders. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly modified: string;
}

/** How a file is written. */
export type WriteMode = "create" | "overwrite" | "append";

/** A file that was written. */
export interface FileWritten {
  readonly path: string;
  readonly bytes: number;
  readonly mode: WriteMode;
}

/** What is looked for. */
export interface FileQuery extends FileTarget {
  /** Of paths, e.g. "*.csv" or "reports/**\/2026-*.md". */
  readonly glob?: string;
  /** In the text of files. */
  readonly text?: string;
  /** The same as a pattern (RE2). */
  readonly pattern?: string;
  /** Default false: capitals are as small letters. */
  readonly isCaseSensitive?: boolean;
}

/** A file that fits. */
export interface FileFound {
  readonly path: string;
  readonly bytes: number;
  readonly lines?: readonly { readonly line: number; readonly text: string }[];
}

/** What was found. */
export interface FilesFound {
  readonly files: readonly FileFound[];
  /** Files that were looked at. */
  readonly searched: number;
  /** Why there may be more. */
  readonly notes?: readonly string[];
}

/** How data is written. */
export type DataFormat = "csv" | "json" | "jsonl" | "parquet";

/** What is counted in data. */
export interface DataQuery extends FileTarget {
  /** The data itself, in place of a file. */
  readonly text?: string;
  /** Default: as the file's name says. */
  readonly format?: DataFormat;
  /** Default all. */
  readonly columns?: readonly string[];
  readonly groupBy?: string;
}

/**
 * Files below granted folders. Links are never followed, and only plain files are opened.
 * @throws RuntimeError NOT_FOUND, FORBIDDEN, INVALID, CONFLICT, DOCUMENT_UNREADABLE, DEADLINE, TASK_MEMORY, POOL_FULL.
 */
export interface Files {
  /** A piece of a file, or what is in a folder. */
  look(
    input: FileTarget & { readonly offset: number; readonly bytesMax: number },
  ): Promise<FileLook | FolderLook>;
  state(input: FileTarget): Promise<FileState>;
  /** A whole file. @throws INVALID for one of more than `bytesMax`. */
  read(input: FileTarget & { readonly bytesMax: number }): Promise<FileBytes>;
  /**
   * Writes a file whole or not at all. A write that was cut is told by what is there: repeated with the same
   * `before` and `operation` it is done once.
   */
  write(
    input: FileTarget & {
      readonly mode: WriteMode;
      readonly text: string;
      readonly before: FileState;
      readonly operation: string;
    },
  ): Promise<FileWritten>;
  search(query: FileQuery, signal: AbortSignal): Promise<FilesFound>;
  /** Statistics of data, as plain data. */
  analyze(query: DataQuery, signal: AbortSignal): Promise<unknown>;
}
