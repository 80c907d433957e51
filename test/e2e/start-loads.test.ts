// What a start loads: Node itself says, thread by thread, which modules were evaluated and which
// functions called until the server was stopped. What no request has asked for is not among them.

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { startServer } from "../support/running-server.ts";

interface Script {
  readonly url: string;
  readonly functions: readonly {
    readonly functionName: string;
    readonly ranges: readonly { readonly count: number }[];
  }[];
}

/** Scripts of each thread. */
let threads: readonly (readonly Script[])[] = [];

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "troupe-loads-"));
  const coverage = join(folder, "coverage");
  const server = await startServer({
    NODE_V8_COVERAGE: coverage,
    TROUPE_DATA: join(folder, "data"),
    TROUPE_SAMPLE: "off",
    TROUPE_WORKERS: "1",
  });
  try {
    await server.printed(/login\?code=/);
    await server.stop();
    const names = await readdir(coverage);
    threads = await Promise.all(
      names.map(async (name) => {
        const text = await readFile(join(coverage, name), "utf8");
        return (JSON.parse(text) as { result: Script[] }).result.filter(isFile);
      }),
    );
  } finally {
    await server.end();
    await rm(folder, { recursive: true, force: true });
  }
});

const isFile = ({ url }: Script): boolean => url.startsWith("file:");
const filesOf = (): readonly string[] => threads.flat().map(({ url }) => url);

test("a start loads no library that only some requests need", () => {
  const eager = /node_modules\/(.*node_modules\/)?((@[^/]+\/)?[^/]+)/;
  const libraries = new Set(filesOf().flatMap((file) => eager.exec(file)?.[2] ?? []));

  // Main, a storage thread and a worker.
  expect(threads).toHaveLength(3);
  expect([...libraries].sort()).toEqual(knownLibraries);
});

/** Storage, the front door and calls between threads, with what these need. */
const knownLibraries = [
  "@harperfast/extended-iterable",
  "comlink",
  // A trigger's turn, which says when it comes due next, cannot wait for it.
  "croner",
  "detect-libc",
  "lmdb",
  "msgpackr",
  "msgpackr-extract",
  "node-gyp-build-optional-packages",
  "ordered-binary",
  "uWebSockets.js",
  "weak-lru-cache",
];

test("a start builds no table of words", () => {
  const builders = ["wordsOf", "buildKeywords", "keywordBuilder"];
  const calls = threads.flatMap((scripts) =>
    scripts.flatMap(({ url, functions }) =>
      functions
        .filter(({ functionName }) => builders.includes(functionName))
        .map(({ functionName, ranges: [range] }) => ({
          call: `${functionName} of ${url.replace(/.*\/dist\//, "")}`,
          count: range?.count,
        })),
    ),
  );

  expect(calls.map(({ call }) => call)).toContain("buildKeywords of actors/routing/keyword.js");
  expect(calls.filter(({ count }) => count !== 0)).toEqual([]);
});

test("a start loads no more files of each area than it did", () => {
  const counts: Record<string, number> = {};
  for (const file of filesOf()) {
    const area = areaOf(file);
    counts[area] = (counts[area] ?? 0) + 1;
  }

  const grown = Object.entries(counts).filter(([area, count]) => count > (filesMax[area] ?? 0));
  expect(Object.fromEntries(grown)).toEqual({});
});

/** The first two folders of a file of ours, or `packages`. */
function areaOf(file: string): string {
  const [, path = ""] = file.split("/dist/");
  if (file.includes("/node_modules/") || path === "") return "packages";
  return path.split("/").slice(0, -1).slice(0, 2).join("/");
}

/** Of all three threads. Each is half a millisecond to a millisecond of a start. */
const filesMax: Readonly<Record<string, number>> = {
  // What is noted of work, on main and in a worker.
  actors: 54,
  "actors/answer": 22,
  "actors/approvals": 7,
  "actors/channels": 29,
  "actors/constraints": 7,
  "actors/credentials": 8,
  "actors/engines": 3,
  "actors/evaluation": 4,
  "actors/flow": 5,
  "actors/guard": 5,
  "actors/ingestion": 11,
  "actors/knowledge": 19,
  "actors/memory": 7,
  // By which names models know what a record offers, and where its pins are that go with it.
  "actors/lines": 2,
  "actors/mcp": 2,
  // The catalogue of prices, on main and in a worker, with what attributes tokens; what runs, purses and the
  // treasury keep budgets by, and the actor of alerts.
  "actors/money": 27,
  "actors/prompts": 7,
  "actors/records": 66,
  "actors/routing": 24,
  "actors/skills": 1,
  "actors/team": 1,
  "actors/text": 6,
  "actors/tools": 12,
  // What a traceparent of a request is.
  "actors/trace": 2,
  // In the catalog of workers, with what main says to triggers, and what tells those that listen.
  "actors/triggers": 16,
  // With what begins the log files of agents, where there are any.
  adapters: 65,
  "adapters/a2a": 3,
  "adapters/audit": 8,
  // What an engine asks channels through and their tables, on main and in a worker; whether there are any.
  "adapters/channels": 7,
  "adapters/cli": 7,
  "adapters/console": 1,
  "adapters/credentials": 2,
  "adapters/embed": 10,
  "adapters/graphs": 2,
  "adapters/http": 236,
  "adapters/knowledge": 43,
  "adapters/llm": 6,
  "adapters/mcp": 1,
  "adapters/memory": 9,
  "adapters/money": 1,
  // What documents of tools are fetched with, which is loaded with the first.
  "adapters/openapi": 1,
  "adapters/packs": 3,
  "adapters/parse": 2,
  "adapters/skills": 1,
  "adapters/targets": 1,
  // What models take, measured in a worker and read on main, among them.
  // With what is noted of work, in the memory that all threads count in.
  "adapters/telemetry": 18,
  // With what asks whether there is room for what a request stores.
  // What the compute pool can do of them, by name.
  "adapters/sandbox": 1,
  "adapters/tenants": 10,
  "adapters/triggers": 5,
  "adapters/vault": 8,
  "adapters/webhooks": 4,
  packages: 42,
  runtime: 20,
  "runtime/door": 12,
  "runtime/kernel": 45,
  // With how a run has ended, for who is told of it.
  "runtime/runs": 32,
  "runtime/shared": 24,
  // What a storage thread counts of each tenant as it writes, and whose a row is.
  "runtime/store": 53,
  "runtime/threads": 43,
};
