// A process for the tests whose files may not grow past a limit (set by its starter): fills the
// store, makes room, goes on. Prints what happened. Argument: data folder.

import { execFileSync } from "node:child_process";
import { openStore } from "../../../runtime/store/lmdb.ts";
import { startStorage } from "../../../runtime/store/storage.ts";

const [path = ""] = process.argv.slice(2);
const storage = await startStorage({ path, environments: ["hot"], onDeath: () => process.exit(9) });
const store = openStore({ path, environment: "hot", port: storage.connect("hot") });
const value = new Uint8Array(64 * 1024).fill(7);
const put = (key: string) => ({ op: "put", key, value }) as const;
const print = (line: string) => process.stdout.write(`${line}\n`);

for (let index = 0, isFull = false; !isFull; index += 1) {
  await store.commit({ ops: [put(`a${index}`), put(`b${index}`)] }).flushed.catch((error) => {
    print(`refused ${error.code}`);
    isFull = true;
  });
}
store.reset();
const count = async (from: string) =>
  (await store.range({ from, to: `${from}~`, limit: 999 })).length;
print(`torn ${(await count("a")) - (await count("b"))}`);
const removed = ["a1", "b1", "a2"].map((key) => ({ op: "remove", key }) as const);
await store.commit({ ops: removed }).flushed;
print("removed");
await store.commit({ ops: [put("c")] }).flushed;
print("put again");
execFileSync("prlimit", ["--pid", String(process.pid), "--fsize=unlimited"]);
for (let index = 0; index < 20; index += 1) await store.commit({ ops: [put(`d${index}`)] }).flushed;
print(`after more room ${await count("d")}`);
await store.close();
await storage.close();
