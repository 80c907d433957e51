// DOCX: mammoth turns it into HTML (headings, lists, tables, notes), which is read as any HTML is.
// It gets a container of only the files that have text; pictures and embedded files stay packed.

import mammoth from "mammoth";
import { htmlText } from "./html.ts";
import { readTags } from "./html-tokens.ts";
import { unreadable } from "./limits.ts";
import { type Parsed, plainMetadata, titled } from "./parsed.ts";
import { listZip, storedZip, unpackZip } from "./zip.ts";

/** Mammoth's link from a note back to its place. */
const BACK_LINK = /<a href="#[^"]*">↑<\/a>/g;
/** Some programs number the main part. */
const MAIN = /^word\/document\d*\.xml$/;
const WANTED =
  /^(?:\[Content_Types\]\.xml|(?:word\/)?_rels\/[^/]*\.rels|word\/[^/]+\.xml|docProps\/core\.xml)$/;
/** What other containers are, by a file they have. */
const others: readonly (readonly [RegExp, string])[] = [
  [/^xl\//, "an Excel workbook; export its sheets as CSV"],
  [/^ppt\//, "a PowerPoint presentation; export it as PDF"],
  [/^(?:content\.xml|META-INF\/manifest\.xml)$/, "an OpenDocument file; save it as DOCX or PDF"],
  [/^(?:OEBPS|META-INF\/container\.xml)/, "an e-book (EPUB); export it as HTML or PDF"],
];
const styles = ["p[style-name='Title'] => h1:fresh", "p[style-name='Subtitle'] => p:fresh"];

/** @throws RuntimeError DOCUMENT_UNREADABLE. */
export async function parseDocx(bytes: Uint8Array): Promise<Parsed> {
  const zip = Buffer.from(bytes);
  const entries = listZip(zip);
  if (!entries.some(({ name }) => MAIN.test(name))) {
    throw otherContainer(entries.map(({ name }) => name));
  }
  const files = unpackZip(
    zip,
    entries.filter(({ name }) => WANTED.test(name)),
  );
  const html = await htmlOf(storedZip(files));
  const { text, title } = htmlText(html);
  const core = files.get("docProps/core.xml");
  const properties = core === undefined ? {} : coreProperties(core.toString());
  const { title: own, ...metadata } = properties;
  return {
    text,
    ...titled(own ?? title),
    metadata: plainMetadata(metadata),
    warnings: [],
  };
}

async function htmlOf(buffer: Buffer): Promise<string> {
  try {
    const { value } = await mammoth.convertToHtml(
      { buffer },
      {
        styleMap: styles,
        includeEmbeddedStyleMap: false,
        externalFileAccess: false,
        convertImage: mammoth.images.imgElement(async () => ({ src: "" })),
      },
    );
    return value.replace(BACK_LINK, "");
  } catch (cause) {
    if (cause instanceof RangeError) {
      throw unreadable("too-deep", "The document's parts are nested too deeply.", cause);
    }
    throw unreadable(
      "damaged",
      "The document is damaged: Word's XML cannot be read. Save it again.",
      cause,
    );
  }
}

const properties = new Map([
  ["dc:title", "title"],
  ["dc:creator", "author"],
  ["dc:subject", "subject"],
  ["dc:language", "language"],
  ["cp:keywords", "keywords"],
  ["dcterms:created", "created"],
  ["dcterms:modified", "modified"],
]);

function coreProperties(xml: string): Record<string, string> {
  const found: Record<string, string> = {};
  let current: string | undefined;
  readTags(xml, {
    open(name) {
      current = properties.get(name);
    },
    text(text) {
      if (current !== undefined) found[current] = (found[current] ?? "") + text;
    },
    close() {
      current = undefined;
    },
  });
  return found;
}

function otherContainer(names: readonly string[]): Error {
  const what = others.find(([pattern]) => names.some((name) => pattern.test(name)))?.[1];
  return unreadable(
    "unsupported",
    `The file is ${what ?? "an archive; unpack it and add its documents one by one"}.`,
  );
}
