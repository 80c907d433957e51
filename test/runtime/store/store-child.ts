// A process for the tests: commits under load and prints each key once it is acknowledged at the
// level it was asked for, until it is killed. Arguments: data folder, level, boot number.

import { encode } from "../../../runtime/store/codec.ts";
import { openFolder } from "../../../runtime/store/folder.ts";
import { openStore } from "../../../runtime/store/lmdb.ts";
import { startStorage } from "../../../runtime/store/storage.ts";

const [path = "", level = "committed", boot = "0"] = process.argv.slice(2);
openFolder(path);
const storage = await startStorage({ path, environments: ["hot"], onDeath: () => process.exit(9) });
const store = openStore({ path, environment: "hot", port: storage.connect("hot") });
const IN_FLIGHT = 16;

async function lane(number: number): Promise<void> {
  for (let index = 0; ; index += 1) {
    const key = `${boot}/${number}/${index}`;
    const commit = store.commit({
      ops: [
        { op: "insert", key: `a/${key}`, value: encode({ key }) },
        { op: "insert", key: `b/${key}`, value: encode("x".repeat(200)) },
        { op: "add", key: "count", delta: 1 },
      ],
    });
    await (level === "flushed" ? commit.flushed : commit.committed);
    process.stdout.write(`${key}\n`);
  }
}

await Promise.all(Array.from({ length: IN_FLIGHT }, (_, number) => lane(number)));
