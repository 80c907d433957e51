// Entry of a worker thread of our side.

import { runWorker } from "../../runtime/threads/run-worker.ts";
import { program } from "./runtime-program.ts";

runWorker(program);
