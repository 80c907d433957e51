// What a file is: by its content first, then as declared, then by its name. Formats with a
// signature are what they are, whatever the name says; texts are told apart by the hints.

import type { DocumentFormat, DocumentSource } from "../../actors/ports.ts";
import { codeLanguage } from "./code-languages.ts";
import { isNoise } from "./decode.ts";
import { unreadable } from "./limits.ts";

/** A file's kind. */
export interface Kind {
  readonly format: DocumentFormat;
  /** Of source code. */
  readonly language?: string;
  /** The content decided; for texts, only the hints did. */
  readonly isSure: boolean;
}

const extensions = new Map<string, DocumentFormat>(
  Object.entries({
    pdf: "pdf",
    docx: "docx",
    docm: "docx",
    dotx: "docx",
    html: "html",
    htm: "html",
    xhtml: "html",
    md: "markdown",
    markdown: "markdown",
    mdown: "markdown",
    mdx: "markdown",
    txt: "text",
    text: "text",
    log: "text",
    rst: "text",
    adoc: "text",
    csv: "csv",
    tsv: "csv",
    json: "json",
    geojson: "json",
    jsonl: "jsonl",
    ndjson: "jsonl",
  }),
);

const mediaTypes = new Map<string, DocumentFormat>(
  Object.entries({
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/markdown": "markdown",
    "text/x-markdown": "markdown",
    "text/csv": "csv",
    "text/tab-separated-values": "csv",
    "application/json": "json",
    "application/jsonl": "jsonl",
    "application/x-ndjson": "jsonl",
    "application/x-jsonlines": "jsonl",
  }),
);

/** Formats that are known and cannot be read: signature, and what a person can do. */
const others: readonly { readonly starts: string; readonly what: string }[] = [
  { starts: "\x89PNG", what: "an image; text in images is not read" },
  { starts: "\xff\xd8\xff", what: "an image; text in images is not read" },
  { starts: "GIF8", what: "an image; text in images is not read" },
  { starts: "II*\0", what: "an image; text in images is not read" },
  { starts: "MM\0*", what: "an image; text in images is not read" },
  { starts: "RIFF", what: "an image, sound or film; only documents are read" },
  { starts: "ID3", what: "a sound; only documents are read" },
  { starts: "\x1f\x8b", what: "compressed; unpack it first" },
  { starts: "BZh", what: "compressed; unpack it first" },
  { starts: "\xfd7zXZ", what: "compressed; unpack it first" },
  { starts: "\x28\xb5\x2f\xfd", what: "compressed; unpack it first" },
  { starts: "7z\xbc\xaf", what: "an archive; unpack it first" },
  { starts: "Rar!", what: "an archive; unpack it first" },
  { starts: "{\\rtf", what: "in rich text format (RTF); save it as DOCX or PDF" },
  { starts: "%!PS", what: "PostScript; save it as PDF" },
  { starts: "\x7fELF", what: "a program; only documents are read" },
  { starts: "SQLite format 3\0", what: "a database; export its tables as CSV" },
];

const HEAD_BYTES = 1_024;
const OLE = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
const ENCRYPTED_OFFICE = Buffer.from("EncryptedPackage", "utf16le");
const TAIL_BYTES = 1_024;
const HTML = /^<(?:!doctype\s+html|html|head|body)\b/i;
/** What may stand before it. */
const PROLOGUE = /\s+|<!--[\s\S]*?-->|<\?xml[^>]*\?>/y;

/** @throws RuntimeError DOCUMENT_UNREADABLE (unsupported, encrypted, empty). */
export function sniff({ bytes, name, mediaType }: DocumentSource): Kind {
  if (bytes.length === 0) throw unreadable("empty", "The file is empty.");
  const head = Buffer.from(bytes.subarray(0, HEAD_BYTES)).toString("latin1");
  if (isPdf(head, bytes)) return { format: "pdf", isSure: true };
  if (head.startsWith("PK\x03\x04") || head.startsWith("PK\x05\x06"))
    return { format: "docx", isSure: true };
  if (head.startsWith(OLE)) throw officeRefusal(bytes);
  const other = others.find(({ starts }) => head.startsWith(starts));
  if (other !== undefined) throw unreadable("unsupported", `The file is ${other.what}.`);
  // UTF-16 would hide the mark; without its null bytes it shows.
  if (isHtml(head.replace(/^[\x80-\xff]{2,3}/, "").replaceAll("\0", ""))) {
    return { format: "html", isSure: true };
  }
  return { ...hinted(name, mediaType), isSure: false };
}

/** A PDF may have something before its mark; a text may speak of the mark. */
function isPdf(head: string, bytes: Uint8Array): boolean {
  if (/^\s*%PDF-/.test(head)) return true;
  if (!head.includes("%PDF-")) return false;
  return isNoise(bytes) || Buffer.from(bytes.subarray(-TAIL_BYTES)).includes("%%EOF");
}

function isHtml(head: string): boolean {
  PROLOGUE.lastIndex = 0;
  let start = 0;
  while (PROLOGUE.test(head)) start = PROLOGUE.lastIndex;
  return HTML.test(head.slice(start));
}

/** The format that the name alone stands for. */
export function namedFormat(name: string | undefined): DocumentFormat | undefined {
  const extension = extensionOf(name);
  return extensions.get(extension) ?? (codeLanguage(name) === undefined ? undefined : "code");
}

/** Lower case, without the dot; "" when there is none. */
export function extensionOf(name: string | undefined): string {
  return /\.([^./\\]{1,16})$/.exec(name ?? "")?.[1]?.toLowerCase() ?? "";
}

/** What the hints say of a text. A declared "text/plain" says nothing: it is said of everything. */
function hinted(name: string | undefined, mediaType: string | undefined): Omit<Kind, "isSure"> {
  const type = mediaType?.split(";")[0]?.trim().toLowerCase() ?? "";
  const declared = mediaTypes.get(type) ?? (type.endsWith("+json") ? "json" : undefined);
  const format = asText(declared ?? extensions.get(extensionOf(name)));
  if (format !== undefined) return { format };
  const language = codeLanguage(name);
  return language === undefined ? { format: "text" } : { format: "code", language };
}

/** A name may promise a PDF or DOCX; a content without its signature is some text at best. */
function asText(format: DocumentFormat | undefined): DocumentFormat | undefined {
  return format === "pdf" || format === "docx" ? "text" : format;
}

function officeRefusal(bytes: Uint8Array): Error {
  if (Buffer.from(bytes).includes(ENCRYPTED_OFFICE)) {
    return unreadable(
      "encrypted",
      "The document is protected by a password. Save it without one and add it again.",
    );
  }
  return unreadable(
    "unsupported",
    "The file is of an old Office format (.doc, .xls, .ppt). Save it as DOCX or PDF.",
  );
}
