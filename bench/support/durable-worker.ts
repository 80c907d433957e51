// Entry of a worker thread under the runtime's own questions.

import { runWorker } from "../../runtime/threads/run-worker.ts";
import { program } from "./durable-program.ts";

runWorker(program);
