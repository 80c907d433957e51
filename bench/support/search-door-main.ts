// Searches of a large collection through the door of the real server, which has all cores; the client
// takes its part of them. Arguments: a folder of search-door-fill-main, chunks in it, seconds of each
// measurement. Prints figures: searches per second of wall, times in us, CPU seconds of the server per
// second of wall, memory in MiB.

import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { Connection } from "./client.ts";
import { CHUNKS_EACH, collectionsOf, createTexts, SMALL, startDoor } from "./door-collections.ts";
import { endWithTheBench } from "./program-end.ts";

endWithTheBench();
const [folder = "", chunksGiven = "100000", secondsGiven = "5"] = process.argv.slice(2);
const chunkCount = Number(chunksGiven);
const seconds = Number(secondsGiven);
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

const { below, text } = createTexts(12);
const figures: Record<string, number> = { cores: availableParallelism() };
const { small, large } = collectionsOf(folder);
const product = await startDoor(folder);
try {
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
} finally {
  await product.end();
}
console.log(JSON.stringify(figures));
process.exit(0);

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
      const query = text(below(count / CHUNKS_EACH), 6);
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
