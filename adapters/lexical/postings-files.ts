// Postings files: the lexical half of a large collection's index.

import type { PostingsFiles } from "../../actors/knowledge/segment.ts";
import type { Sealer } from "../../runtime/store/sealer.ts";
import { buildPostings } from "./postings-build.ts";
import { openPostings } from "./postings-view.ts";

/** Postings files. @param sealer absent: they are in clear. */
export function createPostingsFiles(sealer?: Sealer): PostingsFiles {
  return {
    view: (folder, header) => openPostings(folder, header, sealer),
    build: (folder, previous) => buildPostings(folder, previous, sealer),
  };
}
