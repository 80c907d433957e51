// Limits of parsing, and the one error of a document that cannot be read.

import { RuntimeError } from "../../runtime/errors.ts";

const MIB = 1024 * 1024;

/** Limits of one document. */
export const parseLimits = {
  inputBytes: 32 * MIB,
  /** Of the text that comes out, in UTF-8. */
  textBytes: 8_000_000,
  pages: 5_000,
  tableCells: 2_000_000,
  /** One line of a CSV file. */
  rowChars: 2 * MIB,
  /** Nesting of JSON. */
  depth: 500,
  /** Files in a container (DOCX), their bytes together when unpacked, and how much smaller they may be packed. */
  zipEntries: 10_000,
  zipBytes: 64 * MIB,
  zipRatio: 200,
  /** Front matter of Markdown. */
  frontMatterBytes: 64 * 1024,
  /** Values of metadata and how long one may be. */
  metadataValues: 64,
  metadataChars: 1_000,
  titleChars: 300,
  /** A link's address; a longer one says more to machines than to readers. */
  addressChars: 500,
  warnings: 20,
  /** On a thread; then until one is free; and what the process may grow by while it is read alone. */
  runMs: 60_000,
  waitMs: 600_000,
  memoryMib: 1_024,
} as const;

/** Why a document cannot be read. */
export type UnreadableReason =
  | "encrypted"
  | "damaged"
  | "too-large"
  | "too-many-pages"
  | "too-deep"
  | "unsupported"
  | "no-text"
  | "empty"
  | "timeout"
  | "memory";

/** The error: `message` tells a person what to do about it. */
export function unreadable(
  reason: UnreadableReason,
  message: string,
  cause?: unknown,
): RuntimeError {
  return new RuntimeError("DOCUMENT_UNREADABLE", message, { reason }, { cause });
}

/** Megabytes for a message. */
export function mebibytes(bytes: number): string {
  return `${Math.ceil((bytes / MIB) * 10) / 10} MiB`;
}

/** Whether a text shows nothing: spaces, control characters and marks without a width alone. */
export function isBlank(text: string): boolean {
  return !/[^\s\p{Cc}\p{Cf}]/u.test(text);
}
