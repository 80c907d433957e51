// Files that are almost right, thousands of them: each is read or refused with its reason, soon, and the
// thread that read it reads the next one.

import { readdirSync, readFileSync } from "node:fs";
import { toUSVString } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPoolParser } from "../../../adapters/parse/pool-parser.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { seeded } from "../../../runtime/testkit/schedule.ts";
import { createComputePool } from "../../../runtime/threads/compute.ts";
import type { ComputePool } from "../../../runtime/threads/compute-port.ts";
import { docxFiles, docxParagraph, docxTable, pdfOf, zipOf } from "../../support/documents.ts";
import { mutated } from "../../support/mutate.ts";

/** Files tried of each kind; `PARSE_FUZZ_RUNS` tries more, `PARSE_FUZZ_SEED` begins elsewhere. */
const RUNS = Number(process.env["PARSE_FUZZ_RUNS"] ?? 60);
const SEED = Number(process.env["PARSE_FUZZ_SEED"] ?? 1_990);
const RUN_MS = 10_000;
const MEMORY_MIB = 512;

const folder = new URL("../../../../test/files/", import.meta.url);
const real = (extension: string): Buffer[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(extension))
    .map((name) => readFileSync(new URL(name, folder)));

const page = `<!doctype html><html lang="de"><head><meta charset="utf-8"><title>Title</title></head><body><main><h1>Größe</h1><p>Text <b>bold</b><table><tr><th>a<th>b<tr><td>1<td>2</table><pre><code class="language-js">let a = "x";</code></pre><ol start=3><li>one<ul><li>two</ul></ol></main></body></html>`;
const markdown =
  "---\ntitle: A\ntags: [a, b]\n---\n# One\n\nText with `code` and **bold**.\n\n```js\nlet a;\n```\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n> quote\n\n1. item\n   - inner\n";
const csv = 'name;"long ""name""";price\r\nBolt;"line 1\nline 2";2,50\r\nMutter;;1\r\n';
const json = JSON.stringify({
  a: [
    { b: 1, c: "x\n\u{1f600}" },
    { b: 12345678901234567890n.toString(), c: null },
  ],
  d: { e: { f: [1.5e300, true, "é"] } },
});
const code =
  'export function greet(name: string): string {\n  // "hello"\n  return name.trim();\n}\n'.repeat(
    5,
  );

const kinds: Readonly<
  Record<string, { readonly name: string; readonly files: readonly Buffer[] }>
> = {
  PDF: {
    name: "a.pdf",
    files: [...real(".pdf"), pdfOf([[{ text: "Some words", y: 700 }]], { info: "/Title (A)" })],
  },
  DOCX: {
    name: "a.docx",
    files: [
      ...real(".docx"),
      zipOf(
        docxFiles(
          docxParagraph("Größe", "Heading1") +
            docxTable([
              ["a", "b"],
              ["1", "2"],
            ]),
        ),
      ),
    ],
  },
  HTML: { name: "a.html", files: [Buffer.from(page), Buffer.from(page, "utf16le")] },
  Markdown: {
    name: "a.md",
    files: [Buffer.from(markdown), Buffer.from(markdown.replaceAll("\n", "\r\n"))],
  },
  CSV: {
    name: "a.csv",
    files: [Buffer.from(csv), Buffer.from(csv.replaceAll(";", "\t"), "latin1")],
  },
  JSON: {
    name: "a.json",
    files: [Buffer.from(json), Buffer.from(JSON.stringify(JSON.parse(json), null, 2))],
  },
  "JSON lines": { name: "a.jsonl", files: [Buffer.from(`${json}\n${json}\n`)] },
  "source code": { name: "a.ts", files: [Buffer.from(code)] },
  "a file without a name": {
    name: "",
    files: [page, markdown, csv, json, code].map((text) => Buffer.from(text)),
  },
};

const reasons = [
  "encrypted",
  "damaged",
  "too-large",
  "too-many-pages",
  "too-deep",
  "unsupported",
  "no-text",
  "empty",
];
const isText = (text: string): boolean => toUSVString(text) === text && text.trim() !== "";

/** An error that has a name of its own, in words; not one that nobody thought of. */
function outcomeOf(error: RuntimeError): string {
  const { code, message, details, cause } = error;
  const isInWords = /^[A-Z].*\.$/s.test(message) && reasons.includes(String(details?.["reason"]));
  const isNamed = !(cause instanceof RuntimeError && cause.code === "INTERNAL");
  if (code === "DOCUMENT_UNREADABLE" && isInWords && isNamed) return "refused";
  return `${code} ${details?.["reason"]} ${message} ${cause}`;
}

const good = pdfOf([[{ text: "Größe", y: 700 }]]);
const tenant = "tn_1";
let pool: ComputePool;

beforeAll(() => {
  const url = new URL("../../../adapters/compute-tasks.js", import.meta.url).href;
  const tasks = { "knowledge.parse": { url, name: "parseKnowledge" } };
  pool = createComputePool({ tasks, threads: 1, queueMax: 100, heapMib: 4_096 });
});

afterAll(() => pool.close());

test.each(Object.entries(kinds))(
  "%s: each is read or refused with its reason",
  async (_, { name, files }) => {
    const parser = createPoolParser(pool, { runMs: RUN_MS, memoryMib: MEMORY_MIB });
    for (let seed = SEED; seed < SEED + RUNS; seed += 1) {
      const bytes = mutated(files, seeded(seed));
      const outcome = await parser
        .parse({ bytes, name }, { tenant })
        .then(({ text }) => (isText(text) ? "read" : "no text"), outcomeOf);
      expect(outcome, `PARSE_FUZZ_SEED=${seed} PARSE_FUZZ_RUNS=1`).toMatch(/^(?:read|refused)$/);
    }
    expect((await parser.parse({ bytes: good }, { tenant })).text).toBe("Größe");
  },
  60_000 + RUNS * 1_000,
);
