// Documents taken into a collection by the real server, and the parts of that work alone in this process.
// Arguments: embedder ("builtin" or "local", a model of MiniLM's shape with 8-bit weights), documents.
// Prints figures: chunks per second of wall time, ms of wall and of CPU.

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { searchText } from "../../actors/knowledge/retrieve.ts";
import type { Embedder } from "../../actors/ports.ts";
import { embedTexts, splitTexts } from "../../adapters/compute-tasks.ts";
import { createBuiltinEmbedder } from "../../adapters/embed/builtin.ts";
import { createLocalEmbedder } from "../../adapters/embed/local.ts";
import { readModelFolder } from "../../adapters/embed/model-folder.ts";
import { embedTasks } from "../../adapters/embed/tasks.ts";
import { indexFolder } from "../../adapters/knowledge/index-folder.ts";
import { mergeTask } from "../../adapters/knowledge/merge-task.ts";
import { createKnowledgeWriter } from "../../adapters/knowledge/writer.ts";
import { createSegmentFiles } from "../../adapters/segment-files.ts";
import { openBulkReader } from "../../runtime/store/bulk-reader.ts";
import { seeded } from "../../runtime/testkit/schedule.ts";
import { createComputePool } from "../../runtime/threads/compute.ts";
import { openData } from "../../test/support/open-data.ts";
import { startProduct } from "../../test/support/product.ts";
import { writeSmallModel } from "../../test/support/small-model.ts";
import { endWithTheBench } from "./program-end.ts";

endWithTheBench();

const [kind = "builtin", countGiven = "400"] = process.argv.slice(2);
const count = Number(countGiven);
const collections = "/v2/knowledge/collections";
const WORDS = 500;
const SENTENCE = 14;
const VOCABULARY = 8_000;
const WRITE_AT_ONCE = 64;
/** MiniLM-L6: 6 layers of 384. */
const shape = { hidden: 384, layers: 6, positions: 512 };
const limits = { threads: 1, batchTexts: 32, waitMs: 2, queueMax: 4_096, cacheMib: 0 };

const folder = mkdtempSync(join(tmpdir(), "bench-ingest-"));
const model = join(folder, "model");
if (kind === "local") writeSmallModel(model, shape);
const pool = createComputePool({
  ...{ tasks: embedTasks(limits), threads: 1, queueMax: 100, heapMib: 512 },
});
const figures: Record<string, number> = {};

const all = textsOf(1);
const embedder = await embedderOf();
// Once for code to be compiled and the model to be loaded.
await parts(textsOf(2).slice(0, Math.ceil(count / 4)), "warm");
const chunks = await parts(all, "parts");
await whole(all, chunks);
await pool.close();
rmSync(folder, { recursive: true, force: true });
console.log(JSON.stringify(figures));
process.exit(0);

function textsOf(seed: number): readonly string[] {
  const random = seeded(seed);
  const word = (): string => `w${Math.floor(random() ** 3 * VOCABULARY).toString(36)}`;
  return Array.from({ length: count }, (_, at) => {
    const words = Array.from({ length: WORDS }, (__, place) =>
      place % SENTENCE === SENTENCE - 1 ? `${word()}.` : word(),
    );
    return `# Document ${at}\n\n${words.join(" ")}`;
  });
}

async function embedderOf(): Promise<Embedder> {
  if (kind !== "local") return createBuiltinEmbedder();
  return createLocalEmbedder("local:bench:q8", await readModelFolder("bench", model, "q8"), pool);
}

/** Each part alone, the whole load through one before the next begins. */
async function parts(texts: readonly string[], name: string): Promise<number> {
  const { tokenizer, tokensMax, dimension, id } = embedder;
  const [beganMs, beganCpuMs] = [performance.now(), cpuMs()];
  const split = await splitTexts({ texts, tokenizer, tokensMax });
  const splitMs = performance.now() - beganMs;
  const flat = split.flat().map((chunk) => searchText({ ...chunk, documentTitle: "" }));
  const embeddedMs = performance.now();
  const vectors =
    kind === "local" ? await embedder.embed(flat, { tenant: "tn_1" }) : embedTexts(flat);
  const embedMs = performance.now() - embeddedMs;
  const indexedMs = performance.now();
  let next = 0;
  await index(
    texts.map((text, at) => ({
      text,
      chunks: (split[at] ?? []).map((chunk) => {
        const vector = vectors[next] ?? new Float32Array(dimension);
        next += 1;
        return { ...chunk, vector };
      }),
    })),
    { id, dimension },
    name,
  );
  const indexMs = performance.now() - indexedMs;
  figures["partsCpuMs"] = cpuMs() - beganCpuMs;
  Object.assign(figures, { splitMs, embedMs, indexMs, chunks: flat.length });
  figures["parts"] = (flat.length * 1_000) / (splitMs + embedMs + indexMs);
  return flat.length;
}

type Chunks = readonly (Awaited<ReturnType<typeof splitTexts>>[number][number] & {
  readonly vector: Float32Array;
})[];

async function index(
  documents: readonly { readonly text: string; readonly chunks: Chunks }[],
  pin: { readonly id: string; readonly dimension: number },
  name: string,
): Promise<void> {
  const path = join(folder, name);
  const place = { tenant: "tn_1", collection: "cl_1" };
  mkdirSync(path);
  const data = await openData(path);
  const writer = createKnowledgeWriter({ bulk: data.connectBulk(), nowMs: Date.now });
  for (let from = 0; from < documents.length; from += WRITE_AT_ONCE) {
    const some = documents.slice(from, from + WRITE_AT_ONCE).map((document, at) => ({
      ...{ ...document, documentId: `d${from + at}`, writeId: "w1" },
    }));
    await writer.writeAll(place, some, pin, "committed");
    const shown = { title: "", metadata: {}, bytes: 1, contentHash: "h" };
    const rows = some.map((one) => ({ ...one, ...shown, chunks: one.chunks.length }));
    await writer.publish(place, rows, pin);
  }
  const merging = { ...place, data: path, folder: indexFolder(path, place), isForced: false };
  const tools = { reader: openBulkReader(path), files: createSegmentFiles(), nowMs: Date.now };
  await mergeTask(merging, tools);
  await data.close();
}

async function whole(texts: readonly string[], expected: number): Promise<void> {
  const config =
    kind === "local"
      ? `embedding:\n  cache_mib: 0\nembedders:\n  - name: local\n    kind: local\n    model: ${model}\n    dtype: q8\n`
      : "";
  const product = await startProduct({ env: { TROUPE_WORKERS: "1" }, config });
  const take = async (some: readonly string[]): Promise<number> => {
    const made = await product.call("POST", collections, { name: "Bench", embedder: kind });
    const documents = some.map((text, at) => ({ id: `d${at}`, text }));
    const path = `${collections}/${made.body.id}/documents?wait=false`;
    const { headers } = await product.call("POST", path, documents);
    const job = headers.get("location") ?? "";
    await (await product.events("GET", `${job}/events`)).rest();
    for (;;) {
      const { status, chunks: visible } = (await product.call("GET", job)).body;
      if (status === "completed") return visible;
      if (status !== "running") throw new Error(`The job is ${status}.`);
    }
  };
  try {
    await take(textsOf(2).slice(0, Math.ceil(count / 4)));
    const pid = product.server.process.pid ?? 0;
    const [beganMs, beganCpuMs] = [performance.now(), cpuMsOf(pid)];
    const visible = await take(texts);
    figures["whole"] = (visible * 1_000) / (performance.now() - beganMs);
    figures["wholeCpuMs"] = cpuMsOf(pid) - beganCpuMs;
    if (visible !== expected) throw new Error(`There are ${visible} chunks, not ${expected}.`);
  } finally {
    await product.end();
  }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** User and system time of a process, in ticks of 10 ms. */
function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
