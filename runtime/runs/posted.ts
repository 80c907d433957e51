// A message that a run tree has posted, as a part of a commit batch.

import type { Participant } from "../kernel/commit-batch.ts";
import type { Post } from "../kernel/post.ts";

/** Who posts: a run tree. */
interface Poster extends Participant {
  post(post: Post): void;
}

/** A message that a tree has posted, as a part of its batch. */
export class Posted implements Participant {
  readonly tree: Poster;
  readonly post: Post;

  constructor(tree: Poster, post: Post) {
    this.tree = tree;
    this.post = post;
  }

  get shard(): number {
    return this.tree.shard;
  }
}
