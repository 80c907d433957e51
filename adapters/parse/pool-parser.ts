// The parser port over the compute pool: a thread reads the document, with a time and a memory of its
// own, and what goes wrong there is that document's error.

import type { Compute, DocumentSource, ParsedDocument, Parser } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { parseLimits, unreadable } from "./limits.ts";

/** Name of the compute pool's task; its function is `parseTask`. */
export const parseTaskName = "knowledge.parse";

/** Limits that a caller may set lower. */
export interface PoolParserOptions {
  readonly runMs?: number;
  readonly waitMs?: number;
  readonly memoryMib?: number;
}

/** The result as it travels: the text as bytes in shared memory, which main only passes on. */
interface TaskResult {
  readonly document: Omit<ParsedDocument, "text">;
  readonly text: Uint8Array;
}

/** A parser whose work is done in the pool. */
export function createPoolParser(compute: Compute, options: PoolParserOptions = {}): Parser {
  const { runMs, waitMs, memoryMib } = { ...parseLimits, ...options };
  return {
    async parse(source, { tenant, signal }) {
      if (source.bytes.length > parseLimits.inputBytes) return await parsed(source);
      const input: DocumentSource = { ...source, bytes: shared(source.bytes) };
      try {
        const result = await compute.run(parseTaskName, input, {
          tenant,
          timeoutMs: waitMs + runMs,
          runMs,
          memoryMib,
          ...(signal === undefined ? {} : { signal }),
        });
        const { document, text } = result as TaskResult;
        return { ...document, text: Buffer.from(text).toString() };
      } catch (cause) {
        throw documentError(cause, runMs, memoryMib);
      }
    },
  };
}

/** The compute pool's function. */
export async function parseTask(input: unknown): Promise<TaskResult> {
  const source = input as DocumentSource;
  // Libraries want memory of their own.
  const { text, ...document } = await parsed({
    ...source,
    bytes: Uint8Array.from(source.bytes),
  });
  return { document, text: shared(Buffer.from(text)) };
}

/** The readers load with the first document: in a thread of the pool, not where the parser is only asked. */
async function parsed(source: DocumentSource): Promise<ParsedDocument> {
  const { parseDocument } = await import("./parse.ts");
  return await parseDocument(source);
}

function shared(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

/**
 * Time and memory of its own are the document's fault, and so is what nobody thought of: an error without
 * a name of its own, or a thread that died of it. Having had no thread is not.
 */
function documentError(cause: unknown, runMs: number, memoryMib: number): unknown {
  if (!(cause instanceof RuntimeError)) return cause;
  if (cause.code === "DEADLINE" && cause.details?.["phase"] === "running") {
    return unreadable(
      "timeout",
      `Reading the document took longer than ${runMs / 1_000} s. Divide it or save it in a simpler form.`,
      cause,
    );
  }
  if (cause.code === "TASK_MEMORY") {
    return unreadable(
      "memory",
      `Reading the document needs more than ${memoryMib} MiB of memory. Divide it or save it in a simpler form.`,
      cause,
    );
  }
  if (cause.code === "INTERNAL") {
    return unreadable(
      "damaged",
      "The document is damaged in a way that its reader cannot cope with. Open it and save it again, or in another format.",
      cause,
    );
  }
  return cause;
}
