// piscina as it is by default (one task a thread at a time), with a fixed number of threads.

import { Piscina } from "piscina";
import { measure, throughput } from "../measure.mjs";

const IN_FLIGHT = 64;
const threads = Number(/\d+$/.exec(process.argv[2])[0]);
const pool = new Piscina({
  filename: new URL("./worker.mjs", import.meta.url).href,
  minThreads: threads,
  maxThreads: threads,
});

await measure({
  [`ask-${threads}`]: (count) => throughput(count, IN_FLIGHT, (at) => pool.run(at)),
});
