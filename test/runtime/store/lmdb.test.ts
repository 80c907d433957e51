// The LMDB store through its storage thread: the shared suite, and what only it can show.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { decode, encode } from "../../../runtime/store/codec.ts";
import { openStore } from "../../../runtime/store/lmdb.ts";
import { type Storage, startStorage } from "../../../runtime/store/storage.ts";
import type { Environment, Store } from "../../../runtime/store/store.ts";
import { conformance } from "./conformance.ts";

const cleanUps: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "troupe-store-"));
  cleanUps.push(() => rmSync(path, { recursive: true }));
  return path;
}

async function start(
  path: string,
  mapBytes?: number,
  environments: readonly Environment[] = ["hot"],
): Promise<Storage> {
  const storage = await startStorage({
    path,
    environments,
    ...(mapBytes === undefined ? {} : { mapBytes: { hot: mapBytes } }),
    onDeath: (_, error) => {
      throw error;
    },
  });
  cleanUps.push(() => storage.close());
  return storage;
}

function connect(storage: Storage, path: string, environment: Environment = "hot"): Store {
  const store = openStore({ path, environment, port: storage.connect(environment) });
  cleanUps.push(() => store.close());
  return store;
}

conformance(async () => {
  const path = folder();
  const storage = await start(path);
  return {
    connect: () => connect(storage, path),
    setEpochs: (epochs) => storage.setEpochs(epochs),
  };
});

test("a restart finds rows, raised epochs, and counts the boot", async () => {
  const path = folder();
  const first = await start(path);
  const store = connect(first, path);
  await store.commit({ ops: [{ op: "put", key: "a", value: encode("kept") }] }).flushed;
  await first.setEpochs(new Map([[3, 9]]));
  await store.close();
  await first.close();

  const second = await start(path);

  expect([first.boots, second.boots]).toEqual([1, 2]);
  expect(second.epochs).toEqual(new Map([[3, 9]]));
  const bytes = await connect(second, path).get("a");
  expect(decode(bytes ?? encode(null))).toBe("kept");
});

test("an environment for later is read at once and written when its thread has started", async () => {
  const path = folder();
  const startLater = async () => {
    const onDeath = (_: unknown, error: Error) => {
      throw error;
    };
    return await startStorage({ path, environments: ["hot"], later: ["bulk"], onDeath });
  };
  const open = (storage: Storage) =>
    openStore({ path, environment: "bulk", port: storage.connect("bulk") });
  const first = await startLater();
  const [writer, reader] = [open(first), open(first)];

  expect(await reader.get("a")).toBeUndefined();
  await Promise.all([first.start("bulk"), first.start("bulk")]);
  await writer.commit({ ops: [{ op: "put", key: "a", value: encode("kept") }] }).flushed;
  await new Promise((resolve) => setImmediate(resolve));
  expect(decode((await reader.get("a")) ?? encode(null))).toBe("kept");
  await Promise.all([writer.close(), reader.close()]);
  await first.close();

  const second = await startLater();
  const again = open(second);
  expect(decode((await again.get("a")) ?? encode(null))).toBe("kept");
  await again.close();
  await second.close();
});

test("a row committed elsewhere is found in the callback that hears of it", async () => {
  const path = folder();
  const storage = await start(path);
  const [writer, reader] = [connect(storage, path), connect(storage, path)];
  const missed: number[] = [];

  for (let index = 0; index < 300; index += 1) {
    await reader.get("absent");
    await writer.commit({ ops: [{ op: "put", key: `k${index}`, value: encode(index) }] }).committed;
    if ((await reader.get(`k${index}`)) === undefined) missed.push(index);
  }

  expect(missed).toEqual([]);
});

test("a write that finds no room is refused whole, and work goes on when there is room", async () => {
  const path = folder();
  const child = fileURLToPath(new URL("./full-child.js", import.meta.url));

  // The limit of the file's size stands for a full disk: writes are cut short or fail.
  const run = spawnSync(
    "bash",
    ["-c", `trap '' XFSZ; ulimit -S -f 4096; exec "$0" "$@"`, process.execPath, child, path],
    { encoding: "utf8", timeout: 30_000 },
  );

  expect(run.stdout.split("\n").filter((line) => line !== "")).toEqual([
    "refused STORE_FULL",
    "torn 0",
    "removed",
    "put again",
    "after more room 20",
  ]);
});

test("past the limit of its size a store refuses what adds rows and takes removals", async () => {
  const path = folder();
  const store = connect(await start(path, 1024 * 1024), path);
  const value = new Uint8Array(64 * 1024).fill(7);
  const put = (key: string) => ({ op: "put", key, value }) as const;
  // Rows of a tenant: how much it has is written with what is removed, too.
  await store.commit({ ops: Array.from({ length: 20 }, (_, at) => put(`t/tn/k/${at}`)) }).flushed;

  const refused = store.commit({ ops: [put("t/tn/k/more")] });
  await expect(refused.committed).rejects.toMatchObject({ code: "STORE_FULL" });
  store.reset();
  await store.commit({ ops: [{ op: "remove", key: "t/tn/k/1" }] }).flushed;

  const gone = [await store.get("t/tn/k/more"), await store.get("t/tn/k/1")];
  expect(gone).toEqual([undefined, undefined]);
  expect((await store.get("t/tn/k/2"))?.length).toBe(value.length);
});

test("bulk begins no transaction while one is being flushed", async () => {
  const path = folder();
  const store = connect(await start(path, undefined, ["hot", "bulk"]), path, "bulk");
  const first: string[] = [];

  for (let at = 0; at < 40; at += 1) {
    const one = store.commit({ ops: [{ op: "put", key: `one/${at}`, value: encode(at) }] });
    await one.committed;
    const next = store.commit({ ops: [{ op: "put", key: `next/${at}`, value: encode(at) }] });
    const flushed = one.flushed.then(() => "flushed");
    first.push(await Promise.race([flushed, next.committed.then(() => "the next")]));
  }

  expect(new Set(first)).toEqual(new Set(["flushed"]));
});

test.skipIf(process.platform !== "linux")("the thread that writes bulk gives way", async () => {
  const path = folder();
  const hot = await start(path);
  const before = givingWay();
  await hot.close();

  await start(path, undefined, ["hot", "bulk"]);

  expect(givingWay()).toBeGreaterThan(before);
});

/** Threads of this process with a lower priority than its first one. */
function givingWay(): number {
  // Priority and niceness are the 16th and 17th field behind the name, which may hold spaces.
  const niceness = (thread: string): number => {
    const fields = readFileSync(`/proc/self/task/${thread}/stat`, "utf8").split(") ").at(-1);
    return Number(fields?.split(" ")[16]);
  };
  const own = niceness(String(process.pid));
  return readdirSync("/proc/self/task").filter((thread) => niceness(thread) > own).length;
}
