// Documents of each format into text with structure.

import { describe, expect, test } from "vitest";
import type { ParsedDocument } from "../../../actors/ports.ts";
import { parseDocument } from "../../../adapters/parse/parse.ts";
import { docxFiles, docxParagraph, docxTable, pdfOf, zipOf } from "../../support/documents.ts";

const parse = (
  content: string | Uint8Array,
  name: string,
  mediaType?: string,
): Promise<ParsedDocument> => {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  return parseDocument({ bytes, name, ...(mediaType === undefined ? {} : { mediaType }) });
};

const SENTENCE = "This sentence is long enough to reach the right side of the page and to be";

describe("PDF", () => {
  const body = (y: number, text: string) => ({ text, y });
  const file = pdfOf(
    [1, 2, 3, 4].map((page) => [
      { text: "Annual report", y: 810, size: 9 },
      { text: `Part ${page}`, y: 760, size: 20 },
      body(720, SENTENCE),
      body(706, "joined, with a hyphen-"),
      body(692, "ated word in it."),
      body(660, "A second paragraph starts here."),
      { text: "• first", y: 630 },
      { text: "• second", y: 616 },
      { text: "Product", y: 580 },
      { text: "Price", x: 300, y: 580 },
      { text: "Bolt", y: 566 },
      { text: "2.50", x: 300, y: 566 },
      { text: `${page}`, y: 30, x: 297, size: 9 },
    ]),
    { info: "/Title (Report 2024) /Author (Ann) /CreationDate (D:20240131120000+01'00')" },
  );

  test("has headings by size, whole paragraphs, lists, tables, and no running lines", async () => {
    const { text } = await parse(file, "report.pdf");

    const page = (n: number) =>
      `# Part ${n}\n\n${SENTENCE} joined, with a hyphenated word in it.\n\nA second paragraph starts here.\n\n- first\n- second\n\n| Product | Price |\n| --- | --- |\n| Bolt | 2.50 |`;
    expect(text).toBe([1, 2, 3, 4].map(page).join("\n\n"));
  });

  test("has its title, author, date and pages, and where each page starts", async () => {
    const { title, metadata, pages, format, text } = await parse(file, "report.pdf");

    expect({ title, format, metadata }).toEqual({
      title: "Report 2024",
      format: "pdf",
      metadata: { pages: 4, author: "Ann", created: "2024-01-31T11:00:00.000Z" },
    });
    const starts = pages?.map((at) => Buffer.from(text).subarray(at).toString().slice(0, 8));
    expect(starts).toEqual(["# Part 1", "# Part 2", "# Part 3", "# Part 4"]);
  });

  test("lines at the top of pages are left out when only their page's number tells them apart", async () => {
    const pages = (line: (page: number) => string) =>
      pdfOf(
        [1, 2, 3, 4].map((page) => [
          body(820, line(page)),
          body(600, `Text of ${"abcd"[page - 1]}`),
        ]),
      );

    const running = await parse(
      pages((page) => `Annual report 2024, page ${page} of 4`),
      "a.pdf",
    );
    const own = await parse(
      pages((page) => `The code is ${page * 1_733}.`),
      "a.pdf",
    );

    expect(running.text).toBe("Text of a\n\nText of b\n\nText of c\n\nText of d");
    expect(own.text).toContain("The code is 1733.");
    expect(own.text).toContain("The code is 6932.");
  });

  test("a paragraph goes on across a page's end", async () => {
    const pdf = pdfOf([
      [body(100, "Ünder the bridge the river was")],
      [body(760, "wide and slow.")],
    ]);

    const { text, pages } = await parse(pdf, "a.pdf");

    expect(text).toBe("Ünder the bridge the river was wide and slow.");
    expect(Buffer.from(text).subarray(pages?.[1]).toString()).toBe("wide and slow.");
  });
});

describe("DOCX", () => {
  test("has headings, lists, tables, title and author", async () => {
    const bullet =
      '<w:p><w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr></w:pPr><w:r><w:t>passport</w:t></w:r></w:p>';
    const body = [
      docxParagraph("Travel", "Heading1"),
      docxParagraph("What you need:"),
      bullet,
      docxParagraph("Costs", "Heading2"),
      docxTable([
        ["City", "Price | night"],
        ["Oslo", "120"],
      ]),
    ];

    const { text, title, metadata, format } = await parse(
      zipOf(docxFiles(body.join(""))),
      "travel.docx",
    );

    expect(text).toBe(
      "# Travel\n\nWhat you need:\n\n- passport\n\n## Costs\n\n| City | Price \\| night |\n| --- | --- |\n| Oslo | 120 |",
    );
    expect({ title, format, metadata }).toEqual({
      title: "Travel & costs",
      format: "docx",
      metadata: { author: "Ann", created: "2024-01-02T03:04:05Z" },
    });
  });
});

describe("HTML", () => {
  const page = `<!doctype html><html lang="de"><head><title>Preise &amp; mehr</title>
    <meta name="author" content="Jo"><style>p{color:red}</style><script>alert("x")</script></head><body>
    <nav><a href="/">Start</a></nav><h1>Preise</h1><p>Ein <b>guter</b> <a href="https://a.example">Preis</a>.<br>Zeile zwei</p>
    <ul><li>eins</li><li>zwei<ol><li>innen</li></ol></li></ul>
    <table><thead><tr><th>Ware</th><th>Preis</th></tr></thead><tbody><tr><td>Brot</td><td><p>3 €</p></td></tr></tbody></table>
    <pre><code class="language-sh">ls
  -l</code></pre><div hidden>nein</div><footer>Impressum</footer></body></html>`;

  test("has its words with structure, and no scripts, styles, navigation or hidden parts", async () => {
    const { text, title, metadata, format } = await parse(page, "preise.html");

    expect(text).toBe(
      "# Preise\n\nEin guter Preis.\nZeile zwei\n\n- eins\n- zwei\n  1. innen\n\n| Ware | Preis |\n| --- | --- |\n| Brot | 3 € |\n\n```sh\nls\n  -l\n```",
    );
    expect({ title, format, metadata }).toEqual({
      title: "Preise & mehr",
      format: "html",
      metadata: { encoding: "utf-8", language: "de", author: "Jo" },
    });
  });

  test("of a page with a main part only that part is read", async () => {
    const html =
      "<html><body><div>menu</div><main><h1>A</h1><p>b</p></main><div>ads</div></body></html>";

    expect((await parse(html, "a.html")).text).toBe("# A\n\nb");
  });

  test("a table around other tables lays out a page", async () => {
    const html =
      "<html><table><tr><td>left</td><td><table><tr><td>a</td><td>b</td></tr><tr><td>1</td><td>2</td></tr></table></td></tr></table></html>";

    expect((await parse(html, "a.html")).text).toBe("left\n\n| a | b |\n| --- | --- |\n| 1 | 2 |");
  });

  test("is decoded as it says", async () => {
    const html = Buffer.concat([
      Buffer.from('<html><head><meta charset="windows-1251"></head><body><p>'),
      Buffer.from([0xcf, 0xf0, 0xe8, 0xe2, 0xe5, 0xf2]),
    ]);

    expect((await parse(html, "a.html")).text).toBe("Привет");
  });
});

describe("Markdown", () => {
  test("is kept as it is, its front matter is metadata", async () => {
    const { text, title, metadata, format } = await parse(
      "---\ntitle: Guide\ntags: [a, b]\nnested: {x: 1}\n---\n\n# Start\r\n\r\nText.\r\n",
      "guide.md",
    );

    expect({ text, title, format }).toEqual({
      text: "# Start\n\nText.",
      title: "Guide",
      format: "markdown",
    });
    expect(metadata).toEqual({ encoding: "utf-8", tags: ["a", "b"] });
  });

  test("without front matter its first heading is its title", async () => {
    expect((await parse("intro\n\n# The title #\n", "a.md")).title).toBe("The title");
  });
});

/** Texts that do not say their encoding. */
const legacy = [
  [
    "windows-1251",
    "c4eee3eee2eef020e0f0e5ede4fb20e7e0eaebfef7b8ed20e220cceef1eae2e52e",
    "Договор аренды заключён в Москве.",
  ],
  ["koi8-r", "e4cfc7cfd7cfd220c1d2c5cec4d920dac1cbccc0dea3ce2e", "Договор аренды заключён."],
  [
    "shift_jis",
    "93fa967b8cea82cc8365834c8358836782c582b781428c5f96f18f91",
    "日本語のテキストです。契約書",
  ],
  [
    "gb18030",
    "bacfcdacb5dad2bbccf5b9e6b6a8a3acbcd7b7bdd3a6b5b1d6a7b8b6d7e2bdf0a1a3",
    "合同第一条规定，甲方应当支付租金。",
  ],
  [
    "euc-kr",
    "c7d1b1b9beee20c5d8bdbac6aec0d4b4cfb4d92e20b0e8bee0bcad20c1a6c0cfc1b6",
    "한국어 텍스트입니다. 계약서 제일조",
  ],
  [
    "big5",
    "a658acf9b2c4a440b1f8b357a977a141a5d2a4e8c0b3b7eda4e4a549afb2aaf7a143",
    "合約第一條規定，甲方應當支付租金。",
  ],
] as const;

describe("plain text", () => {
  const utf16 = (text: string, isBig: boolean): Buffer => {
    const bytes = Buffer.from(`\ufeff${text}`, "utf16le");
    return isBig ? bytes.swap16() : bytes;
  };
  const utf32 = (text: string, isBig: boolean): Buffer => {
    const bytes = Buffer.alloc([...text].length * 4);
    for (const [at, one] of [...text].entries()) {
      const point = one.codePointAt(0) ?? 0;
      if (isBig) bytes.writeUInt32BE(point, at * 4);
      else bytes.writeUInt32LE(point, at * 4);
    }
    return bytes;
  };
  const cases: readonly (readonly [string, Buffer, string])[] = [
    ["utf-8", Buffer.from("Grüße 😀"), "Grüße 😀"],
    ["utf-8", Buffer.from("\ufeffGrüße"), "Grüße"],
    ["utf-16le", utf16("Grüße 😀", false), "Grüße 😀"],
    ["utf-16be", utf16("Grüße 😀", true), "Grüße 😀"],
    ["utf-16le", Buffer.from("Grüße an alle", "utf16le"), "Grüße an alle"],
    ["utf-16be", Buffer.from("Привет, это 一 текст\n", "utf16le").swap16(), "Привет, это 一 текст"],
    ["windows-1252", Buffer.from("Gr\xfc\xdfe \x80", "latin1"), "Grüße €"],
    ["utf-32le", utf32("\ufeffGrüße 😀", false), "Grüße 😀"],
    ["utf-32be", utf32("\ufeffGrüße 😀", true), "Grüße 😀"],
    ["utf-32le", utf32("Guten Tag, это 一 текст.", false), "Guten Tag, это 一 текст."],
    ["utf-32be", utf32("Guten Tag, это 一 текст.", true), "Guten Tag, это 一 текст."],
    ...legacy.map(([encoding, hex, text]) => [encoding, Buffer.from(hex, "hex"), text] as const),
  ];

  test.each(cases)("of %s is decoded", async (encoding, bytes, expected) => {
    const { text, metadata } = await parse(bytes, "a.txt");

    expect({ text, encoding: metadata["encoding"] }).toEqual({ text: expected, encoding });
  });

  test("whose encoding was guessed says so", async () => {
    const [, hex] = legacy[0];

    const { warnings } = await parse(Buffer.from(hex, "hex"), "a.txt");

    expect(warnings).toEqual([expect.stringContaining("it was read as windows-1251")]);
  });

  test("with a few broken characters still is UTF-8, and says so", async () => {
    const bytes = Buffer.concat([Buffer.from("Grüße ".repeat(20)), Buffer.from([0xff])]);

    const { text, warnings } = await parse(bytes, "a.txt");

    expect(text).toContain("Grüße");
    expect(warnings).toEqual([expect.stringContaining("not valid UTF-8")]);
  });

  test("of a declared charset is decoded as that", async () => {
    const bytes = Buffer.from([0x83, 0x65, 0x83, 0x58, 0x83, 0x67]);

    expect((await parse(bytes, "a", "text/plain; charset=shift_jis")).text).toBe("テスト");
  });
});

describe("CSV", () => {
  test("with quotes, line breaks and bars is a table", async () => {
    const { text, metadata } = await parse(
      'name,note\r\n"Ann, B","say ""hi""\nor | not"\r\nBo,\r\n',
      "a.csv",
    );

    expect(text).toBe(
      '| name | note |\n| --- | --- |\n| Ann, B | say "hi" or \\| not |\n| Bo |  |',
    );
    expect(metadata).toEqual({ encoding: "utf-8", rows: 2, columns: 2, delimiter: "," });
  });

  test.each([
    ["a.csv", "a;b\n1,5;2\n"],
    ["a.tsv", "a\tb\n1,5\t2\n"],
  ])("finds its delimiter: %s", async (name, content) => {
    expect((await parse(content, name)).text).toBe("| a | b |\n| --- | --- |\n| 1,5 | 2 |");
  });

  test("says how many rows are not as the header", async () => {
    expect((await parse("a,b\n1\n1,2,3\n1,2\n", "a.csv")).warnings).toEqual([
      "2 rows have more or fewer cells than the header.",
    ]);
  });
});

describe("JSON", () => {
  test("has its names as headings, alike objects as a table, and numbers as they are written", async () => {
    const json = `{"shop": "Nord", "id": 12345678901234567890,
      "opening": {"mon": "9-17", "days": [1, 2], "note": {"text": "closed\\non holidays"}},
      "items": [{"name": "bolt", "price": 2.5}, {"name": "nut", "stock": null}]}`;

    expect((await parse(json, "a.json")).text).toBe(
      "- shop: Nord\n- id: 12345678901234567890\n\n# opening\n\n- mon: 9-17\n- days: 1, 2\n\n## note\n\n- text: closed\n  on holidays\n\n# items\n\n| name | price | stock |\n| --- | --- | --- |\n| bolt | 2.5 |  |\n| nut |  | null |",
    );
  });

  test("elements that are no rows stand under their number", async () => {
    const json =
      '{"faq": [{"q": "Why?", "a": {"short": "so"}}, {"q": "When?", "a": {"short": "now"}}]}';

    expect((await parse(json, "a.json")).text).toBe(
      "# faq\n\n# faq[0]\n\n- q: Why?\n\n## a\n\n- short: so\n\n# faq[1]\n\n- q: When?\n\n## a\n\n- short: now",
    );
  });

  test("lines of JSON are elements; a wrong name of the two does not matter", async () => {
    const lines = '{"a": 1}\n\n{"a": 2}\n';
    const expected = { text: "| a |\n| --- |\n| 1 |\n| 2 |", format: "jsonl", warnings: [] };

    expect(await parse(lines, "a.jsonl")).toMatchObject(expected);
    expect(await parse(lines, "a.json")).toMatchObject(expected);
  });
});

test("source code is fenced with its language, and its own fences stay inside", async () => {
  const { text, format, metadata } = await parse('say("""\n```\n""")\n', "a.py");

  expect({ text, format }).toEqual({
    text: '````python\nsay("""\n```\n""")\n````',
    format: "code",
  });
  expect(metadata["programming_language"]).toBe("python");
});

describe("the content decides", () => {
  const html = "<!doctype html><html><body><p>hello</p></body></html>";

  test.each([
    ["a.pdf", html, "html", "hello"],
    ["a.docx", "just words", "text", "just words"],
    ["a.html", pdfOf([[{ text: "from a PDF", y: 700 }]]), "pdf", "from a PDF"],
    ["a.txt", zipOf(docxFiles(docxParagraph("from Word"))), "docx", "from Word"],
    ["a.json", "no JSON at all", "text", "no JSON at all"],
  ])(
    "%s with other content is read for what it is, and says so",
    async (name, content, format, text) => {
      const parsed = await parse(content, name);

      expect(parsed).toMatchObject({ format, text });
      expect(parsed.warnings).toEqual([expect.stringContaining(`named .${name.slice(2)}`)]);
    },
  );

  test("then what is declared, then the name", async () => {
    expect((await parse("a,b\n1,2", "a.txt", "text/csv")).format).toBe("csv");
    expect((await parse("# a", "a.md", "text/plain")).format).toBe("markdown");
    expect((await parse('{"a": 1}', "data")).format).toBe("json");
    expect((await parse("words", "constructor")).format).toBe("text");
  });
});
