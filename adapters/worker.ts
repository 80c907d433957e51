// The composition root of a worker thread: its engine with the program's actors and ports.

import { runWorker } from "../runtime/threads/run-worker.ts";
import { workerHost } from "./worker-host.ts";

runWorker(workerHost);
