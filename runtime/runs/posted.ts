// A message that a run tree has posted, as a part of a commit batch.

import type { Participant } from "../kernel/committer.ts";
import type { Post } from "../kernel/post.ts";
import type { RunTree } from "./run-tree.ts";

/** A message that a tree has posted, as a part of its batch. */
export class Posted implements Participant {
  readonly tree: RunTree;
  readonly post: Post;

  constructor(tree: RunTree, post: Post) {
    this.tree = tree;
    this.post = post;
  }

  get shard(): number {
    return this.tree.shard;
  }
}
