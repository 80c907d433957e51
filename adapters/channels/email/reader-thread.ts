// The thread that reads one mail, and ends.

import { parentPort, workerData } from "node:worker_threads";
import { readMail, readMailFile } from "./mail.ts";
import type { ReadingAnswer, ReadingTask } from "./reader.ts";

const { raw, part } = workerData as ReadingTask;

async function answer(): Promise<ReadingAnswer> {
  try {
    return part === null ? { mail: await readMail(raw) } : { file: await readMailFile(raw, part) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : "it cannot be read" };
  }
}

parentPort?.postMessage(await answer());
