// The death of the process at any moment: what was acknowledged is there, whole and once.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { decodeCounter } from "../../../runtime/store/codec.ts";
import { openFolder } from "../../../runtime/store/folder.ts";
import { openStore } from "../../../runtime/store/lmdb.ts";
import { startStorage } from "../../../runtime/store/storage.ts";
import { storedBytesOf } from "../../support/stored-bytes.ts";

const KILLS = 10;
const child = fileURLToPath(new URL("./store-child.js", import.meta.url));

/** Runs a child until it has acknowledged `lines` keys, kills it, and gives every key it printed. */
async function killAfter(lines: number, args: readonly string[]): Promise<readonly string[]> {
  const running = spawn(process.execPath, [child, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(running, "exit");
  let text = "";
  for await (const chunk of running.stdout) {
    text += String(chunk);
    if (text.split("\n").length > lines) running.kill("SIGKILL");
  }
  await exited;
  return text.split("\n").slice(0, -1);
}

test("rows acknowledged before kill -9 are there, no batch is torn, and the lock is taken over", async () => {
  const path = mkdtempSync(join(tmpdir(), "troupe-kill-"));
  const acknowledged: string[] = [];
  for (let boot = 0; boot < KILLS; boot += 1) {
    const level = boot % 2 === 0 ? "committed" : "flushed";
    const lines = 50 + boot * 137;
    acknowledged.push(...(await killAfter(lines, [path, level, String(boot)])));
  }

  const folder = openFolder(path);
  const storage = await startStorage({ path, environments: ["hot"], onDeath: () => {} });
  const store = openStore({ path, environment: "hot", port: storage.connect("hot") });
  const limit = 1_000_000;
  const keysOf = async (family: string) =>
    (await store.range({ from: `${family}/`, to: `${family}/~`, limit })).map((row) =>
      row.key.slice(2),
    );
  const present = await keysOf("a");
  const kept = new Set(present);

  expect(storage.boots).toBe(KILLS + 1);
  expect(acknowledged.length).toBeGreaterThan(KILLS * 50);
  expect(acknowledged.filter((key) => !kept.has(key))).toEqual([]);
  expect(await keysOf("b")).toEqual(present);
  expect(decodeCounter(await store.get("count"))).toBe(present.length);
  await store.close();
  await storage.close();
  folder.release();
  const bytes = await storedBytesOf(path);
  expect(bytes.counted).toEqual(bytes.scanned);
  expect(Object.keys(bytes.counted[0] ?? {})).toHaveLength(KILLS);
  rmSync(path, { recursive: true });
});
