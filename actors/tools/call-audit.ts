// Every call of a tool leaves an audit row: which, when, with which arguments (by their SHA-256: what they
// said stands in the run's record), and what came of it. Rows commit with the end of the run.

import { createHash } from "node:crypto";
import type { RunContext } from "../../runtime/actor.ts";
import { rootRunOf } from "../../runtime/frame.ts";
import type { ToolCall } from "../ports.ts";
import { type AuditOutcome, audit } from "../records/audit.ts";

/** Calls of one run that have rows of their own; of more, the rest is counted in one. */
export const CALLS_TOLD_MAX = 200;

interface Told {
  readonly tool: string;
  /** Of its step, unique within the run. */
  readonly key: string;
  readonly arguments: string;
  outcome: AuditOutcome;
  code: string | null;
}

interface Book {
  readonly calls: Told[];
  more: number;
}

const books = new WeakMap<object, Book>();

/**
 * Notes a call that is about to be looked at.
 * @returns tells what came of it; one of which that is never told has the outcome `unknown`.
 */
export function noteCall(
  context: RunContext,
  call: ToolCall,
  key: string,
): (result: unknown) => void {
  // What a run was forked with was done, and told, by another one.
  if (context.isCopied(key)) return () => undefined;
  const book = books.get(context) ?? openBook(context);
  if (book.calls.length >= CALLS_TOLD_MAX) {
    book.more += 1;
    return () => undefined;
  }
  const told: Told = {
    ...{ tool: call.name.slice(0, 100), key, outcome: "unknown", code: null },
    arguments: createHash("sha256").update(call.arguments).digest("hex"),
  };
  book.calls.push(told);
  return (result) => {
    told.code = codeOf(result);
    told.outcome = outcomeOf(told.code);
  };
}

function openBook(context: RunContext): Book {
  const book: Book = { calls: [], more: 0 };
  books.set(context, book);
  const source = { by: "run", channel: "run" } as const;
  const run_id = rootRunOf(context.id);
  context.atEnd((turn) => {
    for (const { tool, key, outcome, code, arguments: hash } of book.calls) {
      const details = { run: context.id, step: key, arguments_sha256: hash, code };
      audit(turn, { ...source, action: "tool.call", subject: tool, run_id, outcome, details });
    }
    if (book.more === 0) return;
    const details = { run: context.id, more: book.more };
    audit(turn, { ...source, action: "tool.call", subject: "*", run_id, outcome: "done", details });
  });
  return book;
}

/** Of a failure, as the model is told it. */
function codeOf(result: unknown): string | null {
  const { error } = (result ?? {}) as { readonly error?: { readonly code?: unknown } };
  return typeof error?.code === "string" ? error.code : null;
}

function outcomeOf(code: string | null): AuditOutcome {
  if (code === null) return "done";
  if (code === "STEP_UNKNOWN") return "unknown";
  return code === "FORBIDDEN" || code === "URL_REFUSED" ? "refused" : "failed";
}
