// The LMDB store through its storage thread: the shared suite, and what only it can show.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { decode, encode } from "../../../runtime/store/codec.ts";
import { openStore } from "../../../runtime/store/lmdb.ts";
import { type Storage, startStorage } from "../../../runtime/store/storage.ts";
import type { Store } from "../../../runtime/store/store.ts";
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

async function start(path: string, mapBytes?: number): Promise<Storage> {
  const storage = await startStorage({
    path,
    environments: ["hot"],
    ...(mapBytes === undefined ? {} : { mapBytes: { hot: mapBytes } }),
    onDeath: (_, error) => {
      throw error;
    },
  });
  cleanUps.push(() => storage.close());
  return storage;
}

function connect(storage: Storage, path: string): Store {
  const store = openStore({ path, environment: "hot", port: storage.connect("hot") });
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
