// Work of tools in the compute pool. Time and memory of its own that were used up there are the fault of what
// was read: the model is told, nothing is tried again, and the run goes on.

import { RuntimeError } from "../../runtime/errors.ts";
import type { Compute } from "../ports.ts";

/** @param what is read, for the error. @throws DOCUMENT_UNREADABLE, and what the task and the pool throw. */
export async function pooled(
  compute: Compute,
  task: { readonly name: string; readonly input: unknown; readonly what: string },
  options: Parameters<Compute["run"]>[2],
): Promise<unknown> {
  try {
    return await compute.run(task.name, task.input, options);
  } catch (cause) {
    throw faultOf(cause, task.what, options);
  }
}

function faultOf(
  cause: unknown,
  what: string,
  { runMs = 0, memoryMib = 0 }: Parameters<Compute["run"]>[2],
): unknown {
  if (!(cause instanceof RuntimeError)) return cause;
  const { code, details } = cause;
  const why =
    code === "DEADLINE" && details?.["phase"] === "running"
      ? `takes longer than ${runMs / 1_000} s.`
      : code === "TASK_MEMORY"
        ? `needs more than ${memoryMib} MiB of memory.`
        : code === "INTERNAL"
          ? "has something that its reader cannot cope with."
          : null;
  if (why === null) return cause;
  return new RuntimeError("DOCUMENT_UNREADABLE", `${what} ${why}`, {}, { cause });
}
