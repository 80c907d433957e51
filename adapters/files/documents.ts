// Documents among files: of PDF, Word and HTML a tool is given the text, read in the compute pool with a time and a
// memory of its own.

import type { FileLook } from "../../actors/files.ts";
import type { Parser } from "../../actors/ports.ts";
import { fileLimits } from "./limits.ts";
import type { FilePlace } from "./place.ts";
import { readWhole } from "./read.ts";

const DOCUMENT = /\.(pdf|docx|html?|xhtml)$/i;

/** Whether a file's name says that it is one. */
export const isDocument = (name: string): boolean => DOCUMENT.test(name);

/** A piece of its text. @throws DOCUMENT_UNREADABLE, INVALID for one that is too large. */
export async function readDocument(
  place: FilePlace,
  of: { readonly tenant: string; readonly offset: number; readonly bytesMax: number },
  parser: Parser,
): Promise<FileLook> {
  const { name, bytes, modified } = await readWhole(place, fileLimits.documentBytes);
  const { tenant, offset, bytesMax } = of;
  const whole = (await parser.parse({ bytes, name }, { tenant })).text;
  const text = whole.slice(offset, offset + bytesMax).replace(/[\ud800-\udbff]$/, "");
  const next = offset + text.length;
  return {
    ...{ path: place.shown, kind: "file", bytes: bytes.length, modified, offset, text },
    ...(next < whole.length && { next_offset: next }),
    note: "This is the text of a document: offset counts its characters.",
  };
}
