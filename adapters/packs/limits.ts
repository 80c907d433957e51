// Bounds of packs. What one pack says is one transaction of the tables, which takes 1,000 rows.

/** Limits of packs; texts in characters unless they say bytes. */
export const packLimits = {
  /** Of the file itself, and of the files beside it that its documents name, together. */
  sourceBytes: 1_024 * 1_024,
  filesBytes: 8 * 1_024 * 1_024,
  files: 1_000,
  /** Levels of the YAML, and of nodes of all kinds in it. */
  depth: 40,
  nodes: 200_000,
  /** Times that anchors may be repeated, counted as they multiply. */
  aliases: 100,
  /** Objects with their sub-agents, and documents. */
  objects: 400,
  documents: 1_000,
  /** Rows that one apply may write: those of one transaction. */
  writes: 1_000,
  parameters: 100,
  secrets: 100,
  /** Problems that one answer lists. */
  problems: 50,
  /** Versions of a pack that are kept; the oldest goes. */
  versions: 10,
  /** Packs of a tenant. */
  packs: 200,
  /** Time for the documents of one collection to be taken in, ms. */
  documentsMs: 300_000,
} as const;
