// What the compute pool says of work on a document, as the document's own error: its time, its memory, a
// thread that died of it. Having had no thread is not the document's, nor is anything else.

import { RuntimeError } from "../../runtime/errors.ts";
import { unreadable } from "../parse/limits.ts";

/** @param what was being done, as the beginning of a sentence. @returns null for what is not its own. */
export function limitOf(error: unknown, what: string): RuntimeError | null {
  if (!(error instanceof RuntimeError)) return null;
  const simpler = "Divide it or save it in a simpler form.";
  if (error.code === "DEADLINE" && error.details?.["phase"] === "running") {
    return unreadable("timeout", `${what} took too long. ${error.message} ${simpler}`, error);
  }
  if (error.code === "TASK_MEMORY") {
    return unreadable("memory", `${what} took too much memory. ${error.message} ${simpler}`, error);
  }
  if (error.code === "INTERNAL") {
    return unreadable(
      "damaged",
      `${what} failed in a way that was not foreseen. ${simpler}`,
      error,
    );
  }
  return null;
}
