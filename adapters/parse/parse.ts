// A file into text: what it is is decided here, the format's own parser does the rest, loaded when
// it is first needed. Runs in a thread of the compute pool.

import type { DocumentSource, ParsedDocument } from "../../actors/ports.ts";
import { charsetOf, type Decoded, decodeText } from "./decode.ts";
import { isBlank, mebibytes, parseLimits, unreadable } from "./limits.ts";
import type { Parsed } from "./parsed.ts";
import { extensionOf, type Kind, namedFormat, sniff } from "./sniff.ts";

const kindNames: Readonly<Record<Kind["format"], string>> = {
  pdf: "a PDF",
  docx: "a DOCX document",
  html: "HTML",
  markdown: "Markdown",
  text: "plain text",
  csv: "a table (CSV)",
  json: "JSON",
  jsonl: "JSON lines",
  code: "source code",
};

/** @throws RuntimeError DOCUMENT_UNREADABLE with `details.reason`. */
export async function parseDocument(source: DocumentSource): Promise<ParsedDocument> {
  const { bytes, name } = source;
  if (bytes.length > parseLimits.inputBytes) {
    throw unreadable(
      "too-large",
      `The file has ${mebibytes(bytes.length)}; ${mebibytes(parseLimits.inputBytes)} are allowed.`,
    );
  }
  const kind = sniff(source);
  const { format, parsed } = await parseAs(kind, source);
  const text = parsed.text.trimEnd();
  if (isBlank(text)) throw unreadable("empty", "The document has no text.");
  const named = namedFormat(name);
  const isNamedWrong = named !== undefined && named !== format && isOdd(named, format);
  const wrong = `The file is named .${extensionOf(name)}, but it is ${kindNames[format]}; it was read as that.`;
  const warnings = isNamedWrong ? [wrong, ...parsed.warnings] : parsed.warnings;
  return { ...parsed, text, format, warnings: warnings.slice(0, parseLimits.warnings) };
}

interface Read {
  readonly format: Kind["format"];
  readonly parsed: Parsed;
}

async function parseAs(kind: Kind, source: DocumentSource): Promise<Read> {
  const { bytes, mediaType } = source;
  switch (kind.format) {
    case "pdf":
      return { format: "pdf", parsed: await (await import("./pdf.ts")).parsePdf(bytes) };
    case "docx":
      return { format: "docx", parsed: await (await import("./docx.ts")).parseDocx(bytes) };
    case "html":
      return { format: "html", parsed: (await import("./html.ts")).parseHtml(bytes, mediaType) };
    default:
      return await parseText(kind, decodeText(bytes, charsetOf(mediaType)));
  }
}

async function parseText(kind: Kind, decoded: Decoded): Promise<Read> {
  const { parsePlain, parseMarkdown, parseCode } = await import("./plain.ts");
  switch (kind.format) {
    case "markdown":
      return { format: "markdown", parsed: parseMarkdown(decoded) };
    case "csv":
      return { format: "csv", parsed: (await import("./csv.ts")).parseTable(decoded) };
    case "code":
      return { format: "code", parsed: parseCode(decoded, kind.language ?? "") };
    case "json":
    case "jsonl":
      return await parseData(kind.format, decoded);
    default: {
      const { isJson, parseJson } = await import("./json.ts");
      if (isJson(decoded.text)) return { format: "json", parsed: parseJson(decoded) };
      return { format: "text", parsed: parsePlain(decoded) };
    }
  }
}

/** JSON by name or declaration: of one value or one a line, whatever it says; else text. */
async function parseData(format: "json" | "jsonl", decoded: Decoded): Promise<Read> {
  const { isJson, isJsonLines, parseJson, parseJsonLines } = await import("./json.ts");
  const { parsePlain } = await import("./plain.ts");
  if (isJson(decoded.text)) return { format: "json", parsed: parseJson(decoded) };
  if (format === "jsonl" || isJsonLines(decoded.text)) {
    return { format: "jsonl", parsed: parseJsonLines(decoded) };
  }
  if (/^\s*[[{]/.test(decoded.text)) return { format: "json", parsed: parseJson(decoded) };
  return { format: "text", parsed: parsePlain(decoded) };
}

/** Whether a person should hear of it: a text is no surprise where another kind of text was named. */
function isOdd(named: Kind["format"], format: Kind["format"]): boolean {
  const isSigned = (one: Kind["format"]): boolean =>
    one === "pdf" || one === "docx" || one === "html";
  const isData = (one: Kind["format"]): boolean => one === "json" || one === "jsonl";
  if (isData(named) && isData(format)) return false;
  return isSigned(named) || isSigned(format) || isData(named);
}
