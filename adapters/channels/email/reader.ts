// Reads mails where reading can be stopped. A small mail is read at once; a larger one in a thread of its
// own, with an end to its time and its memory: what a stranger sends must not hold up everybody else.

import { Worker } from "node:worker_threads";
import { emailLimits } from "./limits.ts";
import { type MailData, readMail, readMailFile } from "./mail.ts";

/** What the thread is asked. */
export interface ReadingTask {
  readonly raw: Uint8Array;
  /** The number of a file; null: the mail itself. */
  readonly part: number | null;
}

/** A file of a mail. */
export type ReadFile = Awaited<ReturnType<typeof readMailFile>>;

/** What it answers. */
export type ReadingAnswer =
  | { readonly mail: MailData }
  | { readonly file: ReadFile }
  | { readonly error: string };

/** @throws Error for what cannot be read, or not within `ms`. */
export async function readApart(
  raw: Uint8Array,
  ms: number = emailLimits.readMs,
): Promise<MailData> {
  if (raw.length <= emailLimits.readHereBytes) return await readMail(raw);
  const answer = await asked({ raw, part: null }, ms);
  if ("mail" in answer) return answer.mail;
  throw new Error("error" in answer ? answer.error : "no mail came back");
}

/** A file of a mail by its number; null: it has none. @throws Error as `readApart`. */
export async function readFileApart(raw: Uint8Array, part: number): Promise<ReadFile> {
  if (raw.length <= emailLimits.readHereBytes) return await readMailFile(raw, part);
  const answer = await asked({ raw, part }, emailLimits.readMs);
  if ("file" in answer) return answer.file;
  throw new Error("error" in answer ? answer.error : "no file came back");
}

async function asked(task: ReadingTask, ms: number): Promise<ReadingAnswer> {
  const worker = new Worker(new URL("./reader-thread.js", import.meta.url), {
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: emailLimits.readMemoryMib },
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<ReadingAnswer>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`it takes more than ${ms} ms`)), ms);
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", () => reject(new Error("its reading ended without an answer")));
    });
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
