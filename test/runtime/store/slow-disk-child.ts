// A process for the tests: commits one row after another and prints, for each, how long it took until
// it was committed and until it was flushed, in ms. Arguments: data folder, commits.

import { encode } from "../../../runtime/store/codec.ts";
import { openFolder } from "../../../runtime/store/folder.ts";
import { openStore } from "../../../runtime/store/lmdb.ts";
import { startStorage } from "../../../runtime/store/storage.ts";

const [path = "", commits = "5"] = process.argv.slice(2);
openFolder(path);
const storage = await startStorage({ path, environments: ["hot"], onDeath: () => process.exit(9) });
const store = openStore({ path, environment: "hot", port: storage.connect("hot") });

for (let at = 0; at < Number(commits); at += 1) {
  const beganMs = performance.now();
  const { committed, flushed } = store.commit({
    ops: [{ op: "put", key: `row/${at}`, value: encode(at) }],
  });
  await committed;
  const committedMs = performance.now() - beganMs;
  process.stdout.write(`committed ${at}\n`);
  await flushed;
  process.stdout.write(`flushed ${at} ${committedMs} ${performance.now() - beganMs}\n`);
}
await store.close();
await storage.close();
