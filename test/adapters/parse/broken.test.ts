// Documents that cannot be read: each gives its reason, soon, in words a person can act on.

import { randomBytes } from "node:crypto";
import { deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { ParsedDocument } from "../../../actors/ports.ts";
import { parseLimits } from "../../../adapters/parse/limits.ts";
import { parseDocument } from "../../../adapters/parse/parse.ts";
import { PageLines } from "../../../adapters/parse/pdf-lines.ts";
import type { RuntimeError } from "../../../runtime/errors.ts";
import {
  docxFiles,
  docxParagraph,
  lockedPdf,
  pdfOf,
  pdfOfStreams,
  zipOf,
} from "../../support/documents.ts";

const parse = (content: string | Uint8Array, name: string): Promise<ParsedDocument> =>
  parseDocument({ bytes: typeof content === "string" ? Buffer.from(content) : content, name });

async function reasonOf(content: string | Uint8Array, name: string): Promise<string> {
  const error = await parse(content, name).then(
    () => undefined,
    (cause: RuntimeError) => cause,
  );
  if (error === undefined) return "none";
  expect(error).toMatchObject({ code: "DOCUMENT_UNREADABLE", status: 422, retryable: false });
  expect(error.message).toMatch(/^[A-Z].*\.$/);
  return String(error.details?.["reason"]);
}

const pdf = pdfOf([[{ text: "Some words", y: 700 }]]);
const docx = zipOf(docxFiles(docxParagraph("Some words")));
const ole = Buffer.from("d0cf11e0a1b11ae1", "hex");

describe("a document is refused with its reason", () => {
  test.each<[string, string, string | Buffer, string]>([
    ["an empty file", "empty", "", "a.txt"],
    ["white space", "empty", " \n\t\r\n ", "a.txt"],
    ["marks without a width", "empty", "\u00a0\u200b\n\u2060\u00ad", "a.md"],
    ["HTML without words", "empty", "<html><script>1</script></html>", "a.html"],
    ["a PDF with a password", "encrypted", lockedPdf(), "a.pdf"],
    ["a PDF's beginning", "damaged", pdf.subarray(0, 200), "a.pdf"],
    [
      "a PDF's signature and noise",
      "damaged",
      Buffer.concat([pdf.subarray(0, 20), randomBytes(50_000)]),
      "a.pdf",
    ],
    ["a PDF without text", "no-text", pdfOf([[], []]), "a.pdf"],
    [
      "a PDF with too many pages",
      "too-many-pages",
      pdfOf(Array.from({ length: parseLimits.pages + 1 }, () => [])),
      "a.pdf",
    ],
    ["a DOCX cut off", "damaged", docx.subarray(0, docx.length - 200), "a.docx"],
    [
      "a DOCX with broken XML",
      "damaged",
      zipOf({ ...docxFiles(""), "word/document.xml": "<w:document><w:body>" }),
      "a.docx",
    ],
    [
      "a DOCX with a password",
      "encrypted",
      Buffer.concat([ole, Buffer.from("EncryptedPackage", "utf16le")]),
      "a.docx",
    ],
    ["an old Word file", "unsupported", Buffer.concat([ole, randomBytes(1_000)]), "a.doc"],
    ["an Excel workbook", "unsupported", zipOf({ "xl/workbook.xml": "<x/>" }), "a.xlsx"],
    ["an archive", "unsupported", zipOf({ "a.txt": "words" }), "a.zip"],
    ["an archive in an archive", "unsupported", zipOf({ "a.zip": docx }), "a.docx"],
    ["a picture", "unsupported", Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), "a.png"],
    ["10 MB of noise", "unsupported", randomBytes(10_000_000), "a.txt"],
    ["noise named PDF", "unsupported", randomBytes(10_000), "a.pdf"],
    ["noise behind much text", "unsupported", `${"words ".repeat(100_000)}\0`, "a.txt"],
    [
      "a file that is too large",
      "too-large",
      Buffer.alloc(parseLimits.inputBytes + 1, "a"),
      "a.txt",
    ],
    ["too much text", "too-large", Buffer.alloc(parseLimits.textBytes + 1, "a"), "a.txt"],
    ["a table with too many cells", "too-large", `a${",".repeat(999)}\n`.repeat(2_001), "a.csv"],
    ["an open quote", "damaged", 'a,b\n1,"2\n3,4\n', "a.csv"],
    ["a table of one line of a million cells", "too-large", ",".repeat(3_000_000), "a.csv"],
    ["JSON with a string that never ends", "damaged", `{"a": "${'\\"'.repeat(500_000)}`, "a.json"],
    ["JSON cut off", "damaged", '{"a": [1, 2', "a.json"],
    ["JSON lines with a broken one", "damaged", '{"a": 1}\n{"a":\n', "a.jsonl"],
    ["JSON that is too deep", "too-deep", `${"[".repeat(100_000)}${"]".repeat(100_000)}`, "a.json"],
  ])("%s: %s", async (_, reason, content, name) => {
    expect(await reasonOf(content, name)).toBe(reason);
  });

  test("broken JSON lines say which line", async () => {
    await expect(parse('{"a": 1}\n\n{"a":\n', "a.jsonl")).rejects.toThrow("line 3");
  });

  test("a DOCX whose elements are nested without end", async () => {
    const open = "<w:sdt><w:sdtContent>".repeat(50_000);
    const close = "</w:sdtContent></w:sdt>".repeat(50_000);
    const nested = zipOf(docxFiles(open + docxParagraph("deep") + close));

    expect(["too-deep", "too-large", "damaged"]).toContain(await reasonOf(nested, "a.docx"));
  });
});

describe("a bomb ends at its limit", () => {
  const residentGrowth = async (work: () => Promise<unknown>): Promise<number> => {
    const before = process.memoryUsage.rss();
    await work();
    return process.memoryUsage.rss() - before;
  };
  const zeros = Buffer.alloc(100_000_000);

  test("of a zip that says what it unpacks to", async () => {
    const bomb = zipOf({ ...docxFiles(""), "word/document.xml": zeros });

    expect(bomb.length).toBeLessThan(150_000);
    expect(
      await residentGrowth(async () => {
        expect(await reasonOf(bomb, "a.docx")).toBe("too-large");
      }),
    ).toBeLessThan(80_000_000);
  });

  test("of a zip that says it unpacks to little", async () => {
    const bomb = zipOf(
      { ...docxFiles(""), "word/document.xml": zeros },
      { "word/document.xml": 50_000 },
    );

    expect(
      await residentGrowth(async () => {
        expect(await reasonOf(bomb, "a.docx")).toBe("too-large");
      }),
    ).toBeLessThan(80_000_000);
  });

  test("of a zip with another one inside, which stays packed", async () => {
    const bomb = zipOf({
      ...docxFiles(docxParagraph("words")),
      "word/embeddings/bomb.zip": zipOf({ zeros: zeros.subarray(0, 10_000_000) }),
    });

    expect((await parse(bomb, "a.docx")).text).toBe("words");
  });

  test("of a zip with too many files", async () => {
    const names = Array.from({ length: parseLimits.zipEntries + 1 }, (_, at) => [`${at}`, ""]);

    expect(await reasonOf(zipOf(Object.fromEntries(names)), "a.docx")).toBe("too-large");
  });

  test("of XML entities that multiply: they are not read", async () => {
    const entities = Array.from(
      { length: 9 },
      (_, at) => `<!ENTITY e${at + 1} "${`&e${at};`.repeat(10)}">`,
    );
    const xml = `<?xml version="1.0"?><!DOCTYPE d [<!ENTITY e0 "words"><!ENTITY x SYSTEM "file:///etc/passwd">${entities.join("")}]><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>${docxParagraph("&e9;&x;")}</w:body></w:document>`;
    const bomb = zipOf({ ...docxFiles(""), "word/document.xml": xml });

    const text = await parse(bomb, "a.docx").then(
      (parsed) => parsed.text,
      (error: RuntimeError) => String(error.details?.["reason"]),
    );

    expect(text.length).toBeLessThan(100);
    expect(text).not.toContain("root:");
  });

  test("of a PDF page that says the same thing without end", () => {
    const lines = new PageLines(1_000);
    const piece = { transform: [1, 0, 0, 11, 72, 700], width: 60, height: 11, hasEOL: true };
    const goOn = (): void => {
      for (let at = 0; at < 101; at += 1) lines.add({ ...piece, str: "ten chars." });
    };

    expect(goOn).toThrow("more text than is allowed");
  });
});

describe("what is odd but readable is read", () => {
  test("HTML nested 100,000 deep", async () => {
    const html = `<html><body>${"<div>".repeat(100_000)}deep${"</div>".repeat(100_000)}end</body></html>`;

    expect((await parse(html, "a.html")).text).toBe("deep\n\nend");
  });

  test("HTML of tables in tables in tables", async () => {
    const html = `<html>${"<table><tr><td>x".repeat(20_000)}</html>`;

    expect((await parse(html, "a.html")).text.split("x")).toHaveLength(20_001);
  });

  test("a PDF of which some pages are damaged or scanned, with a warning", async () => {
    const page = Buffer.from("BT /F1 11 Tf 72 700 Td (Some words) Tj ET");
    const file = pdfOfStreams([page, Buffer.from("q Q")]);

    const { text, warnings } = await parse(file, "a.pdf");

    expect(text).toBe("Some words");
    expect(warnings).toEqual([expect.stringContaining("1 of 2 pages have no text")]);
  });

  test("a PDF cut off at its very end", async () => {
    const { text } = await parse(pdf.subarray(0, pdf.indexOf("startxref")), "a.pdf");

    expect(text).toBe("Some words");
  });

  test("a table of 200,000 rows", async () => {
    const rows = Array.from({ length: 200_000 }, (_, at) => `${at},name ${at},${at * 2}`);

    const { metadata } = await parse(`id,name,value\n${rows.join("\n")}`, "a.csv");

    expect(metadata).toMatchObject({ rows: 200_000, columns: 3 });
  });

  test("white space without end where other things are looked for", async () => {
    const spaces = " \n".repeat(1_000_000);

    expect((await parse(`<html><pre>a${spaces}b</pre>`, "a.html")).text.length).toBe(2_000_010);
    expect((await parse(`${"<!---->\n".repeat(100)}<p>x`, "a.md")).format).toBe("markdown");
    expect((await parse(`${"<!---->\n".repeat(100)}<html>x`, "a.md")).format).toBe("html");
  });

  test("one string of almost 8 MB, and numbers of any length", async () => {
    const long = "x".repeat(7_900_000);
    const numbers =
      "[0.30000000000000004, 12345678901234567890, -1e300, 0.1234567890123456789e-10]";

    const { text } = await parse(`{"a": ${JSON.stringify(long)}, "n": ${numbers}}`, "a.json");

    expect(text.length).toBeGreaterThan(7_900_000);
    expect(text).toContain(
      "0.30000000000000004, 12345678901234567890, -1e+300, 1.2345678901234568e-11",
    );
  });

  test("a text that tells how a PDF begins", async () => {
    expect((await parse("A PDF begins with %PDF-1.7 and a line break.", "a.md")).format).toBe(
      "markdown",
    );
    const late = Buffer.concat([Buffer.from("HTTP/1.1 200 OK\n\n"), pdf]);
    expect((await parse(late, "a.pdf")).text).toBe("Some words");
  });

  test("a DOCX whose main part is numbered", async () => {
    const numbered = Object.entries(docxFiles(docxParagraph("Some words"))).map(
      ([path, xml]): [string, string] => [
        path.replace("document.xml", "document2.xml"),
        xml.replace("word/document.xml", "word/document2.xml"),
      ],
    );

    expect((await parse(zipOf(Object.fromEntries(numbered)), "a.docx")).text).toBe("Some words");
  });

  test("one line without an end to it", async () => {
    expect((await parse("# ".repeat(4_000_000), "a.md")).text.length).toBe(7_999_999);
    expect((await parse(`${" ".repeat(8_000_000)}x`, "a.html")).text).toBe("x");
    expect((await parse(`---\n${"a: b\n".repeat(100_000)}`, "a.md")).format).toBe("markdown");
  });
});

test("what a PDF embeds is never run", async () => {
  const script = "/OpenAction << /S /JavaScript /JS (globalThis.wasRun = true) >>";
  const file = Buffer.from(
    pdf.toString("latin1").replace("/Type /Catalog", `/Type /Catalog ${script}`),
    "latin1",
  );

  expect((await parse(file, "a.pdf")).text).toBe("Some words");
  expect("wasRun" in globalThis).toBe(false);
});

test("reading a PDF loads no native code", async () => {
  await parse(pdf, "a.pdf");

  const { sharedObjects } = process.report.getReport() as unknown as { sharedObjects: string[] };
  expect(sharedObjects.filter((path) => /canvas|skia/.test(path))).toEqual([]);
});

test("a stream that is packed twice is read", async () => {
  const page = Buffer.from("BT /F1 11 Tf 72 700 Td (Some words) Tj ET");
  const twice = deflateSync(deflateSync(page));

  const file = pdfOfStreams([twice], { filter: "[/FlateDecode /FlateDecode]", isPacked: true });

  expect((await parse(file, "a.pdf")).text).toBe("Some words");
});
