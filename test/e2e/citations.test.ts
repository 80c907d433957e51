// Sources of answers over every kind of document, through the real process: each names a span of bytes
// that is the very passage, and an address where it stands in its document, until that changes.

import { afterAll, beforeAll, expect, test } from "vitest";
import { docxFiles, docxParagraph, docxTable, pdfOf, zipOf } from "../support/documents.ts";
import { CHAT, chunksOf, type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const collections = "/v2/knowledge/collections";
let product: Product;
let path = "";
let agent = "";

/** Letters of two, three and four bytes stand before what is cited. */
const before = "Die Größe der Bären: 大きい, 🐻🐻. Ça va très bien, ω ≠ Ω.";

/** Name of a file, its bytes, and a question that its passage answers. */
const files: readonly (readonly [string, string | Uint8Array, string])[] = [
  [
    "plain.txt",
    `\ufeff${before}\r\n\r\nThe lighthouse keeper feeds puffins on Mondays.\r\n`,
    "Who feeds puffins on Mondays?",
  ],
  [
    "guide.md",
    `# ${before}\n\n## Pumps\n\nThe bilge pump runs for 7 minutes – 🐻 – at noon.\n`,
    "How long does the bilge pump run?",
  ],
  [
    "page.html",
    `<html><body><h1>${before}</h1><p>Umbrellas &amp; galoshes are lent in the <b>north</b> porch.</p></body></html>`,
    "Where are umbrellas and galoshes lent?",
  ],
  [
    "people.csv",
    `name;city;hobby\nÅsa;Tromsø;kayaks\nJosé;Cádiz;"falconry; chess"\n`,
    "Who likes falconry and chess?",
  ],
  [
    "old.txt",
    Buffer.from("Übergrößen führt das Geschäft für Gärtnermützen am Präsidentenplatz.", "latin1"),
    "Gärtnermützen am Präsidentenplatz?",
  ],
  [
    "ferries.pdf",
    pdfOf([
      [{ text: "Ferries", y: 760, size: 18 }],
      [{ text: "Ferries carry beehives only after sunset.", y: 700 }],
    ]),
    "When do ferries carry beehives?",
  ],
  [
    "notes.docx",
    zipOf(
      docxFiles(
        docxParagraph(before) +
          docxTable([
            ["Tool", "Shelf"],
            ["Spirit level 🐻", "Shelf ß9 beside the anvils"],
          ]),
      ),
    ),
    "On which shelf is the spirit level?",
  ],
];

beforeAll(async () => {
  product = await startProduct();
  const made = await product.call("POST", collections, { name: "All" });
  path = `${collections}/${made.body.id}`;
  const form = new FormData();
  for (const [name, content] of files) {
    form.append("id", `files/${name}`);
    form.append(
      "file",
      new File([typeof content === "string" ? content : new Uint8Array(content)], name),
    );
  }
  const response = await fetch(`${product.url}${path}/documents?wait=true`, {
    method: "POST",
    headers: { "X-API-Key": product.adminKey },
    body: form,
  });
  const { data } = (await response.json()) as { data: Json[] };
  expect(data.map(({ status }) => status)).toEqual(files.map(() => "created"));
  const { body } = await product.call("POST", "/v2/agents", {
    ...{ name: "Guide", system_message: "You answer from documents.", model_name: "gpt-4o-mini" },
    ...{ requires_collection: true, collection_ids: [made.body.id] },
  });
  agent = body.id;
}, 180_000);
afterAll(() => product.end());

const bytesAt = (text: string, [from, to]: readonly [number, number]): string =>
  Buffer.from(text).subarray(from, to).toString();

/** Where a source stands in its document. */
const placeOf = ({ document_id, chunk_id }: Json): string =>
  `${path}/documents/${encodeURIComponent(document_id)}/chunks/${encodeURIComponent(chunk_id)}`;

test.each(files)(
  "the sources of an answer from %s point at the very text",
  async (name, _, question) => {
    const chat = await product.call("POST", CHAT, { agent_key: agent, message: question });
    const streamed = await product.events("POST", CHAT, {
      ...{ agent_key: agent, message: question, stream: true },
    });
    const chunks = chunksOf(await streamed.rest());
    const found = await product.call("POST", `${path}/search`, { query: question, top_k: 3 });
    const { sources } = chat.body.data;
    const first = chunks.find((chunk) => chunk.sources !== undefined);

    expect(sources[0].document_id).toBe(`files/${name}`);
    expect(first.sources).toEqual(sources);
    expect(found.body.data[0].chunk_id).toBe(sources[0].chunk_id);
    for (const source of sources) {
      const id = encodeURIComponent(source.document_id);
      const { body: document } = await product.call("GET", `${path}/documents/${id}`);
      const { body: passage, status } = await product.call("GET", placeOf(source));

      expect(bytesAt(document.text, source.span)).toBe(source.text);
      expect([status, passage.text, passage.span]).toEqual([200, source.text, source.span]);
      expect(document.text).toContain(passage.before + passage.text + passage.after);
    }
  },
);

test("what was cited is gone (410) once its document says something else, and unknown (404) without it", async () => {
  const question = "How long does the bilge pump run?";
  const ask = async (): Promise<Json> =>
    (await product.call("POST", CHAT, { agent_key: agent, message: question })).body.data
      .sources[0];
  const cited = await ask();
  const document = `${path}/documents/${encodeURIComponent(cited.document_id)}`;
  const put = (text: string) =>
    product.call("PUT", `${document}?wait=true`, { title: "Pumps", text });

  await put("The bilge pump runs for 9 minutes. 🐻");
  const stale = await product.call("GET", placeOf(cited));
  const now = await ask();
  const shown = await product.call("GET", placeOf(now));
  await product.call("DELETE", document);
  const none = await product.call("GET", placeOf(now));

  expect([stale.status, stale.body.code]).toEqual([410, "PASSAGE_GONE"]);
  expect(now.text).toContain("9 minutes");
  expect([shown.status, shown.body.text]).toEqual([200, now.text]);
  expect([none.status, none.body.code]).toEqual([404, "NOT_FOUND"]);
});
