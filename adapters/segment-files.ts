// The formats of index files, put together: what searches and merges of every thread are given.

import type { SegmentFiles } from "../actors/knowledge/segment.ts";
import type { Sealer } from "../runtime/store/sealer.ts";
import { createPostingsFiles } from "./lexical/postings-files.ts";
import { createVectorFiles } from "./vector/vector-files.ts";

/** Files of vectors and of postings. @param sealer of postings, whose words are text; absent: in clear. */
export function createSegmentFiles(sealer?: Sealer): SegmentFiles {
  return { vectors: createVectorFiles(), postings: createPostingsFiles(sealer) };
}
