// comlink: a proxy of an object in each thread; every call is one message and one answer.

import { Worker } from "node:worker_threads";
import { wrap } from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import { measure, throughput } from "../measure.mjs";

const IN_FLIGHT = 64;
const threads = Number(/\d+$/.exec(process.argv[2])[0]);
const workers = Array.from({ length: threads }, () =>
  wrap(nodeEndpoint(new Worker(new URL("./worker.mjs", import.meta.url)))),
);

await measure({
  [`ask-${threads}`]: (count) =>
    throughput(count, IN_FLIGHT, (at) => workers[at % threads].answer(at)),
});
