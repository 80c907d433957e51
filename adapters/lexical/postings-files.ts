// Postings files: the lexical half of a large collection's index.

import type { PostingsFiles } from "../../actors/knowledge/segment.ts";
import { buildPostings } from "./postings-build.ts";
import { openPostings } from "./postings-view.ts";

/** Postings files. */
export function createPostingsFiles(): PostingsFiles {
  return { view: openPostings, build: buildPostings };
}
