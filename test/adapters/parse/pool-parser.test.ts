// Parsing in the compute pool: what a document does to its thread is that document's error only.

import { constants, deflateRawSync, deflateSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPoolParser } from "../../../adapters/parse/pool-parser.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { createComputePool } from "../../../runtime/threads/compute.ts";
import type { ComputePool } from "../../../runtime/threads/compute-port.ts";
import { docxFiles, docxParagraph, pdfOf, pdfOfStreams, zipOf } from "../../support/documents.ts";

let pool: ComputePool;

beforeAll(() => {
  const url = new URL("../../../adapters/compute-tasks.js", import.meta.url).href;
  const tasks = { "knowledge.parse": { url, name: "parseKnowledge" } };
  pool = createComputePool({ tasks, threads: 1, queueMax: 100, heapMib: 4_096 });
});

afterAll(() => pool.close());

const tenant = "tn_1";
const good = pdfOf([[{ text: "Größe", y: 700 }]]);

/** Eight hundred megabytes in a few kilobytes, many times what it may take: one part, over and over. */
function bombOf(parts: number): Buffer {
  const spaces = Buffer.alloc(10_000_000, " ");
  const part = deflateRawSync(spaces, { finishFlush: constants.Z_FULL_FLUSH });
  const stream = [deflateSync(Buffer.alloc(0)).subarray(0, 2), ...Array(parts).fill(part)];
  return pdfOfStreams([deflateSync(Buffer.concat(stream))], {
    filter: "[/FlateDecode /FlateDecode]",
    isPacked: true,
  });
}

const bomb = bombOf(80);

test("a document comes back whole, and the caller's bytes stay his", async () => {
  const bytes = Uint8Array.from(good);

  const parsed = await createPoolParser(pool).parse({ bytes, name: "a.pdf" }, { tenant });

  expect(parsed).toEqual({
    text: "Größe",
    format: "pdf",
    metadata: { pages: 1 },
    pages: [0],
    warnings: [],
  });
  expect(Buffer.from(bytes).equals(good)).toBe(true);
});

test("its own error comes back with its reason", async () => {
  const parser = createPoolParser(pool);

  await expect(parser.parse({ bytes: Buffer.alloc(0) }, { tenant })).rejects.toMatchObject({
    code: "DOCUMENT_UNREADABLE",
    details: { reason: "empty" },
  });
});

test("a document that takes too long is ended, and the next one is read", async () => {
  const rows = Buffer.from("a,b,c\n".repeat(300_000));
  const parser = createPoolParser(pool, { runMs: 60 });

  await expect(parser.parse({ bytes: rows, name: "a.csv" }, { tenant })).rejects.toMatchObject({
    code: "DOCUMENT_UNREADABLE",
    details: { reason: "timeout" },
  });
  expect((await createPoolParser(pool).parse({ bytes: good }, { tenant })).text).toBe("Größe");
});

// Threads of the pool give way to all else: on a busy machine these two take long.
const slow = { timeout: 180_000 };

test("a document that unfolds in memory is ended, and the next one is read", slow, async () => {
  const parser = createPoolParser(pool, { memoryMib: 96, runMs: slow.timeout });

  expect(bomb.length).toBeLessThan(10_000);
  await expect(parser.parse({ bytes: bomb, name: "a.pdf" }, { tenant })).rejects.toMatchObject({
    code: "DOCUMENT_UNREADABLE",
    details: { reason: "memory" },
  });
  expect((await createPoolParser(pool).parse({ bytes: good }, { tenant })).text).toBe("Größe");
});

// Each of the documents may be ended first, and runs again alone then.
test("a document that unfolds in memory does not harm the one beside it", slow, async () => {
  const url = new URL("../../../adapters/compute-tasks.js", import.meta.url).href;
  const tasks = { "knowledge.parse": { url, name: "parseKnowledge" } };
  const two = createComputePool({ tasks, threads: 2, queueMax: 100, heapMib: 4_096 });
  const parser = createPoolParser(two, { memoryMib: 160, runMs: slow.timeout });
  const rows = `a,b,c\n${"1,2,3\n".repeat(50_000)}`;

  try {
    const ended = await Promise.allSettled([
      parser.parse({ bytes: Buffer.from(rows), name: "a.csv" }, { tenant }),
      parser.parse({ bytes: bomb, name: "a.pdf" }, { tenant: "tn_2" }),
      parser.parse({ bytes: Buffer.from(rows), name: "b.csv" }, { tenant }),
    ]);

    expect(ended).toMatchObject([
      { value: { format: "csv" } },
      { reason: { code: "DOCUMENT_UNREADABLE", details: { reason: "memory" } } },
      { value: { format: "csv" } },
    ]);
    expect((await parser.parse({ bytes: good }, { tenant })).text).toBe("Größe");
  } finally {
    await two.close();
  }
});

test("a document that never got a thread is not to blame", async () => {
  const long = Buffer.from("a,b,c\n".repeat(100_000));
  const parser = createPoolParser(pool);
  const hasty = createPoolParser(pool, { waitMs: 0, runMs: 1 });

  const ended = await Promise.allSettled([
    parser.parse({ bytes: long, name: "a.csv" }, { tenant }),
    hasty.parse({ bytes: good }, { tenant }),
  ]);

  expect(ended).toMatchObject([{ status: "fulfilled" }, { reason: { code: "DEADLINE" } }]);
});

test("a cancelled document is not read", async () => {
  const signal = AbortSignal.abort();

  await expect(
    createPoolParser(pool).parse({ bytes: good }, { tenant, signal }),
  ).rejects.toMatchObject({ code: "CANCELLED" });
});

test("twenty documents of many kinds at once", async () => {
  const docx = zipOf(docxFiles(docxParagraph("Word")));
  const files = [good, docx, Buffer.from("<html>page</html>"), Buffer.from("text")];
  const parser = createPoolParser(pool);

  const parsed = await Promise.all(
    Array.from({ length: 20 }, (_, at) =>
      parser.parse({ bytes: files[at % 4] ?? good }, { tenant: `tn_${at % 3}` }),
    ),
  );

  expect(parsed.map(({ text }) => text)).toEqual(
    Array.from({ length: 20 }, (_, at) => ["Größe", "Word", "page", "text"][at % 4]),
  );
});

test("what nobody thought of is that document's fault, not the job's", async () => {
  const broken = new RuntimeError("INTERNAL", "A compute thread died.");
  const parser = createPoolParser({ run: () => Promise.reject(broken) });

  await expect(parser.parse({ bytes: good }, { tenant })).rejects.toMatchObject({
    code: "DOCUMENT_UNREADABLE",
    details: { reason: "damaged" },
    cause: broken,
  });
});
