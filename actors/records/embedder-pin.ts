// Whose vectors are stored somewhere: kept in the record of a collection, beside what an agent
// remembers, and in the job that embeds anew.

/** What a collection is pinned to. Vectors of another id or dimension cannot be compared with its own. */
export interface EmbedderPin {
  readonly id: string;
  readonly dimension: number;
  /**
   * Tells the weights apart from others that go by the same id. Absent where the id alone says what
   * the vectors are, and until an embedder is first used.
   */
  readonly weights?: string;
}
