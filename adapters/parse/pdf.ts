// PDF: the text of its pages as lines, which pdf-layout.ts makes paragraphs and headings of.

import type { PDFDocumentLoadingTask, PDFDocumentProxy } from "pdfjs-dist/legacy/build/pdf.mjs";
import { parseLimits, unreadable } from "./limits.ts";
import { isoDate, type Parsed, plainMetadata, titled } from "./parsed.ts";
import { layOut } from "./pdf-layout.ts";
import { openPdf } from "./pdf-library.ts";
import { PageLines, type PdfPage } from "./pdf-lines.ts";
import { checkTextSize } from "./text-out.ts";

/** Titles that programs put there. */
const JUNK_TITLE =
  /^(?:microsoft \w+ - .*|untitled.*|.*\.(?:docx?|xlsx?|pptx?|indd|qxd|tex|dvi|pdf|rtf|odt))$/i;

/** @throws RuntimeError DOCUMENT_UNREADABLE. */
export async function parsePdf(bytes: Uint8Array): Promise<Parsed> {
  const loading = await openPdf(bytes);
  try {
    return await read(await opened(loading));
  } finally {
    await loading.destroy();
  }
}

async function opened(loading: PDFDocumentLoadingTask): Promise<PDFDocumentProxy> {
  try {
    return await loading.promise;
  } catch (cause) {
    if (cause instanceof Error && cause.name === "PasswordException") {
      throw unreadable(
        "encrypted",
        "The PDF is protected by a password. Save it without one and add it again.",
        cause,
      );
    }
    throw damaged(cause);
  }
}

async function read(document: PDFDocumentProxy): Promise<Parsed> {
  const { numPages } = document;
  if (numPages > parseLimits.pages) {
    throw unreadable(
      "too-many-pages",
      `The PDF has ${numPages} pages; ${parseLimits.pages} are allowed. Divide it into smaller documents.`,
    );
  }
  const { pages, broken, cause } = await pagesOf(document);
  if (broken === numPages) throw damaged(cause);
  const empty = pages.filter(({ lines }) => lines.length === 0).length;
  if (empty === numPages) {
    throw unreadable(
      "no-text",
      "The PDF has pictures of text only, as from a scanner. Run text recognition (OCR) on it first.",
    );
  }
  const warnings = [];
  if (broken > 0) warnings.push(`${broken} of ${numPages} pages are damaged and were left out.`);
  if (empty > broken) {
    warnings.push(`${empty - broken} of ${numPages} pages have no text; they may be scanned.`);
  }
  const { text, offsets, firstHeading } = layOut(pages);
  checkTextSize(text);
  const { title, ...metadata } = await metadataOf(document);
  return {
    text,
    ...titled(title ?? firstHeading),
    metadata: plainMetadata({ pages: numPages, ...metadata }),
    pages: offsets,
    warnings,
  };
}

async function pagesOf(document: PDFDocumentProxy): Promise<{
  readonly pages: readonly PdfPage[];
  readonly broken: number;
  readonly cause: unknown;
}> {
  const pages: PdfPage[] = [];
  let broken = 0;
  let chars = 0;
  let failed: unknown;
  for (let number = 1; number <= document.numPages; number += 1) {
    let lines: PdfPage = { height: 0, lines: [] };
    try {
      lines = await pageOf(document, number, parseLimits.textBytes - chars);
    } catch (cause) {
      if (cause instanceof Error && cause.name === "RuntimeError") throw cause;
      broken += 1;
      failed = cause;
    }
    chars += lines.lines.reduce((sum, { text }) => sum + text.length, 0);
    pages.push(lines);
  }
  return { pages, broken, cause: failed };
}

/** Read piece by piece, so that a page that repeats itself without end is left at the limit. */
async function pageOf(
  document: PDFDocumentProxy,
  number: number,
  charsLeft: number,
): Promise<PdfPage> {
  const page = await document.getPage(number);
  const { height } = page.getViewport({ scale: 1 });
  const lines = new PageLines(charsLeft);
  const reader = page.streamTextContent().getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { height, lines: lines.end() };
      for (const item of value.items) if ("str" in item) lines.add(item);
    }
  } finally {
    await reader.cancel(new Error("The page is done.")).catch(() => undefined);
    page.cleanup();
  }
}

async function metadataOf(
  document: PDFDocumentProxy,
): Promise<{ readonly title?: string } & Record<string, unknown>> {
  const found = await document.getMetadata().catch(() => undefined);
  const info: Readonly<Record<string, unknown>> = { ...found?.info };
  const title = typeof info["Title"] === "string" ? info["Title"].trim() : "";
  return {
    ...(title === "" || JUNK_TITLE.test(title) ? {} : { title }),
    author: info["Author"],
    subject: info["Subject"],
    keywords: info["Keywords"],
    language: info["Language"],
    created: dateOf(info["CreationDate"]),
    modified: dateOf(info["ModDate"]),
  };
}

/** "D:20240131120000+01'00'" as ISO 8601. */
function dateOf(value: unknown): string | undefined {
  const found = /^D:(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:([+-]\d\d)'?(\d\d))?/.exec(
    typeof value === "string" ? value : "",
  );
  if (found === null) return undefined;
  const [, year, month = "01", day = "01", hour = "00", minute = "00", second = "00"] = found;
  const zone = found[7] === undefined ? "Z" : `${found[7]}:${found[8]}`;
  return isoDate(new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`));
}

function damaged(cause: unknown): Error {
  return unreadable(
    "damaged",
    "The PDF is damaged or cut off. Open it and save it again, or add it anew.",
    cause,
  );
}
