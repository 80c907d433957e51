// Entry of a worker thread in tests: the test program on a real engine.

import { runWorker } from "../../runtime/threads/run-worker.ts";
import { program } from "./threads-program.ts";

runWorker(program);
