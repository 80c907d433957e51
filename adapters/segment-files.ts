// The formats of index files, put together: what searches and merges of every thread are given.

import type { SegmentFiles } from "../actors/knowledge/segment.ts";
import { createPostingsFiles } from "./lexical/postings-files.ts";
import { createVectorFiles } from "./vector/vector-files.ts";

/** Files of vectors and of postings. */
export function createSegmentFiles(): SegmentFiles {
  return { vectors: createVectorFiles(), postings: createPostingsFiles() };
}
