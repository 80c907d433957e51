// Limits of watching files; times in ms.

/** All of them. */
export const watchLimits = {
  /** Files that one trigger watches, and entries of folders that it looks at for them. */
  files: 20_000,
  entries: 100_000,
  /** Folders that the system is asked to tell of, of one trigger; with more it is looked at them all, again and again. */
  folders: 2_000,
  /** Names that the system has told of, between two looks; of more than that everything is looked at. */
  names: 1_000,
  /**
   * What the system tells within a second of all that is watched: with more, some of it may have been lost (Linux
   * keeps 16,384), and everything is looked at after a while; not again within the last of these.
   */
  hints: 4_096,
  hintsMs: 1_000,
  lostMs: 5_000,
  lostAgainMs: 60_000,
  /** Between what the system tells and the look that follows. */
  hintMs: 50,
  /** Between two looks at everything: where the system tells of changes, and where it does not. */
  roundMs: 21_600_000,
  pollMs: 10_000,
  /** A watch rests so many times as long as its last look took, at most as long as the second. */
  restTimes: 10,
  restMsMax: 60_000,
  /** A folder that is not there, or that has too much in it, is looked for again. */
  absentMs: 5_000,
  tooManyMs: 60_000,
  /** What could not be told, or found no room, is told again. */
  againMs: 5_000,
  /** Who makes a trigger waits so long for what is in its folder to be known. */
  firstMs: 10_000,
  /** Looks at once, of all triggers. */
  lanes: 4,
  /** Records that are read at once. */
  page: 1_000,
} as const;
