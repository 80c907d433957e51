// A process that embeds with a local model and ends in the middle of it: as a server is stopped, or
// while callers leave. Its exit code is what is tested. argv: folder of the model.

import { createLocalEmbedder } from "../../adapters/embed/local.ts";
import { readModelFolder } from "../../adapters/embed/model-folder.ts";
import { embedTasks } from "../../adapters/embed/tasks.ts";
import { createComputePool } from "../../runtime/threads/compute.ts";

const folder = process.argv[2] ?? "";
const limits = { threads: 2, batchTexts: 8, waitMs: 0, queueMax: 4_096, cacheMib: 0 };
const pool = createComputePool({
  ...{ tasks: embedTasks(limits), threads: 1, queueMax: 10, heapMib: 512 },
});
const embedder = createLocalEmbedder("local", await readModelFolder("m", folder, "fp32"), pool);
const texts = Array.from({ length: 64 }, (_, at) => `order ${at} ${"weather ".repeat(40)}`);
await embedder.embed(texts.slice(0, 16), { tenant: "tn_1" });

const controller = new AbortController();
const { signal } = controller;
const left = Promise.allSettled([
  embedder.embed(texts, { tenant: "tn_1", signal }),
  embedder.embed(texts, { tenant: "tn_2" }),
]);
// As soon as batches run, one caller leaves and the pool is closed.
setImmediate(() => {
  controller.abort();
  void pool.close().then(async () => {
    const ends = await left;
    const codes = ends.map((end) => (end.status === "rejected" ? end.reason.code : "done"));
    console.log(codes.join(" "));
    process.exit(0);
  });
});
