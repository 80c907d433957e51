// Searches of a large collection through the door of the real server, which has all cores; the client
// takes its part of them. The collection's rows and files are written before the server starts; vectors
// are the built-in embedder's, so that the server embeds each question itself.
// Arguments: chunks, seconds of each measurement. Prints figures: searches per second of wall, times in us,
// CPU seconds of the server per second of wall, memory in MiB.

import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { lexicalVector } from "../../actors/text/vector.ts";
import { builtinEmbedder } from "../../adapters/embed/builtin.ts";
import { defaultTenant } from "../../adapters/front.ts";
import { indexFolder } from "../../adapters/knowledge/index-folder.ts";
import { mergeTask } from "../../adapters/knowledge/merge-task.ts";
import { type Place, segmentBytes } from "../../adapters/knowledge/rows.ts";
import { createKnowledgeWriter } from "../../adapters/knowledge/writer.ts";
import { createSegmentFiles } from "../../adapters/segment-files.ts";
import { createBulk } from "../../runtime/store/bulk.ts";
import { openBulkReader } from "../../runtime/store/bulk-reader.ts";
import { keys } from "../../runtime/store/keys.ts";
import { openStore } from "../../runtime/store/lmdb.ts";
import { startStorage } from "../../runtime/store/storage.ts";
import { seeded } from "../../runtime/testkit/schedule.ts";
import { startProduct } from "../../test/support/product.ts";
import { Connection } from "./client.ts";

const [chunksGiven = "100000", secondsGiven = "5"] = process.argv.slice(2);
const chunkCount = Number(chunksGiven);
const seconds = Number(secondsGiven);
/** Just large enough for index files: after it the threads of searches are there. */
const SMALL = 5_000;
const CHUNKS_EACH = 100;
const WORDS = 60;
const VOCABULARY = 20_000;
/** Words of a document's own that two of three of its words are of. */
const TOPIC = 200;
const AT_ONCE = 16;
const TICKS = 100;
const KIB_A_MIB = 1_024;
const collections = "/v2/knowledge/collections";
const filterOf = (percent: number) => ({ percent: { lt: percent } });
const kinds = {
  doorVector: { mode: "vector" },
  doorLexical: { mode: "lexical" },
  doorHybrid: {},
  doorFilter1: { filter: filterOf(1) },
  doorFilter10: { filter: filterOf(10) },
  doorFilter50: { filter: filterOf(50) },
} as const;

const random = seeded(11);
const below = (limit: number): number => Math.floor(random() * limit);
const rare = (): string => `q${Math.floor(random() ** 3 * VOCABULARY)}z`;
const ofTopic = (topic: number): string =>
  `q${(topic * 7_919 + Math.floor(random() ** 2 * TOPIC) * 31) % VOCABULARY}z`;
const textOf = (topic: number, count: number): string =>
  Array.from({ length: count }, (_, at) => (at % 3 === 0 ? rare() : ofTopic(topic))).join(" ");

const figures: Record<string, number> = { cores: availableParallelism() };
const http = "http:\n  requests_per_second: 1000000\n  requests_burst: 1000000\n";
const product = await startProduct({ config: http });
const [small, large] = [await made("Small"), await made("Large")];
await product.stop();
await fill(small, SMALL);
await fill(large, chunkCount);
await product.start();

await measured(small, SMALL, "warm", kinds.doorHybrid, 1, 1);
const before = memory();
for (const [name, asked] of Object.entries(kinds)) {
  await measured(large, chunkCount, "warm", asked, AT_ONCE, 1);
  await measured(large, chunkCount, name, asked, 1, seconds);
  await measured(large, chunkCount, `${name}Many`, asked, AT_ONCE, seconds);
}
const after = memory();
figures["anonymousMib"] = after.anonymous - before.anonymous;
figures["mappedMib"] = after.mapped - before.mapped;
await product.end();
console.log(JSON.stringify(figures));
process.exit(0);

async function made(name: string): Promise<string> {
  const { status, body } = await product.call("POST", collections, { name });
  if (status !== 201) throw new Error(`A collection was answered ${status}.`);
  return body.id;
}

/** Writes a collection of the tenant that the operator key acts in. */
async function fill(collection: string, count: number): Promise<void> {
  const path = join(product.folder, "data");
  const storage = await startStorage({
    path,
    onDeath: (_, error) => {
      throw error;
    },
  });
  const store = openStore({ path, environment: "bulk", port: storage.connect("bulk") });
  const bulk = createBulk(store, async () => undefined);
  const writer = createKnowledgeWriter({ bulk, nowMs: Date.now });
  const place: Place = { tenant: defaultTenant, collection };
  for (let from = 0; from < count; from += CHUNKS_EACH) {
    const topic = from / CHUNKS_EACH;
    const write = { documentId: `d${topic}`, writeId: `w${topic}` };
    const chunks = Array.from({ length: CHUNKS_EACH }, (_, at) => {
      const text = textOf(topic, WORDS);
      const vector = lexicalVector(text, builtinEmbedder.dimension);
      return { text, headings: [], span: [at, at + 1] as const, vector };
    });
    await writer.writeText(place, write, "text");
    await writer.writeChunks(place, write, chunks, 0, builtinEmbedder);
    const metadata = { percent: topic % 100 };
    const shown = { title: "", metadata, bytes: 4, contentHash: "h", chunks: chunks.length };
    await writer.publish(place, [{ ...write, ...shown }], builtinEmbedder);
  }
  const input = { ...place, data: path, folder: indexFolder(path, place), isForced: true };
  const tools = { reader: openBulkReader(path), files: createSegmentFiles(), nowMs: Date.now };
  const merged = await mergeTask(input, tools);
  if (merged === null) throw new Error("There was nothing to merge.");
  const key = keys.segment(place.tenant, place.collection);
  await bulk.commit([{ op: "put", key, value: segmentBytes(merged.row) }]);
  if (count === chunkCount) figures["doorExpansion"] = merged.row.vectors.expansion;
  await store.close();
  await storage.close();
}

/** Searches for so many seconds, `atOnce` under way at a time. */
async function measured(
  collection: string,
  count: number,
  name: string,
  asked: object,
  atOnce: number,
  forSeconds: number,
): Promise<void> {
  const port = Number(new URL(product.url).port);
  const times: number[] = [];
  const [beganMs, beganCpu, ownCpu] = [performance.now(), cpuSeconds(), process.cpuUsage()];
  const beganIdle = idleSeconds();
  const untilMs = beganMs + forSeconds * 1_000;
  const one = async (): Promise<void> => {
    const connection = new Connection({ port });
    await connection.open();
    while (performance.now() < untilMs) {
      const query = textOf(below(count / CHUNKS_EACH), 6);
      const body = JSON.stringify({ query, top_k: 10, ...asked });
      const { status, latencyUs } = await connection.send(requestOf(collection, body));
      if (status !== 200) throw new Error(`A search was answered ${status}.`);
      times.push(latencyUs);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  const wall = (performance.now() - beganMs) / 1_000;
  const own = process.cpuUsage(ownCpu);
  times.sort((a, b) => a - b);
  figures[`${name}PerSecond`] = times.length / wall;
  figures[`${name}P50`] = times[Math.floor(times.length * 0.5)] ?? Number.NaN;
  figures[`${name}P99`] = times[Math.floor(times.length * 0.99)] ?? Number.NaN;
  figures[`${name}Cores`] = (cpuSeconds() - beganCpu) / wall;
  figures[`${name}ClientCores`] = (own.user + own.system) / 1e6 / wall;
  figures[`${name}IdleCores`] = (idleSeconds() - beganIdle) / wall;
  figures[`${name}CpuUs`] = ((cpuSeconds() - beganCpu) * 1e6) / times.length;
}

function requestOf(collection: string, body: string): Buffer {
  const head = [
    `POST ${collections}/${collection}/search HTTP/1.1`,
    `host: ${new URL(product.url).host}`,
    `authorization: Bearer ${product.adminKey}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`);
}

function cpuSeconds(): number {
  const stat = readFileSync(`/proc/${product.server.process.pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** What no process of the machine has used, of all cores. */
function idleSeconds(): number {
  const [, idle = ""] = /^cpu +\d+ \d+ \d+ (\d+)/.exec(readFileSync("/proc/stat", "utf8")) ?? [];
  return Number(idle) / TICKS;
}

/** Resident memory of the server in MiB: its own, and files of the page cache that it has mapped. */
function memory(): { readonly anonymous: number; readonly mapped: number } {
  const status = readFileSync(`/proc/${product.server.process.pid}/status`, "utf8");
  const read = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) / KIB_A_MIB;
  return { anonymous: read("RssAnon"), mapped: read("RssFile") };
}
