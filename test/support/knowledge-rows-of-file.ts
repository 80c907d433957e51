// Rows of knowledge that all tests of a file share: started before the first, removed after the last.

import { afterAll, beforeAll } from "vitest";
import { type KnowledgeRows, startKnowledgeRows } from "./knowledge-rows.ts";

/** Called once at the head of a file; what it gives is there when the tests run. */
export function knowledgeRowsOfFile(): () => KnowledgeRows {
  let rows: KnowledgeRows | undefined;
  beforeAll(async () => {
    rows = await startKnowledgeRows();
  });
  afterAll(() => rows?.close());
  return () => {
    if (rows === undefined) throw new Error("The rows are there once the tests run.");
    return rows;
  };
}
