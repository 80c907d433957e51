// A thread for the tests: commits through the storage thread as fast as it is answered and reports
// each acknowledged key, or reads for ever with ranges and snapshots open. Made to be terminated.

import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { open } from "lmdb";
import { encode } from "../../../runtime/store/codec.ts";
import { environmentFile, openStore } from "../../../runtime/store/lmdb.ts";

interface Task {
  readonly role: "writer" | "reader";
  readonly path: string;
  readonly name: string;
  readonly port: MessagePort;
}

const { role, path, name, port } = workerData as Task;
const store = openStore({ path, environment: "hot", port });
const IN_FLIGHT = 8;

/** Reports a key after `level`, then commits the next: 3 rows a turn. */
function write(index: number): void {
  const key = `w/${name}/${String(index).padStart(8, "0")}`;
  const commit = store.commit({
    ops: [
      { op: "insert", key, value: encode({ index, text: "x".repeat(150) }) },
      { op: "put", key: `s/${name}`, value: encode({ index }) },
      { op: "add", key: `c/${name}`, delta: 1 },
    ],
  });
  void commit.committed.then(
    () => {
      parentPort?.postMessage({ acknowledged: key });
      write(index + IN_FLIGHT);
    },
    () => {},
  );
}

/** Holds a snapshot and cursors open and reads on: ranges both ways and single rows. */
function read(): void {
  const database = open({
    path: environmentFile(path, "hot"),
    encoding: "binary",
    readOnly: true,
  });
  const held: unknown[] = [database.useReadTransaction()];
  for (let count = 0; count < 3; count += 1) {
    const cursor = database.getRange({ start: "w/", end: "w/~", limit: 500 })[Symbol.iterator]();
    for (let row = 0; row < 5; row += 1) cursor.next();
    held.push(cursor);
  }
  const turn = async (round: number): Promise<void> => {
    const reverse = round % 2 === 0;
    const rows = await store.range({ from: "w/", to: "w/~", limit: 50, reverse });
    for (const row of rows) await store.get(row.key);
    if (round === 1) parentPort?.postMessage({ reading: held.length });
    setImmediate(() => void turn(round + 1));
  };
  void turn(0);
}

if (role === "reader") read();
else for (let index = 0; index < IN_FLIGHT; index += 1) write(index);
